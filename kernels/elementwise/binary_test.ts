import { assertEquals, assertThrows } from "@std/assert";
import * as f from "../../mod.ts";
import { grad, ShapeError, sum, type Tensor, tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { EVERYWHERE, PAIRS } from "../../testing/pointwise_rows.ts";
import { map } from "../../testing/reference.ts";
import { broadcasts, opSpec, testOp } from "../../testing/test_op.ts";

for (const [name, run, reference, draw = "normal"] of EVERYWHERE) {
  testOp(opSpec({
    name,
    run: ([a, b]) => run(a, b),
    reference: ([a, b]) => map(reference, a, b),
    draw,
    dtypes: name === "mul" ? ["f32", "f16", "bf16"] : ["f32"],
    cases: broadcasts(),
  }));
}

for (const [name, run, reference, draw = "normal"] of PAIRS) {
  testOp(opSpec({
    name,
    run: ([a, b]) => run(a, b),
    reference: ([a, b]) => map(reference, a, b),
    draw,
    cases: [{ inputs: [[3, 7], [3, 7]] }, { inputs: [[3, 1], [7]] }, { inputs: [[], [5]] }],
  }));
}

testOp(opSpec({
  name: "addcmul",
  run: ([x, a, b]) => f.addcmul(x, a, b, { value: 0.5 }),
  reference: ([x, a, b]) => map((x, a, b) => x + 0.5 * a * b, x, a, b),
  cases: [{ inputs: [[3, 5], [5], [3, 1]] }],
}));

testOp(opSpec({
  name: "addcdiv",
  run: ([x, a, b]) => f.addcdiv(x, a, b, { value: 0.5 }),
  reference: ([x, a, b]) => map((x, a, b) => x + 0.5 * a / b, x, a, b),
  draw: "positive",
  cases: [{ inputs: [[3, 5], [5], [3, 1]] }],
}));

testOp(opSpec({
  name: "lerp with a tensor",
  run: ([a, b, t]) => f.lerp(a, b, t),
  reference: ([a, b, t]) => map((a, b, t) => a + t * (b - a), a, b, t),
  cases: [{ inputs: [[3, 5], [5], { shape: [3, 1], draw: { low: 0, high: 1 } }] }],
}));

testOp(opSpec({
  name: "prelu",
  run: ([x, weight]) => f.prelu(x, weight),
  reference: ([x, weight]) => {
    const column = { shape: [weight.data.length, 1], data: weight.data };
    return map((x, w) => x > 0 ? x : w * x, x, column);
  },
  draw: { low: -2, high: 2, avoid: [0] },
  cases: [{ inputs: [[2, 3, 5], [3]] }, { inputs: [[2, 3, 5], [1]] }],
}));

testOp(opSpec({
  name: "clamp with tensors",
  run: ([x, low, high]) => f.clamp(x, { min: low, max: high }),
  reference: ([x, low, high]) => map((x, low, high) => Math.min(Math.max(x, low), high), x, low, high),
  draw: "normal",
  cases: [{ inputs: [[4, 9], [9], [4, 1]] }],
}));

testOp(opSpec({
  name: "clamp with one tensor",
  run: ([x, low]) => f.add(f.clamp(x, { min: low }), f.clamp(x, { max: f.mul(low, 2) })),
  reference: ([x, low]) => map((x, low) => Math.max(x, low) + Math.min(x, 2 * low), x, low),
  draw: { low: -3, high: 3 },
  cases: [{ inputs: [[4, 9], [9]] }],
}));

testOp(opSpec({
  name: "maskedFill",
  run: ([x, mask]) => f.maskedFill(x, mask, -2.5),
  reference: ([x, mask]) => map((x, mask) => mask === 1 ? -2.5 : x, x, mask),
  dtypes: ["f32", "f16"],
  cases: [{ inputs: [[4, 9], { shape: [4, 1], dtype: "bool", draw: { below: 2 } }] }],
}));

const INTEGERS = [7, -7, 7, -7, 0, 5, -8, 2147483647, 3];
const DIVISORS = [2, 2, -2, -2, 3, 5, 4, 2, -5];

gpuTest(
  "integers: arithmetic wraps, division truncates or rounds down, remainders have the divisor's sign",
  async () => {
    const a = tensor(INTEGERS), b = tensor(DIVISORS);
    const check = async (t: Tensor, want: (a: number, b: number) => number) => {
      assertEquals(t.dtype, "i32");
      assertEquals([...await t.data()], INTEGERS.map((x, i) => want(x, DIVISORS[i]) + 0));
    };
    await check(f.add(a, b), (a, b) => a + b | 0);
    await check(f.sub(a, b), (a, b) => a - b | 0);
    await check(f.mul(a, b), Math.imul);
    await check(f.div(a, b, { roundingMode: "trunc" }), (a, b) => Math.trunc(a / b));
    await check(f.div(a, b, { roundingMode: "floor" }), (a, b) => Math.floor(a / b));
    await check(f.remainder(a, b), (a, b) => a - b * Math.floor(a / b));
    await check(f.fmod(a, b), (a, b) => a % b);
    await check(f.maximum(a, b), Math.max);
    await check(f.minimum(a, b), Math.min);
    await check(f.pow(a, 3), (a) => Math.imul(Math.imul(a, a), a));
    await check(f.abs(a), Math.abs);
    await check(f.sign(a), Math.sign);
    await check(f.neg(a), (a) => -a);
    await check(f.square(a), (a) => Math.imul(a, a));
    await check(f.relu(a), (a) => Math.max(a, 0));
    await check(f.clamp(a, { min: -3, max: 4 }), (a) => Math.min(Math.max(a, -3), 4));
    await check(f.floor(a), (a) => a);
    await check(f.where(f.gt(a, b), a, 1), (a, b) => a > b ? a : 1);
    await check(f.bitwiseAnd(a, b), (a, b) => a & b);
    await check(f.bitwiseOr(a, b), (a, b) => a | b);
    await check(f.bitwiseXor(a, b), (a, b) => a ^ b);
    await check(f.bitwiseNot(a), (a) => ~a);
    await check(f.bitwiseLeftShift(a, 3), (a) => a << 3);
    await check(f.bitwiseRightShift(a, 3), (a) => a >> 3);
  },
);

gpuTest("unsigned integers use all 32 bits", async () => {
  const a = tensor(Uint32Array.of(4000000000, 7, 0)), b = tensor(Uint32Array.of(3, 2, 1));
  const data = async (t: Tensor) => [t.dtype, ...await t.data()];
  assertEquals(await data(f.add(a, 3000000000)), ["u32", 2705032704, 3000000007, 3000000000]);
  assertEquals(await data(f.div(a, b, { roundingMode: "floor" })), ["u32", 1333333333, 3, 0]);
  assertEquals(await data(f.remainder(a, b)), ["u32", 1, 1, 0]);
  assertEquals(await data(f.maximum(a, b)), ["u32", 4000000000, 7, 1]);
  assertEquals(await data(f.neg(b)), ["u32", 4294967293, 4294967294, 4294967295]);
  assertEquals(await data(f.gt(a, b)), ["bool", 1, 1, 0]);
  assertEquals(await data(f.pow(b, 4)), ["u32", 81, 16, 1]);
  assertEquals(await data(f.bitwiseRightShift(a, 1)), ["u32", 2000000000, 3, 0]);
});

gpuTest("booleans: sums are “or”, products “and”, and comparisons order false before true", async () => {
  const a = tensor([false, false, true, true]), b = tensor([false, true, false, true]);
  const check = async (t: Tensor, want: number[]) => {
    assertEquals(t.dtype, "bool");
    assertEquals([...await t.data()], want);
  };
  await check(f.add(a, b), [0, 1, 1, 1]);
  await check(f.mul(a, b), [0, 0, 0, 1]);
  await check(f.maximum(a, b), [0, 1, 1, 1]);
  await check(f.minimum(a, b), [0, 0, 0, 1]);
  await check(f.eq(a, b), [1, 0, 0, 1]);
  await check(f.ne(a, b), [0, 1, 1, 0]);
  await check(f.lt(a, b), [0, 1, 0, 0]);
  await check(f.le(a, b), [1, 1, 0, 1]);
  await check(f.gt(a, b), [0, 0, 1, 0]);
  await check(f.ge(a, b), [1, 0, 1, 1]);
  await check(f.logicalXor(a, b), [0, 1, 1, 0]);
  await check(f.bitwiseNot(a), [1, 1, 0, 0]);
  await check(f.where(a, b, a), [0, 0, 0, 1]);
  assertEquals((await f.add(a, 2).data()).join(), "2,2,3,3");
  assertEquals(f.div(a, b).dtype, "f32");
});

gpuTest("numbers count as true where they are not 0, NaN included", async () => {
  const x = tensor([0, -0, 1e-30, NaN, 2]);
  assertEquals([...await f.logicalAnd(x, 1).data()], [0, 0, 1, 1, 1]);
  assertEquals([...await f.logicalNot(x).data()], [1, 1, 0, 0, 0]);
  assertEquals([...await f.logicalOr(tensor([0, 2]), tensor([0.0, 0.5])).data()], [0, 1]);
  assertEquals([...await f.to(x, "bool").data()], [0, 0, 1, 1, 1]);
});

gpuTest("NaN is in no order, whatever is fused around it", async () => {
  const a = tensor([NaN, 1, NaN, 1]), b = tensor([1, NaN, NaN, 1]);
  const want = {
    eq: [0, 0, 0, 1],
    ne: [1, 1, 1, 0],
    lt: [0, 0, 0, 0],
    le: [0, 0, 0, 1],
    gt: [0, 0, 0, 0],
    ge: [0, 0, 0, 1],
  };
  for (const [name, expected] of Object.entries(want)) {
    const compare = f[name as keyof typeof want];
    assertEquals([...await compare(a, b).data()], expected, name);
    assertEquals([...await f.logicalNot(compare(a, b)).data()], expected.map((x) => 1 - x), `not ${name}`);
    assertEquals([...await f.where(compare(a, b), 1, 0).data()], expected, `where ${name}`);
  }
  assertEquals([...await f.maximum(a, b).data()], [NaN, NaN, NaN, 1]);
  assertEquals([...await f.minimum(a, b).data()], [NaN, NaN, NaN, 1]);
  assertEquals([...await f.logaddexp(tensor([-Infinity, Infinity, 1000]), tensor([-Infinity, 2, 1000.5])).data()], [
    -Infinity,
    Infinity,
    Math.fround(1000.5 + Math.log1p(Math.exp(-0.5))),
  ]);
  assertEquals([...await f.xlogy(tensor([0, 0.0, 2]), tensor([-1, NaN, 0])).data()], [0, NaN, -Infinity]);
  assertEquals([...await f.isclose(a, b, { equalNan: true }).data()], [0, 0, 1, 1]);
  assertEquals([...await f.nanToNum(tensor([NaN, Infinity, -Infinity, 2]), { nan: 7, neginf: -5 }).data()], [
    7,
    3.4028234663852886e38,
    -5,
    2,
  ]);
});

gpuTest("equals share the gradient of a maximum; what a condition hides has none", async () => {
  const a = tensor([1, 2, 3], { dtype: "f32", requiresGrad: true });
  const b = tensor([2, 2, 2], { dtype: "f32", requiresGrad: true });
  const grads = async (y: Tensor) => (await Promise.all(grad(sum(y), [a, b]).map((g) => g!.data()))).map((g) => [...g]);
  assertEquals(await grads(f.maximum(a, b)), [[0, 0.5, 1], [1, 0.5, 0]]);
  assertEquals(await grads(f.minimum(a, b)), [[1, 0.5, 0], [0, 0.5, 1]]);
  const hidden = f.where(tensor([true, false, true]), f.mul(a, b), f.log(f.sub(a, 2)));
  assertEquals(await grads(hidden), [[2, Infinity, 2], [1, 0, 3]]);
});

gpuTest("operands of different types: gradients come back in the type of each", async () => {
  const half = tensor([1, 2], { dtype: "f16", requiresGrad: true });
  const single = tensor([3, 4], { dtype: "f32", requiresGrad: true });
  const y = f.mul(half, single);
  assertEquals(y.dtype, "f32");
  const [dh, ds] = grad(sum(y), [half, single]);
  assertEquals([dh!.dtype, ds!.dtype], ["f16", "f32"]);
  assertEquals([...await dh!.data()], [3, 4]);
  assertEquals([...await ds!.data()], [1, 2]);
});

gpuTest("what does not fit is refused, with the operation and the values", () => {
  const x = tensor([[1, 2, 3]]), y = tensor([1, 2]);
  const error = assertThrows(() => f.add(x, y), ShapeError, "Cannot broadcast in add");
  assertEquals((error as ShapeError).shapes, [[1, 3], [2]]);
  assertThrows(() => f.neg(tensor([true])), TypeError, "Cannot compute neg: it is not defined for bool tensors");
  assertThrows(() => f.sub(tensor([true]), tensor([true])), TypeError, "sub");
  assertThrows(() => f.add(x, "1" as unknown as number), TypeError, "operands must be tensors or numbers, got string");
  assertThrows(() => f.add(x, 3e9), RangeError, "a number must fit i32, got 3000000000");
  assertThrows(() => f.div(x, y, { roundingMode: "up" as "floor" }), RangeError, "roundingMode");
  assertThrows(() => f.where(x, x, x), TypeError, "the condition must be a bool tensor, got i32");
  assertThrows(() => f.maskedFill(x, x, 0), TypeError, "bool");
  assertThrows(() => f.pow(x, -2), RangeError, "integers need an exponent from 0 on");
  assertThrows(() => f.gelu(x, { approximate: "erf" as "none" }), RangeError, "approximate");
  assertThrows(() => f.prelu(tensor([[1.5, 2]]), tensor([1.5, 2, 3])), ShapeError, "one weight, or one a channel");
  assertThrows(() => f.round(x, { decimals: 0.5 }), RangeError, "decimals");
  assertThrows(() => f.bitwiseAnd(tensor([1.5]), 1), TypeError, "bitwiseAnd");
});
