import { device } from "../../device/mod.ts";
import { checkNames } from "../../device/option_names.ts";
import { noGrad } from "../../tensor/grad_mode.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { to } from "../elementwise/cast.ts";
import { family } from "../_family.ts";
import { transpose } from "../layout/views.ts";
import { rand } from "../random/random.ts";
import { GROUP_TILES } from "./_groups.ts";
import { LANE_TILES } from "./_lanes_plan.ts";
import { matmul } from "./matmul.ts";
import { productClass, type ProductKind, storeTuning, type Tuning, tuningKey, useTuning, withTile } from "./tuning.ts";

/** What `tune` measures. */
export interface TuneOptions {
  /** Products to time: rows, inner size, columns; default: one or two for each class of shapes. */
  sizes?: readonly (readonly [m: number, k: number, n: number])[];
  /** Orders of the operands; default `["NN", "NT", "TN"]`. */
  layouts?: readonly ("NN" | "NT" | "TN")[];
  /** Types of the operands; default `["f32", "f16"]`. */
  dtypes?: readonly ("f32" | "f16" | "bf16")[];
  /** Whether the result is written to the cache folder, for `readTuning`; default true. */
  store?: boolean;
}

const SIZES: readonly (readonly [number, number, number])[] = [
  [8, 1024, 1024],
  [64, 4096, 64],
  [2048, 256, 128],
  [128, 256, 2048],
  [128, 128, 128],
  [512, 512, 512],
  [2048, 1024, 2048],
];

/** Least milliseconds of a sample, and how many there are. */
const SAMPLE = 20, SAMPLES = 3;
/** A tile takes the place of another only when it is faster by this factor: what is within noise stays. */
const CLEARLY = 0.95;

/**
 * Times the tiles of matrix products on the open device, uses the fastest from here on and stores them. It is the only
 * way that choices change: later runs take them up with `useTuning(await readTuning())`, so that results repeat.
 *
 * By default it compiles and times every tile for 42 products, at least 60 ms each: count on minutes, and on a software
 * adapter on more than two. Fewer `sizes`, `layouts` or `dtypes` take as much less.
 *
 * @param options Products to time, and whether to store the result
 * @returns The choices by class of product; a class that is missing is left to the built-in rules
 * @throws {TypeError} If there is no such option
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { tune, useTuning } from "@fulgurite/core/kernels";
 *
 * await init();
 * const { choices } = await tune({ sizes: [[32, 32, 32]], layouts: ["NN"], dtypes: ["f32"], store: false });
 * console.log(Object.keys(choices).length <= 1); // true
 * useTuning(null); // back to the built-in rules
 * ```
 */
export async function tune(options: TuneOptions = {}): Promise<Tuning> {
  checkNames("tune matrix products", options, { sizes: true, layouts: true, dtypes: true, store: true });
  const { sizes = SIZES, layouts = ["NN", "NT", "TN"], dtypes = ["f32", "f16"], store = true } = options;
  const choices: Record<string, string> = {};
  useTuning(null);
  for (const [m, k, n] of sizes) {
    for (const layout of layouts) {
      for (const dtype of dtypes) {
        const kind: ProductKind = { m, n, k, batches: 1, layout, dtype };
        const best = await fastest(kind);
        if (best !== null) choices[productClass(kind)] = best;
      }
    }
  }
  const tuning: Tuning = { adapter: tuningKey(device()), choices };
  useTuning(tuning);
  if (store) await storeTuning(tuning);
  return tuning;
}

/** The tile that is clearly faster than the rules' own choice, or `null`. */
async function fastest({ m, n, k, layout, dtype }: ProductKind): Promise<string | null> {
  const side = (rows: number, columns: number, transposed: boolean) => {
    const t = noGrad(() => to(rand(transposed ? [columns, rows] : [rows, columns]), dtype));
    void t.storage.buffer;
    return t;
  };
  const a = side(m, k, layout === "TN"), b = side(k, n, layout === "NT");
  try {
    const run = () => time(() => multiplied(a, b, layout));
    let least = await run() * CLEARLY;
    let best: string | null = null;
    for (const name of family() === "lanes" ? LANE_TILES : GROUP_TILES) {
      const taken = await withTile(name, run);
      if (taken < least) [least, best] = [taken, name];
    }
    return best;
  } finally {
    a.dispose();
    b.dispose();
  }
}

function multiplied(a: Tensor, b: Tensor, layout: string): void {
  const y = matmul(layout === "TN" ? transpose(a, 0, 1) : a, layout === "NT" ? transpose(b, 0, 1) : b);
  void y.storage.buffer;
}

/** Milliseconds of one product: the least of several samples of many, as whatever disturbs only adds. */
async function time(step: () => void): Promise<number> {
  const sample = async (count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) noGrad(() => scope(step));
    await device().sync();
    return (performance.now() - start) / count;
  };
  await sample(1);
  const count = Math.max(1, Math.min(200, Math.ceil(SAMPLE / await sample(1))));
  let least = Infinity;
  for (let i = 0; i < SAMPLES; i++) least = Math.min(least, await sample(count));
  return least;
}
