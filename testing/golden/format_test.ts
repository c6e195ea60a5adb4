import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { encodeSafetensors } from "../../tensor/safetensors.ts";
import { number, parseSuite, patternValues, readSuites, readTensors, revive } from "./format.ts";

Deno.test("number and revive: non-finite numbers are strings", () => {
  assertEquals(number("NaN"), NaN);
  assertEquals([number("Infinity"), number("-Infinity"), number(2)], [Infinity, -Infinity, 2]);
  assertThrows(() => number("2"), TypeError);
  assertEquals(revive({ p: "Infinity", list: ["-Infinity", "mean", 1] }), {
    p: Infinity,
    list: [-Infinity, "mean", 1],
  });
});

Deno.test("patternValues: ((i·mul + add) mod modulus) / div − sub, exact for large i", () => {
  assertEquals([...Array.from(patternValues({ mul: 3, add: 1, modulus: 5, div: 2, sub: 1 }, 4, "f32"))], [
    -0.5,
    1,
    0,
    -1,
  ]);
  assertEquals([...Array.from(patternValues({ mul: 3, add: 1, modulus: 5, div: 2, sub: 1 }, 4, "i32"))], [1, 4, 2, 0]);
  const [mul, add, modulus] = [104729, 7, 1024];
  const last = 4_399_999;
  const want = Number((BigInt(last) * BigInt(mul) + BigInt(add)) % BigInt(modulus));
  assertEquals(patternValues({ mul, add, modulus }, last + 1, "i32")[last], want);
});

Deno.test("parseSuite: any list of rows, and nothing else", () => {
  assertEquals(parseSuite("a/index.json", `{"files":[{"file":"x"}]}`), undefined);
  assertEquals(parseSuite("a/x.json", `[1]`), undefined);
  const suite = parseSuite("a/x.json", `{"tensors":"t","cases":[{"id":"a"}]}`);
  assertEquals(suite, { path: "a/x.json", name: "x", header: { tensors: "t" }, rows: [{ id: "a" }] });
});

Deno.test("readTensors: every stored type as numbers", async () => {
  const file = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(
      file,
      encodeSafetensors({
        half: { dtype: "f16", shape: [2], data: new Uint16Array([0x3c00, 0x7c00]) },
        brain: { dtype: "bf16", shape: [2], data: new Uint16Array([0x3f80, 0xc000]) },
        truth: { dtype: "bool", shape: [1, 2], data: new Uint8Array([0, 1]) },
        scalar: { dtype: "i32", shape: [], data: new Int32Array([-7]) },
      }),
    );
    const tensors = await readTensors(file);
    const values = (key: string) => Array.from(tensors(key).values);
    assertEquals([values("half"), values("brain")], [[1, Infinity], [1, -2]]);
    assertEquals([values("truth"), values("scalar"), [...tensors("scalar").shape]], [[0, 1], [-7], []]);
    assertThrows(() => tensors("other"), RangeError, "other");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("readSuites: walks folders; a listed file that is missing is an error", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await assertRejects(() => readSuites(dir), RangeError, "no fixture file");
    await Deno.mkdir(`${dir}/deep/er`, { recursive: true });
    await Deno.writeTextFile(`${dir}/deep/er/index.json`, `{"cases":[]}`);
    await Deno.writeTextFile(`${dir}/notes.json`, `{"hello":1}`);
    assertEquals((await readSuites(`${dir}/`)).map(({ name }) => name), ["index"]);
    await Deno.writeTextFile(`${dir}/index.json`, `{"files":[{"file":"gone.json"}]}`);
    await assertRejects(() => readSuites(dir), RangeError, "gone.json");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
