import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { device, matmul, type Tensor, tensor } from "../../mod.ts";
import { makeTempDir, remove } from "../../platform/mod.ts";
import { testFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import * as reference from "../../testing/reference.ts";
import { family } from "../_family.ts";
import { GROUP_TILES } from "./_groups.ts";
import { LANE_TILES } from "./_lanes_plan.ts";
import { tune } from "./tune.ts";
import { currentTuning, productClass, readTuning, storeTuning, tuningKey, useTuning, withTile } from "./tuning.ts";

const drawn = (rows: number, columns: number, seed: number) => {
  const { normal } = reference.random(seed);
  return reference.array([rows, columns], Float32Array.from({ length: rows * columns }, normal));
};
const given = ({ data, shape }: reference.NDArray): Tensor => tensor(Float32Array.from(data), { shape: [...shape] });

/** Runs `fn` with a cache folder of its own and leaves no tuning in use. */
async function apart(fn: () => Promise<void>): Promise<void> {
  const before = Deno.env.get("FULGURITE_CACHE");
  const folder = await makeTempDir();
  Deno.env.set("FULGURITE_CACHE", folder);
  try {
    await fn();
  } finally {
    useTuning(null);
    if (before === undefined) Deno.env.delete("FULGURITE_CACHE");
    else Deno.env.set("FULGURITE_CACHE", before);
    await remove(folder, { recursive: true });
  }
}

testFamilies("every tile that a tuning may choose gives the product", async () => {
  const a = drawn(37, 24, 1), b = drawn(24, 44, 2);
  const want = reference.matmul(a, b);
  for (const name of family() === "lanes" ? LANE_TILES : GROUP_TILES) {
    const got = await withTile(name, () => matmul(given(a), given(b)).data());
    for (let i = 0; i < want.data.length; i++) assert(Math.abs(Number(got[i]) - want.data[i]) < 1e-4, `${name} [${i}]`);
  }
});

Deno.test("products of one class share their tiles, whatever their sizes are", () => {
  const kind = { batches: 1, layout: "NN", dtype: "f32" } as const;
  assertEquals(productClass({ ...kind, m: 512, n: 512, k: 512 }), productClass({ ...kind, m: 700, n: 600, k: 900 }));
  assertEquals(productClass({ ...kind, m: 1, n: 512, k: 512 }), "thin NN 32");
  assertEquals(productClass({ ...kind, m: 64, n: 64, k: 4096, dtype: "bf16" }), "deep NN 16");
});

gpuTest("a tuning is used when it is asked for, stored, read again, and refused elsewhere", () =>
  apart(async () => {
    assertEquals(await readTuning(), null);
    assertEquals(currentTuning(), null);
    const made = await tune({ sizes: [[48, 16, 48]], layouts: ["NN"], dtypes: ["f32"] });
    assertEquals(made.adapter, tuningKey(device()));
    assertEquals(currentTuning(), made);
    useTuning(null);
    assertEquals(await readTuning(), made);
    assertEquals(currentTuning(), null);
    assertThrows(
      () => useTuning({ adapter: "groups|other|gpu", choices: {} }),
      Error,
      "Cannot use a tuning in useTuning: it is for groups|other|gpu, the adapter is",
    );
    const broken: unknown = { adapter: 1 };
    await storeTuning(broken as Awaited<ReturnType<typeof tune>>);
    await assertRejects(() => readTuning(), Error, "must hold an adapter and names of tiles");
  }));

gpuTest("tune knows no other options", () =>
  apart(async () => {
    const misspelt = { dtype: ["f32"], sizes: [] };
    await assertRejects(
      () => tune(misspelt),
      TypeError,
      "Cannot tune matrix products: there is no option dtype, dtypes",
    );
  }));
