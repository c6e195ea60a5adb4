import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autocast,
  backward,
  capture,
  device,
  dropout,
  Generator,
  grad,
  matmul,
  mul,
  ones,
  packedAttention,
  permute,
  randn,
  reshape,
  scaledDotProductAttention,
  ShapeError,
  softmax,
  split,
  square,
  sum,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { countDispatches, gpuTest } from "../../testing/gpu.ts";
import * as reference from "../../testing/reference.ts";
import { assertSnapshot } from "../../testing/snapshot.ts";
import { type InputSpec, type OpCase, type OpSpec, testOp } from "../../testing/test_op.ts";
import type { AttentionKernel } from "./_kernel.ts";
import { writeAttention } from "./_writer.ts";

interface Attrs {
  isCausal?: boolean;
  scale?: number;
  enableGqa?: boolean;
}

/** The slow version: one query at a time, its scores, their shares, and the values mixed by them. */
function attend(inputs: reference.NDArray[], { isCausal = false, scale, enableGqa = false }: Attrs): reference.NDArray {
  const [q, k, v, mask] = inputs;
  const [heads, queries, size] = q.shape.slice(-3), [keyHeads, keys, valueSize] = v.shape.slice(-3);
  const lead = q.shape.slice(0, -3);
  const factor = scale ?? 1 / Math.sqrt(size);
  const repeats = enableGqa ? heads / keyHeads : 1;
  return reference.build([...lead, heads, queries, valueSize], (index) => {
    const batch = index.slice(0, lead.length), [h, i, e] = index.slice(lead.length);
    const own = [...batch, Math.floor(h / repeats)];
    const scores = Array.from({ length: keys }, (_, j) => {
      let score = 0;
      for (let c = 0; c < size; c++) score += reference.at(q, [...batch, h, i, c]) * reference.at(k, [...own, j, c]);
      score *= factor;
      if (isCausal && j > i) return -Infinity;
      if (mask === undefined) return score;
      const full = [...batch, h, i, j].slice(-mask.shape.length);
      return score + reference.at(mask, full.map((x, axis) => mask.shape[axis] === 1 ? 0 : x));
    });
    const top = Math.max(...scores);
    if (top === -Infinity) return 0;
    const shares = scores.map((score) => Math.exp(score - top));
    const total = reference.total(shares);
    return reference.total(shares.map((share, j) => share / total * reference.at(v, [...own, j, e])));
  });
}

const entry = (inputs: (number[] | InputSpec)[], attrs: Attrs = {}, name?: string): OpCase<Attrs> => ({
  inputs,
  attrs,
  ...(name === undefined ? {} : { name }),
});
const qkv = (q: number[], k: number[], valueSize = k.at(-1)!): number[][] => [q, k, [...k.slice(0, -1), valueSize]];

