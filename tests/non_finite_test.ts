/**
 * What PyTorch does with NaN and infinities, in both kernel families and every float type: WGSL compilers may assume
 * that neither occurs, so each kernel that compares has to look at bits. NaN stands at the beginning, inside and at the
 * end of rows that one invocation, several, or several workgroups take.
 */
import { assertEquals } from "@std/assert";
import * as L from "../mod.ts";
import { type DType, type Tensor, tensor } from "../mod.ts";
import { withFamily } from "../kernels/_family.ts";
import { gpuTest } from "../testing/gpu.ts";

const TYPES: readonly DType[] = ["f32", "f16", "bf16"];
const LENGTHS = [1, 5, 67, 2049];

/** A row of small numbers with one of another kind. */
function row(length: number, at: number, value: number): number[] {
  return Array.from({ length }, (_, i) => i === at ? value : (i % 7) / 8 - 0.25);
}

async function numbers(t: Tensor): Promise<number[]> {
  return [...await t.data()].map(Number);
}

/** Results that a NaN anywhere in the row makes NaN. */
const SPREADS: Record<string, (x: Tensor) => Tensor> = {
  amax: (x) => L.amax(x, { dim: 1 }),
  amin: (x) => L.amin(x, { dim: 1 }),
  cumsumEnd: (x) => L.narrow(L.cumsum(x, { dim: 1 }), { dim: 1, start: x.shape[1] - 1, length: 1 }),
  logsumexp: (x) => L.logsumexp(x, { dim: 1 }),
  logSoftmax: (x) => L.logSoftmax(x, { dim: 1 }),
  max: (x) => L.max(x, { dim: 1 })[0],
  maxPool: (x) => L.maxPool1d(x, { kernelSize: x.shape[1] }),
  mean: (x) => L.mean(x, { dim: 1 }),
  min: (x) => L.min(x, { dim: 1 })[0],
  norm: (x) => L.norm(x, { dim: 1 }),
  normMax: (x) => L.norm(x, { p: Infinity, dim: 1 }),
  prod: (x) => L.prod(x, { dim: 1 }),
  softmax: (x) => L.softmax(x, { dim: 1 }),
  sum: (x) => L.sum(x, { dim: 1 }),
  variance: (x) => L.variance(x, { dim: 1, correction: 0 }),
};

for (const family of ["lanes", "groups"] as const) {
  gpuTest(`a NaN anywhere makes the row's result NaN, ${family}`, async () => {
    await withFamily(family, async () => {
      for (const dtype of TYPES) {
        for (const length of LENGTHS) {
          for (const at of new Set([0, length >> 1, length - 1])) {
            const x = tensor([row(length, at, NaN)], { dtype });
            for (const [name, f] of Object.entries(SPREADS)) {
              const got = await numbers(f(x));
              assertEquals(got.every(Number.isNaN), true, `${name} of ${length} ${dtype} with NaN at ${at}: ${got}`);
            }
            assertEquals(await numbers(L.argmax(x, { dim: 1 })), [at], `argmax of ${length} ${dtype} at ${at}`);
            assertEquals(await numbers(L.argmin(x, { dim: 1 })), [at], `argmin of ${length} ${dtype} at ${at}`);
            assertEquals((await numbers(L.sort(x)[1])).at(-1), at, "sort puts NaN last");
            assertEquals((await numbers(L.topk(x, 1)[1]))[0], at, "topk takes NaN for the largest");
          }
        }
      }
    });
  });

  gpuTest(`infinities, ${family}`, async () => {
    await withFamily(family, async () => {
      for (const dtype of TYPES) {
        for (const length of [5, 67, 2049]) {
          const high = tensor([row(length, 3, Infinity)], { dtype }),
            low = tensor([row(length, 3, -Infinity)], { dtype });
          const all = tensor([new Array(length).fill(-Infinity)], { dtype });
          assertEquals(await numbers(L.amax(high, { dim: 1 })), [Infinity]);
          assertEquals(await numbers(L.amin(low, { dim: 1 })), [-Infinity]);
          assertEquals(await numbers(L.logsumexp(high, { dim: 1 })), [Infinity]);
          assertEquals(await numbers(L.logsumexp(all, { dim: 1 })), [-Infinity]);
          assertEquals((await numbers(L.softmax(low, { dim: 1 })))[3], 0);
          assertEquals((await numbers(L.softmax(all, { dim: 1 }))).every(Number.isNaN), true);
          assertEquals((await numbers(L.softmax(high, { dim: 1 })))[3], NaN);
          assertEquals(await numbers(L.sum(L.cat([high, low], { dim: 1 }), { dim: 1 })), [NaN]);
          assertEquals(await numbers(L.argmax(all, { dim: 1 })), [0]);
        }
      }
    });
  });
}

gpuTest("pointwise functions let NaN through, comparisons say no", async () => {
  // Other types differ in how they are loaded alone.
  const x = tensor([NaN, 1, -1, Infinity, -Infinity]), one = tensor([1], { dtype: "f32" });
  const first = async (t: Tensor) => (await numbers(t))[0];
  for (const f of [L.relu, L.relu6, L.abs, L.neg, L.floor, L.sigmoid, L.tanh, L.gelu, L.silu, L.exp, L.log, L.sqrt]) {
    assertEquals(await first(f(x)), NaN, f.name);
  }
  for (const f of [L.leakyRelu, L.elu, L.hardtanh, L.hardswish, L.softplus, L.erf, L.sin, L.cos, L.round, L.square]) {
    assertEquals(await first(f(x)), NaN, f.name);
  }
  for (const f of [L.maximum, L.minimum, L.add, L.mul, L.div, L.pow, L.atan2, L.fmod, L.remainder]) {
    assertEquals(
      [await first(f(x, one)), await first(f(one, x))].filter((v) => !Number.isNaN(v)),
      f === L.pow ? [1] : [],
    );
  }
  assertEquals(await numbers(L.clamp(x, { min: -0.5, max: 0.5 })), [NaN, 0.5, -0.5, 0.5, -0.5]);
  assertEquals(await numbers(L.relu(x)), [NaN, 1, 0, Infinity, 0]);
  assertEquals(await numbers(L.eq(x, x)), [0, 1, 1, 1, 1]);
  assertEquals(await numbers(L.ne(x, x)), [1, 0, 0, 0, 0]);
  assertEquals(await numbers(L.lt(x, 2)), [0, 1, 1, 0, 1]);
  assertEquals(await numbers(L.ge(x, 1)), [0, 1, 0, 1, 0]);
  assertEquals(await numbers(L.isnan(x)), [1, 0, 0, 0, 0]);
  assertEquals(await numbers(L.isinf(x)), [0, 0, 0, 1, 1]);
  assertEquals(await numbers(L.isfinite(x)), [0, 1, 1, 0, 0]);
  assertEquals(await numbers(L.any(x)), [1]);
});
