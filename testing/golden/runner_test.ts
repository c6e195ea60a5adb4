import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeSafetensors } from "../../tensor/safetensors.ts";
import { gpuTest } from "../gpu.ts";
import type { Result } from "./report.ts";
import { runGolden } from "./runner.ts";

/** Writes files into a folder, runs it, and removes it. */
async function run(files: Record<string, string | Uint8Array>): Promise<{ results: Result[]; text: string }> {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.mkdir(`${dir}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      if (typeof content === "string") await Deno.writeTextFile(`${dir}/${name}`, content);
      else await Deno.writeFile(`${dir}/${name}`, content);
    }
    const lines: string[] = [];
    const results = await runGolden(dir, { print: (line) => lines.push(line) });
    return { results, text: lines.join("\n") };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const f32 = (shape: number[], ...values: number[]) =>
  ({ dtype: "f32", shape, data: Float32Array.from(values) }) as const;

const tolerance = { f32: { rtol: 0, atol: 1e-6 }, f32Grad: { rtol: 0, atol: 1e-6 } };

/** A case `x·b` with gradients, its expected output off by `error`. */
function productCase(id: string, op: string, output = "out") {
  return {
    id,
    op,
    inputs: [{ name: "input", tensor: "x", dtype: "f32", shape: [2] }, {
      name: "other",
      tensor: "b",
      dtype: "f32",
      shape: [],
    }],
    attrs: {},
    outputs: [output],
    gradOutputs: ["gout"],
    gradInputs: { input: "gx", other: "gb" },
    tolerance,
  };
}

const tensors = encodeSafetensors({
  x: f32([2], 1, 2),
  b: f32([], 3),
  out: f32([2], 3, 6),
  wrong: f32([2], 3, 6.5),
  long: f32([3], 3, 6, 9),
  gout: f32([2], 1, 10),
  gx: f32([2], 3, 30),
  gb: f32([], 21),
  at: { dtype: "i32", shape: [2], data: Int32Array.of(4, 1) },
  sampled: f32([2], 8, 2),
  zeros: f32([2], 0, 0),
});

const suite = (name: string, cases: unknown[]) => JSON.stringify({ suite: name, tensors: "any.safetensors", cases });

gpuTest("runGolden: passes, fails and skips; suites, folders and files may have any name", async () => {
  const { results, text } = await run({
    "deep/never seen.json": suite("never seen", [
      productCase("a/right", "mul"),
      productCase("a/wrong", "mul", "wrong"),
      productCase("a/shape", "mul", "long"),
      productCase("a/unknown", "frobnicate"),
    ]),
    "deep/any.safetensors": tensors,
    "deep/notes.json": "{}",
  });
  assertEquals(results.map(({ id, outcome }) => [id, outcome]), [
    ["a/right", "passed"],
    ["a/wrong", "failed"],
    ["a/shape", "failed"],
    ["a/unknown", "skipped"],
  ]);
  assertStringIncludes(text, "output 0 [1] got 6, want 6.5 ± 0.000001");
  assertStringIncludes(text, "output 0 has shape [2], want [3]");
  assertStringIncludes(text, "op frobnicate 1");
  assertEquals(text.split("\n").at(-1), "1 passed, 2 failed, 1 skipped");
});

gpuTest("runGolden: a wrong gradient, a missing gradient that must be zeros, patterns and samples", async () => {
  const pattern = { mul: 2, add: 0, modulus: 100, div: 1, sub: 0 };
  const large = {
    id: "b/pattern",
    op: "add",
    inputs: [{ name: "input", pattern, dtype: "f32", shape: [5] }, { name: "other", value: 0 }],
    attrs: {},
    outputs: [{ at: "at", values: "sampled", shape: [5] }],
    tolerance,
  };
  const { results } = await run({
    "x.json": suite("x", [
      { ...productCase("b/gradient", "mul"), gradInputs: { input: "gx", other: "b" } },
      { ...productCase("b/none", "mul"), gradOutputs: [null], gradInputs: { input: "zeros" } },
      { ...productCase("b/someone", "mul"), gradOutputs: [null] },
      large,
      { ...large, id: "b/sample", outputs: [{ at: "at", values: "gout", shape: [5] }] },
    ]),
    "any.safetensors": tensors,
  });
  const of = (id: string) => results.find((result) => result.id === id)!;
  assertEquals(of("b/gradient").outcome, "failed");
  assertStringIncludes(of("b/gradient").detail!, "gradient of other [] got 21, want 3");
  assertEquals(of("b/none").outcome, "passed");
  assertEquals(of("b/someone").outcome, "failed");
  assertEquals(of("b/pattern").outcome, "passed");
  assertStringIncludes(of("b/sample").detail!, "[1] got 2, want 10");
});

gpuTest("runGolden: the loose bound of a built-in does not make a case pass, unless it is all there is", async () => {
  const loose = { rtol: 0, atol: 1 };
  const { results } = await run({
    "x.json": suite("x", [
      { ...productCase("c/both", "mul", "wrong"), tolerance: { ...tolerance, wgsl: loose } },
      { ...productCase("c/only", "mul", "wrong"), tolerance: { wgsl: loose } },
    ]),
    "any.safetensors": tensors,
  });
  assertEquals(results.map(({ outcome }) => outcome), ["failed", "passed"]);
  assertStringIncludes(results[1].note!, "loose bound");
});

gpuTest("runGolden: files that cannot be read fail their rows, unknown kinds are skipped", async () => {
  const { results } = await run({
    "x.json": suite("x", [productCase("d/right", "mul"), productCase("d/file", "mul", "nowhere")]),
    "any.safetensors": tensors,
    "y.json": suite("y", [productCase("d/other", "mul")]).replace("any.", "none."),
    "z.json": JSON.stringify({ suite: "facts", facts: [{ kind: "shape", op: "mul" }, { kind: "novel" }, { odd: 1 }] }),
  });
  assertEquals(results.map(({ id, outcome }) => [id, outcome]), [
    ["d/right", "passed"],
    ["d/file", "failed"],
    ["d/other", "failed"],
    ["facts/shape mul #0", "failed"],
    ["facts/novel #1", "skipped"],
    ["facts/#2", "skipped"],
  ]);
  assert(results[2].detail!.includes("none.safetensors"));
});

gpuTest("runGolden: facts are held to what they say", async () => {
  const shape = { kind: "shape", op: "add", inputShapes: { input: [2, 1], other: [3] }, attrs: {} };
  const { results } = await run({
    "facts.json": JSON.stringify({
      suite: "facts",
      facts: [
        { ...shape, outputShapes: [[2, 3]] },
        { ...shape, outputShapes: [[3, 2]] },
        { ...shape, error: true },
        { ...shape, inputShapes: { input: [2], other: [3] }, error: true },
        { kind: "promotion", left: "f16", right: "bf16", add: "f32", div: "f32", addZeroDim: "f16" },
        { kind: "promotion", left: "f16", right: "bf16", add: "bf16", div: "f32", addZeroDim: "f16" },
        {
          kind: "error",
          op: "add",
          inputs: { input: { dtype: "f32", shape: [2] }, other: { dtype: "f32", shape: [3] } },
        },
        { kind: "error", op: "add", inputs: { input: { dtype: "f32", shape: [2] }, other: 1 }, why: "no reason" },
      ],
    }),
  });
  const outcomes = results.map(({ outcome }) => outcome);
  assertEquals(outcomes, ["passed", "failed", "failed", "passed", "passed", "failed", "passed", "failed"]);
});