const spec: OpSpec<Attrs> = {
  name: "scaledDotProductAttention",
  run: ([q, k, v, mask], attrs) => scaledDotProductAttention(q, k, v, { ...attrs, mask: mask ?? null }),
  reference: attend,
  // Few sizes of heads: each is a kernel of its own to compile.
  cases: [
    entry(qkv([2, 3, 5, 4], [2, 3, 7, 4])),
    entry(qkv([1, 2, 19, 4], [1, 2, 35, 4])),
    entry(qkv([2, 1, 17, 4], [2, 1, 17, 4]), { isCausal: true }),
    entry(qkv([1, 2, 9, 4], [1, 2, 4, 4]), { isCausal: true }),
    entry(qkv([1, 1, 3, 4], [1, 1, 40, 4]), { isCausal: true }),
    entry(qkv([1, 1, 66, 4], [1, 1, 66, 4]), { isCausal: true }),
    entry(qkv([1, 2, 9, 3], [1, 2, 6, 3], 5)),
    entry(qkv([1, 2, 6, 4], [1, 2, 6, 4]), { scale: 0.3 }),
    entry(qkv([2, 6, 5, 4], [2, 2, 11, 4]), { enableGqa: true }),
    entry(qkv([1, 4, 21, 4], [1, 1, 21, 4]), { enableGqa: true, isCausal: true }),
    entry(qkv([2, 1, 2, 5, 4], [2, 1, 2, 6, 4])),
    entry(qkv([3, 5, 4], [3, 6, 4])),
    entry(qkv([1, 2, 5, 4], [1, 2, 0, 4])),
    entry(qkv([1, 2, 0, 4], [1, 2, 5, 4])),
    entry(qkv([0, 2, 3, 4], [0, 2, 5, 4])),
    entry(qkv([1, 1, 5, 36], [1, 1, 9, 36], 36)),
    entry([...qkv([2, 2, 5, 4], [2, 2, 6, 4]), { shape: [5, 6], dtype: "f32" }]),
    entry([...qkv([2, 2, 5, 4], [2, 2, 6, 4]), { shape: [2, 1, 5, 6], dtype: "f32" }]),
    entry([...qkv([2, 2, 5, 4], [2, 2, 6, 4]), { shape: [2, 1, 6], dtype: "f32" }]),
    entry([...qkv([2, 4, 5, 4], [2, 2, 6, 4]), { shape: [4, 5, 1], dtype: "f32", grad: false }], { enableGqa: true }),
    entry([...qkv([2, 2, 5, 4], [2, 2, 5, 4]), { shape: [2, 2, 5, 5], dtype: "f32" }], { isCausal: true }),
  ],
};

testOpInFamilies(spec, () => true);

testOp({
  ...spec,
  name: "scaledDotProductAttention in 16 bits",
  dtypes: ["f16", "bf16"],
  cases: spec.cases.slice(2, 6),
});

const maskOf = (shape: number[], seed: number) => {
  const draws = reference.random(seed);
  return Array.from({ length: reference.sizeOf(shape) }, () => draws.uniform() < 0.6 ? 1 : 0);
};

const masked = (shape: number[]): OpCase<Attrs> => ({
  inputs: [...qkv([2, 2, 9, 4], [2, 2, 11, 4]), { shape, dtype: "bool", values: maskOf(shape, 3) }],
  attrs: {},
});

testOpInFamilies({
  ...spec,
  name: "scaledDotProductAttention with truth for a mask",
  reference: ([q, k, v, mask], attrs) =>
    attend([q, k, v, reference.map((seen) => seen === 0 ? -Infinity : 0, mask)], attrs),
  cases: [[9, 11], [2, 1, 1, 11], [1, 2, 9, 11], [2, 2, 9, 11], [9, 1]].map(masked),
}, () => true);

const numbers = (count: number, seed: number) => {
  const { normal } = reference.random(seed);
  return Float32Array.from({ length: count }, normal);
};
const drawn = (shape: number[], seed: number, requiresGrad = false) =>
  tensor(numbers(reference.sizeOf(shape), seed), { shape, requiresGrad });

async function assertNear(got: Tensor, want: Tensor, what: string, tolerance = 2e-5): Promise<void> {
  assertEquals(got.shape, want.shape, what);
  const [a, b] = [await got.data(), await want.data()];
  for (let i = 0; i < a.length; i++) {
    assert(Math.abs(a[i] - b[i]) <= tolerance * Math.max(1, Math.abs(b[i])), `${what} [${i}]: ${a[i]}, want ${b[i]}`);
  }
}

/** The heads of a packed projection [batch, length, (heads + 2 · keyHeads) · size], as views. */
function heads(x: Tensor, own: number, keyHeads: number): Tensor[] {
  const [batch, length, features] = x.shape;
  const parts = reshape(x, [batch, length, own + 2 * keyHeads, features / (own + 2 * keyHeads)]);
  return split(parts, [own, keyHeads, keyHeads], { dim: 2 }).map((part) => permute(part, [0, 2, 1, 3]));
}

