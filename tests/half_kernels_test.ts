/**
 * Row kernels read and write 16 bits themselves: what they give in both families, and how many dispatches that takes.
 */
import { assert, assertEquals } from "@std/assert";
import {
  amax,
  argmax,
  batchNorm,
  crossEntropy,
  grad,
  layerNorm,
  logSoftmax,
  logsumexp,
  mean,
  norm,
  ones,
  rmsNorm,
  softmax,
  sum,
  type Tensor,
  tensor,
  to,
  variance,
  zeros,
} from "../mod.ts";
import { autocast } from "../tensor/autocast.ts";
import { withFamily } from "../kernels/_family.ts";
import type { DType } from "../tensor/dtype.ts";
import { countDispatches, gpuTest } from "../testing/gpu.ts";
import { random } from "../testing/reference.ts";

const draw = (shape: number[], seed: number, dtype: DType): Tensor => {
  const { normal } = random(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  return to(tensor(Float32Array.from({ length: count }, () => normal()), { shape }), dtype);
};

const labels = (count: number, classes: number) =>
  tensor(Int32Array.from({ length: count }, (_, i) => i * 7 % classes));

type Function = (x: Tensor, weight: Tensor) => Tensor;

/** What reads rows, by name; those of the second list write elements in the type of the input. */
const REDUCTIONS: Record<string, Function> = {
  sum: (x) => sum(x, { dim: 1 }),
  "sum of columns": (x) => sum(x, { dim: 0 }),
  mean: (x) => mean(x, { dim: 1 }),
  amax: (x) => amax(x, { dim: 1 }),
  argmax: (x) => argmax(x, { dim: 1 }),
  norm: (x) => norm(x, { dim: 1 }),
  "largest magnitude": (x) => norm(x, { dim: 1, p: Infinity }),
  count: (x) => norm(x, { dim: 1, p: 0 }),
  logsumexp: (x) => logsumexp(x, { dim: 1 }),
  variance: (x) => variance(x, { dim: 1 }),
  crossEntropy: (x) => crossEntropy(x, labels(x.shape[0], x.shape[1])),
};
const ELEMENTS: Record<string, Function> = {
  softmax: (x) => softmax(x, { dim: 1 }),
  "softmax of columns": (x) => softmax(x, { dim: 0 }),
  logSoftmax: (x) => logSoftmax(x, { dim: 1 }),
  layerNorm: (x, weight) => layerNorm(x, { normalizedShape: [x.shape[1]], weight, bias: weight }),
  rmsNorm: (x, weight) => rmsNorm(x, { normalizedShape: [x.shape[1]], weight, eps: 1e-5 }),
  batchNorm: (x, weight) => batchNorm(x, { weight, bias: weight, training: true }),
};

// Rows of whole quads, of whole words, and of neither.
const SHORT = [[6, 8], [5, 10], [3, 7]];
// Rows that a workgroup shares. Its kernels compile slowly on software adapters, so there are few.
const SHARED = [[2, 46]];

async function compare(dtype: "f16" | "bf16", functions: Record<string, Function>, shapes: number[][]): Promise<void> {
  const unit = dtype === "f16" ? 2 ** -11 : 2 ** -8;
  for (const [name, fn] of Object.entries(functions)) {
    for (const shape of shapes) {
      const run = async (type: DType) => {
        const x = to(draw(shape, 3, dtype), type), weight = to(draw([shape[1]], 5, dtype), type);
        x.requiresGrad = true, weight.requiresGrad = true;
        const y = fn(x, weight);
        assertEquals(y.dtype, name === "argmax" ? "i32" : type);
        const found = [Array.from(await y.data(), Number)];
        if (!y.requiresGrad) return found;
        const gradOutputs = to(draw([...y.shape], 11, dtype), type);
        const gradients = grad(y, [x, weight], { gradOutputs, allowUnused: true });
        for (const g of gradients) {
          if (g !== null) assertEquals(g.dtype, type), found.push(Array.from(await g.data(), Number));
        }
        return found;
      };
      const got = await run(dtype), want = await run("f32");
      want.forEach((wide, k) => {
        // Gradients read the result as it was stored.
        const top = wide.reduce((top, v) => Math.max(top, Math.abs(v)), 0);
        wide.forEach((v, i) => {
          const allowed = (k === 0 ? unit * Math.abs(v) : 24 * unit * top) + 1e-6;
          const off = Math.abs(got[k][i] - v);
          assert(off <= allowed, `${name} [${shape}], result ${k}, place ${i}: ${got[k][i]}, want ${v} ± ${allowed}`);
        });
      });
    }
  }
}

for (const dtype of ["f16", "bf16"] as const) {
  gpuTest(
    `values and gradients in ${dtype} are those of f32, rounded once`,
    () => compare(dtype, { ...REDUCTIONS, ...ELEMENTS }, SHORT),
  );
}
gpuTest("so they are where a workgroup shares a row", () => {
  const { sum, argmax, crossEntropy } = REDUCTIONS, { softmax, layerNorm } = ELEMENTS;
  const functions = { sum, argmax, crossEntropy, softmax, layerNorm };
  return withFamily("groups", () => compare("bf16", functions, SHARED));
});

gpuTest("16 bits take as many dispatches as f32, alone and under autocast", async (device) => {
  const count = async (fn: () => void) => {
    await device.sync();
    return countDispatches(fn);
  };
  const cases: [string, Function][] = Object.entries({ ...ELEMENTS, crossEntropy: REDUCTIONS.crossEntropy });
  const steps: Record<string, number[]> = {};
  for (const [name, fn] of cases) {
    steps[name] = [];
    for (const [type, cast] of [["f32", null], ["bf16", null], ["bf16", "bf16"], ["f16", "f16"]] as const) {
      const x = draw([16, 10], 3, type), weight = cast === null ? draw([10], 5, type) : ones([10]);
      // A loss' own gradient is made once for all.
      const start = cast === null ? zeros([], { dtype: type }) : zeros([]);
      for (const t of [x, weight, start]) void t.storage.buffer;
      x.requiresGrad = true;
      const forward = () => autocast(cast, () => fn(x, weight));
      void forward().storage.buffer;
      steps[name].push(
        await count(() => {
          const y = forward();
          void y.storage.buffer;
          const dy = y.ndim === 0 ? start : x;
          const [g] = grad(y, x, { gradOutputs: y.dtype === dy.dtype ? dy : zeros(y.shape, { dtype: y.dtype }) });
          assertEquals(g!.dtype, type);
          void g!.storage.buffer;
        }),
      );
    }
  }
  for (const [name, [wide, half, mixed, mixed16]] of Object.entries(steps)) {
    // A loss is rounded to the type of its input, and its gradient read in f32 again, where nothing is autocast.
    const more = name === "crossEntropy" ? 2 : 0;
    assert(half <= wide + more, `${name}: ${half} dispatches in bf16, ${wide} in f32`);
    assert(mixed <= wide + 1 && mixed16 <= wide + 1, `${name}: ${mixed} and ${mixed16} under autocast, ${wide} in f32`);
  }
});

gpuTest("a loss under autocast keeps what it was given in 16 bits, and gives f32", async (device) => {
  await device.sync();
  const before = device.memory().liveBytes;
  const x = draw([64, 512], 3, "bf16");
  x.requiresGrad = true;
  void x.storage.buffer;
  const given = device.memory().liveBytes - before;
  const loss = autocast("bf16", () => crossEntropy(x, labels(64, 512)));
  void loss.storage.buffer;
  assertEquals(loss.dtype, "f32");
  // Statistics of 64 rows and a few scalars; an f32 copy of the input would be twice its bytes.
  assert(device.memory().liveBytes - before - given < given / 4, device.memory().toString());
});