testFamilies("a packed projection gives what its heads give, with gradients", async () => {
  for (const [own, keyHeads, size] of [[2, 2, 4], [4, 2, 4], [3, 1, 5]]) {
    const x = drawn([2, 13, (own + 2 * keyHeads) * size], 4, true), weight = drawn([2, 13, own * size], 5);
    const y = packedAttention(x, { numHeads: own, numKvHeads: keyHeads, isCausal: true });
    const [q, k, v] = heads(x, own, keyHeads);
    const z = scaledDotProductAttention(q, k, v, { isCausal: true, enableGqa: true });
    const want = reshape(transpose(z, 1, 2), y.shape);
    await assertNear(y, want, "result");
    const [got] = grad(sum(mul(y, weight)), x), [other] = grad(sum(mul(want, weight)), x);
    await assertNear(got!, other!, "gradient");
  }
});

gpuTest("heads are read from a packed projection in place", () => {
  const x = drawn([2, 16, 3 * 16], 6, true);
  void x.storage.buffer;
  const views = () => {
    const [q, k, v] = heads(x, 4, 4);
    return scaledDotProductAttention(q, k, v, { isCausal: true });
  };
  assertEquals(countDispatches(views), 1);
  const packed = packedAttention(x, { numHeads: 4 });
  const dp = drawn(packed.shape as number[], 8);
  void dp.storage.buffer;
  assertEquals(countDispatches(() => void grad(packed, x, { gradOutputs: dp })[0]!.storage.buffer), 2);
});

testFamilies("dropout drops the weights that dropout drops, forward and backward", async () => {
  const [batch, h, length, keys, size] = [2, 2, 9, 12, 4];
  const inputs = [[batch, h, length, size], [batch, h, keys, size], [batch, h, keys, size]]
    .map((shape, i) => drawn(shape, 10 + i, true));
  const [q, k, v] = inputs;
  const weight = drawn([batch, h, length, size], 13);
  const y = scaledDotProductAttention(q, k, v, { dropout: 0.4, generator: new Generator(5) });
  const shares = softmax(mul(matmul(q, transpose(k, 2, 3)), size ** -0.5), { dim: -1 });
  const want = matmul(dropout(shares, { p: 0.4, generator: new Generator(5) }), v);
  await assertNear(y, want, "result");
  const got = grad(sum(mul(y, weight)), inputs), expected = grad(sum(mul(want, weight)), inputs);
  for (const i of [0, 1, 2]) await assertNear(got[i]!, expected[i]!, `gradient ${i}`);
  const all = scaledDotProductAttention(q, k, v, { dropout: 1 });
  assertEquals(new Set(await all.data()), new Set([0]));
});

testFamilies("dropout with keys that are no multiple of four: the gradient is that of the same choice", async () => {
  const q = drawn([1, 2, 5, 4], 20), k = drawn([1, 2, 7, 4], 21), v = drawn([1, 2, 7, 4], 22, true);
  const run = (values: Tensor) =>
    scaledDotProductAttention(q, k, values, { dropout: 0.5, isCausal: true, generator: new Generator(1) });
  // The result is linear in the values.
  const dy = drawn([1, 2, 5, 4], 23), direction = drawn([1, 2, 7, 4], 24);
  const [dv] = grad(run(v), v, { gradOutputs: dy });
  const left = await sum(mul(dv!, direction)).item(), right = await sum(mul(run(direction), dy)).item();
  assert(Math.abs(left - right) < 1e-4, `${left}, want ${right}`);
});

gpuTest("a captured attention draws in every replay what an eager one draws", async () => {
  const x = drawn([1, 8, 3 * 8], 30, true);
  const run = async (captured: boolean) => {
    const generator = new Generator(9);
    const plain = (t: Tensor) => {
      const y = packedAttention(t, { numHeads: 2, dropout: 0.3, generator });
      return [y, grad(sum(square(y)), t)[0]!];
    };
    using step = capture(plain);
    const rows: number[][] = [];
    for (let i = 0; i < 4; i++) {
      for (const t of (captured ? step : plain)(x)) rows.push([...await t.data()]);
    }
    assertEquals(new Set(rows.map(String)).size, 8);
    return rows;
  };
  assertEquals(await run(true), await run(false));
});

testFamilies("rows without keys are zero, rows with NaN or infinite scores are NaN, as PyTorch's", async () => {
  const q = ones([1, 1, 4, 4]), k = ones([1, 1, 3, 4]), v = drawn([1, 1, 3, 4], 40, true);
  const add = tensor([[0, 0, 0], [-Infinity, -Infinity, -Infinity], [0, NaN, 0], [0, Infinity, 0]], { dtype: "f32" });
  const y = scaledDotProductAttention(q, k, v, { mask: add });
  const rows = await reshape(y, [4, 4]).array() as number[][];
  assert(rows[0].every(Number.isFinite));
  assertEquals(rows[1], [0, 0, 0, 0]);
  assert(rows[2].every(Number.isNaN) && rows[3].every(Number.isNaN), String(rows));
  const seen = tensor([[true, false, true], [false, false, false]]);
  const z = scaledDotProductAttention(ones([1, 1, 2, 4]), k, v, { mask: seen });
  const [dv] = grad(z, v, { gradOutputs: ones([1, 1, 2, 4]) });
  assertEquals((await reshape(z, [2, 4]).array() as number[][])[1], [0, 0, 0, 0]);
  assertEquals(await reshape(dv!, [3, 4]).array(), [[0.5, 0.5, 0.5, 0.5], [0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]]);
});

testFamilies("a large score outshines the others without overflow", async () => {
  const q = tensor([[[[300, 0]]]], { dtype: "f32" }), k = tensor([[[[300, 0], [-300, 0], [299, 0]]]], { dtype: "f32" });
  const v = tensor([[[[1, 2], [3, 4], [5, 6]]]], { dtype: "f32" });
  assertEquals(await scaledDotProductAttention(q, k, v).array(), [[[[1, 2]]]]);
});

gpuTest("the memory of a training step grows with the length, not with its square", () => {
  const size = 4, length = 2048;
  const x = drawn([1, length, 3 * size], 50, true);
  const before = device().memory().liveBytes;
  const y = packedAttention(x, { numHeads: 1, isCausal: true });
  backward(sum(square(y)));
  const bytes = device().memory().liveBytes - before;
  assert(bytes < 40 * length * size, `${bytes} bytes`);
  x.grad!.dispose();
  x.grad = null;
});

gpuTest("the gradient of attention can be differentiated, masked, dropped and packed", async () => {
  const values = numbers(2 * 3 * 6, 60);
  const mask = tensor([[0, -1, 0.5], [0, 0, -Infinity], [0.25, 0, 0]], { dtype: "f32" });
  const options = () => ({ numHeads: 1, isCausal: true, mask, dropout: 0.3, generator: new Generator(3) });
  const penalty = (t: Tensor) => {
    const [g] = grad(sum(square(packedAttention(t, options()))), t, { createGraph: true });
    return sum(square(g!));
  };
  const x = tensor(values, { shape: [2, 3, 6], requiresGrad: true });
  const got = await grad(penalty(x), x)[0]!.data();
  // Against differences of the gradient itself, whose values the kernels have made.
  const first = (v: Float32Array) => {
    const t = tensor(v, { shape: [2, 3, 6], requiresGrad: true });
    return grad(sum(square(packedAttention(t, options()))), t)[0]!.data();
  };
  for (const i of [0, 7, 20, 35]) {
    const moved = async (h: number) =>
      reference.total((await first(values.map((v, j) => j === i ? v + h : v))).map((g) => g * g));
    const want = (await moved(1e-2) - await moved(-1e-2)) / 2e-2;
    assert(Math.abs(got[i] - want) < 2e-2 * Math.max(1, Math.abs(want)), `[${i}] ${got[i]}, want ${want}`);
  }
});

gpuTest("autocast runs attention in 16 bits", () => {
  const q = randn([1, 2, 5, 4], { requiresGrad: true });
  const y = autocast("bf16", () => scaledDotProductAttention(q, q, q));
  assertEquals(y.dtype, "bf16");
  assertEquals(grad(sum(y), q)[0]!.dtype, "f32");
  assertEquals(autocast("f16", () => packedAttention(randn([1, 4, 9]), { numHeads: 1 })).dtype, "f16");
});

testFamilies("attention is repeated bit by bit, with dropout", async () => {
  const x = drawn([2, 33, 3 * 8], 70, true);
  const run = async () => {
    const y = packedAttention(x, { numHeads: 2, dropout: 0.2, isCausal: true, generator: new Generator(2) });
    return [await y.data(), await grad(sum(square(y)), x)[0]!.data()];
  };
  assertEquals(await run(), await run());
});

gpuTest("attention checks shapes, types and options", () => {
  const q = zeros([1, 2, 3, 4]);
  const fails = (fn: () => unknown, type: typeof ShapeError | typeof TypeError | typeof RangeError, text: string) =>
    void assertThrows(fn, type, text);
  fails(
    () => scaledDotProductAttention(q, zeros([1, 2, 3, 5]), q),
    ShapeError,
    "queries and keys must have the same size",
  );
  fails(() => scaledDotProductAttention(q, q, zeros([1, 2, 4, 4])), ShapeError, "as many values as keys");
  fails(() => scaledDotProductAttention(q, zeros([2, 3, 4]), q), ShapeError, "the same number of axes");
  fails(
    () => scaledDotProductAttention(zeros([1, 3, 3, 4]), q, q, { enableGqa: true }),
    ShapeError,
    "the heads of the query must be a multiple",
  );
  fails(() => scaledDotProductAttention(zeros([1, 3, 3, 4]), q, q), ShapeError, "Cannot broadcast");
  fails(() => scaledDotProductAttention(q, q, q, { mask: zeros([4, 3]) }), ShapeError, "the mask must broadcast");
  fails(() => scaledDotProductAttention(q, q, q, { mask: zeros([3], { dtype: "i32" }) }), TypeError, "got i32");
  fails(() => scaledDotProductAttention(q, q, zeros([1, 2, 3, 4], { dtype: "f16" })), TypeError, "of one type");
  fails(() => scaledDotProductAttention(q, q, q, { dropout: 2 }), RangeError, "scaledDotProductAttention");
  fails(() => packedAttention(zeros([2, 3, 10]), { numHeads: 2 }), ShapeError, "a multiple of 6 heads");
  fails(() => packedAttention(zeros([2, 3, 12]), { numHeads: 4, numKvHeads: 3 }), RangeError, "must divide numHeads");
});

Deno.test("the text of attention's kernels", async () => {
  const kernel: AttentionKernel = {
    kind: "forward",
    stream: "broadcast",
    width: 8,
    type: "f32",
    size: 8,
    valueSize: 8,
    quads: true,
    sharedInputs: true,
    sharedGrads: false,
    mask: "none",
    causal: true,
    dropout: "none",
    mostUnrolled: 32,
    rolled: false,
  };
  await assertSnapshot("attention_forward.wgsl", writeAttention(kernel));
  await assertSnapshot(
    "attention_queries.wgsl",
    writeAttention({ ...kernel, kind: "queries", rolled: true, mask: "bool", type: "bf16", dropout: "host" }),
  );
  await assertSnapshot(
    "attention_keys.wgsl",
    writeAttention({
      ...kernel,
      kind: "keys",
      stream: "staged",
      width: 64,
      size: 6,
      valueSize: 5,
      quads: false,
      mask: "add",
      sharedInputs: false,
    }),
  );
  await assertSnapshot(
    "attention_mask.wgsl",
    writeAttention({ ...kernel, kind: "mask", stream: "plain", width: 64, mask: "add" }),
  );
});
