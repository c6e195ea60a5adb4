import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  all,
  amax,
  amin,
  any,
  argmax,
  argmin,
  grad,
  logsumexp,
  max,
  mean,
  min,
  mul,
  norm,
  type NormOptions,
  prod,
  type ReduceOptions,
  ShapeError,
  softmax,
  square,
  std,
  sum,
  type Tensor,
  tensor,
  variance,
  type VarOptions,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { type NDArray, random, reduce, total } from "../../testing/reference.ts";
import { type InputSpec, type OpCase, testOp } from "../../testing/test_op.ts";

/**
 * Shapes and axes that take every way through the kernels: rows, columns, axes apart, one slice and many, four at once.
 */
function cases<A extends ReduceOptions>(attrs: A, draw: InputSpec["draw"], small = false): OpCase<A>[] {
  const ways: [number[], number | number[] | undefined, boolean?][] = [
    [[3, 5, 7], undefined],
    [[3, 5, 7], 0],
    [[3, 5, 7], [1]],
    [[3, 5, 7], -1, true],
    [[3, 5, 7], [0, 2]],
    [[4, 1, 6, 8], [0, 3], true],
    [[2, 8, 12], 1],
    [[5, 64], 1],
    [[5, 65], 1],
    [[257], 0],
    [[], undefined],
    [[1, 1], 1],
  ];
  const long: typeof ways = [[[2, 1500], 1], [[2100, 3], 0], [[1500, 4], 0], [[70, 36], [0]], [[4099], 0]];
  const list = small ? ways : [...ways, ...long];
  return list.map(([shape, dim, keepdim = false]) => ({
    inputs: [{ shape, draw }],
    attrs: { ...attrs, dim, keepdim },
    large: shape.reduce((n, s) => n * s, 1) > 4000,
  }));
}

type Fold = (values: number[]) => number;
const by = (f: Fold) => ([x]: NDArray[], { dim, keepdim }: ReduceOptions) => reduce(x, f, dim ?? undefined, keepdim);
const dtypes = ["f32", "f16", "bf16"] as const;

const average: Fold = (values) => total(values) / values.length;
const squares: Fold = (values) => {
  const middle = average(values);
  return total(values.map((v) => (v - middle) ** 2));
};

testOpInFamilies<ReduceOptions>({
  name: "sum",
  dtypes,
  run: ([x], attrs) => sum(x, attrs),
  reference: by(total),
  cases: [...cases({}, "normal"), { inputs: [[70001, 8]], attrs: { dim: 1 }, large: true }],
});

testOpInFamilies<ReduceOptions>({
  name: "mean",
  dtypes,
  run: ([x], attrs) => mean(x, attrs),
  reference: by(average),
  cases: cases({}, "normal"),
});

testOpInFamilies<ReduceOptions>({
  name: "prod",
  dtypes: ["f32", "bf16"],
  run: ([x], attrs) => prod(x, attrs),
  reference: by((values) => values.reduce((a, b) => a * b, 1)),
  cases: cases({}, { low: 0.9, high: 1.1 }, true),
});

testOpInFamilies<ReduceOptions>({
  name: "amax",
  dtypes,
  run: ([x], attrs) => amax(x, attrs),
  reference: by((values) => Math.max(...values)),
  cases: cases({}, "distinct"),
});

testOpInFamilies<ReduceOptions>({
  name: "amin",
  dtypes,
  run: ([x], attrs) => amin(x, attrs),
  reference: by((values) => Math.min(...values)),
  cases: cases({}, "distinct"),
});

testOpInFamilies<ReduceOptions>({
  name: "logsumexp",
  dtypes,
  run: ([x], attrs) => logsumexp(x, attrs),
  reference: by((values) => {
    const top = Math.max(...values);
    return top + Math.log(total(values.map((v) => Math.exp(v - top))));
  }),
  cases: cases({}, "normal"),
});

const spread = (finish: Fold, correction: number): Fold => (values) =>
  finish([squares(values) / Math.max(0, values.length - correction)]);

for (const correction of [0, 1]) {
  // One element alone has no unbiased variance.
  const list = cases<VarOptions>({ correction }, "normal").filter(({ inputs: [input], attrs }) =>
    correction === 0 ||
    reduce({ shape: (input as InputSpec).shape, data: new Float64Array(4200 * 3) }, (v) => v.length, attrs!.dim)
      .data.every((n) => n > 1)
  );
  testOpInFamilies<VarOptions>({
    name: `variance with correction ${correction}`,
    dtypes,
    run: ([x], attrs) => variance(x, attrs),
    reference: by(spread(([v]) => v, correction)),
    cases: list,
  });
  testOpInFamilies<VarOptions>({
    name: `std with correction ${correction}`,
    dtypes: ["f32"],
    run: ([x], attrs) => std(x, attrs),
    reference: by(spread(([v]) => Math.sqrt(v), correction)),
    cases: list.filter(({ inputs: [input] }) => (input as InputSpec).shape.length > 0),
  });
}

for (const p of [0.5, 1, 2, 2.5, 3, 4, Infinity, -Infinity]) {
  const infinite = Math.abs(p) === Infinity;
  const one = infinite
    ? (values: number[]) => (p > 0 ? Math.max : Math.min)(...values.map(Math.abs))
    : (values: number[]) => total(values.map((v) => Math.abs(v) ** p)) ** (1 / p);
  const draw = infinite ? "positive" : { low: -2, high: 2, avoid: [0], gap: 0.1 };
  (p === 2 || p === -Infinity ? testOpInFamilies : testOp)<NormOptions>({
    name: `norm with p ${p}`,
    dtypes: p === 2 ? dtypes : ["f32"],
    run: ([x], attrs) => norm(x, attrs),
    reference: by(one),
    cases: cases<NormOptions>({ p }, draw, true),
  });
}

const NAN = NaN, INF = Infinity;
const floats = (data: number[], shape: number[]) => tensor(Float32Array.from(data), { shape });

testFamilies("extrema take NaN by bits, the first of equals, and −0 for 0", async () => {
  // 40 elements a row, so that the groups family shares rows too.
  const row = (places: Record<number, number>) => Array.from({ length: 40 }, (_, i) => places[i] ?? (i % 7) - 3);
  const x = floats([
    ...row({ 9: NAN, 30: NAN }),
    ...row({ 5: INF, 8: INF }),
    ...row({ 11: -INF }),
    ...row({ 3: 50, 2: 50, 39: 50 }),
  ], [4, 40]);
  const [values, indices] = max(x, { dim: 1 });
  assertEquals(await values.array(), [NAN, INF, 3, 50]);
  assertEquals(await indices.array(), [9, 5, 6, 2]);
  const [least, places] = min(x, { dim: 1, keepdim: true });
  assertEquals(await least.array(), [[NAN], [-3], [-INF], [-3]]);
  assertEquals(await places.array(), [[9], [0], [11], [0]]);
  assertEquals(await argmax(x, { dim: 1 }).array(), [9, 5, 6, 2]);
  assertEquals(await argmin(x, { dim: 1 }).array(), [9, 0, 11, 0]);
  assertEquals(await amax(x, { dim: 1 }).array(), [NAN, INF, 3, 50]);
  assertEquals(await argmax(x).item(), 9);
  assertEquals(await argmax(floats([-0, 0, -0], [3])).item(), 0);
  assertEquals(await argmin(floats([0, -0, -0], [3])).item(), 0);
  assertEquals(await norm(x, { dim: 1, p: INF }).array(), [NAN, INF, INF, 50]);
});

testFamilies("extrema of whole numbers and booleans", async () => {
  const x = tensor([[2147483647, -2147483648, 7], [-5, -5, -6]]);
  assertEquals(await amax(x, { dim: 1 }).array(), [2147483647, -5]);
  assertEquals(await amin(x, { dim: 1 }).array(), [-2147483648, -6]);
  assertEquals(await argmax(x, { dim: 1 }).array(), [0, 0]);
  assertEquals(await argmin(x, { dim: 0 }).array(), [1, 0, 1]);
  const u = tensor(Uint32Array.of(1, 4000000000, 3));
  assertEquals(await max(u).item(), 4000000000);
  assertEquals(await argmin(u).item(), 0);
  const b = tensor([[true, false], [false, false]]);
  assertEquals(await max(b, { dim: 1 })[0].array(), [true, false]);
  assertEquals(await amin(b).array(), false);
});

testFamilies("argmax and argmin of long and many rows", async () => {
  const draw = random(7);
  for (
    const [shape, dim] of [[[3, 5000], 1], [[3000, 3], 0], [[2000, 8], 0], [[400, 6], 1], [[2, 700, 5], 1]] as const
  ) {
    const size = shape.reduce((n, s) => n * s, 1);
    // Few different values, so that ties are everywhere.
    const data = Float64Array.from({ length: size }, () => draw.below(50) - 25);
    const x = floats([...data], [...shape]);
    for (const [name, op, sign] of [["argmax", argmax, 1], ["argmin", argmin, -1]] as const) {
      const want = reduce({ shape, data }, (values) => {
        const signed = values.map((v) => v * sign);
        return signed.indexOf(Math.max(...signed));
      }, dim);
      assertEquals([...await op(x, { dim }).data()], [...want.data], `${name} of ${shape}`);
    }
  }
});

testFamilies("gradients of extrema: shared by ties, or to the element chosen", async () => {
  const x = tensor([[3, 1, 3, 3], [0, 2, 1, 2]], { dtype: "f32", requiresGrad: true });
  const dy = tensor([1, 10], { dtype: "f32" });
  const [shared] = grad(sum(mul(amax(x, { dim: 1 }), dy)), x);
  assertEquals(await shared!.array(), [[Math.fround(1 / 3), 0, Math.fround(1 / 3), Math.fround(1 / 3)], [0, 5, 0, 5]]);
  const [values] = max(x, { dim: 1 });
  const [chosen] = grad(sum(mul(values, dy)), x);
  assertEquals(await chosen!.array(), [[1, 0, 0, 0], [0, 10, 0, 0]]);
  const [least] = grad(sum(min(x, { dim: 0 })[0]), x);
  assertEquals(await least!.array(), [[0, 1, 0, 0], [1, 0, 1, 1]]);
  const [whole] = grad(max(x), x);
  assertEquals(await whole!.array(), [[Math.fround(1 / 3), 0, Math.fround(1 / 3), Math.fround(1 / 3)], [0, 0, 0, 0]]);
});

gpuTest("counting: integers and booleans add up in i32, averages and spreads refuse them", async () => {
  const b = tensor([[true, true], [false, true]]);
  assertEquals(sum(b).dtype, "i32");
  assertEquals(await sum(b, { dim: 0 }).array(), [1, 2]);
  assertEquals(await prod(b, { dim: 1 }).array(), [1, 0]);
  assertEquals(await prod(tensor([2, 3, -7])).item(), -42);
  assertEquals(sum(tensor(Uint32Array.of(1, 2))).dtype, "u32");
  for (const op of [mean, variance, std, logsumexp, norm]) assertThrows(() => op(b), TypeError, "floating-point");
  assertThrows(() => argmax(b), TypeError, "bool");
});

testFamilies("any and all: NaN and denormal numbers are true, −0 is not; nothing is all, and not any", async () => {
  const x = floats([0, -0, 0, NAN, 0, 0, 1e-40, 1, 2], [3, 3]);
  assertEquals(await any(x, { dim: 1 }).array(), [false, true, true]);
  assertEquals(await all(x, { dim: 1 }).array(), [false, false, true]);
  assertEquals(any(x).dtype, "bool");
  assertEquals(await any(zeros([0])).array(), false);
  assertEquals(await all(zeros([2, 0]), { dim: 1, keepdim: true }).array(), [[true], [true]]);
});

gpuTest("reductions of nothing", async () => {
  const none = zeros([2, 0, 3]);
  assertEquals(await sum(none, { dim: 1 }).array(), [[0, 0, 0], [0, 0, 0]]);
  assertEquals(await sum(none, { dim: [0, 1] }).array(), [0, 0, 0]);
  assertEquals(await prod(none).item(), 1);
  assertEquals(await mean(none).item(), NAN);
  assertEquals(await variance(none).item(), NAN);
  assertEquals(await norm(none, { dim: 1 }).array(), [[0, 0, 0], [0, 0, 0]]);
  assertEquals(await logsumexp(none).item(), -INF);
  assertEquals(sum(none, { dim: 0 }).shape, [0, 3]);
  assertEquals(argmax(none, { dim: 0 }).shape, [0, 3]);
  for (const op of [amax, amin]) assertThrows(() => op(none, { dim: 1 }), ShapeError, "must not be empty");
  for (const op of [max, min]) assertThrows(() => op(none, { dim: 1 }), ShapeError, "must not be empty");
  assertThrows(() => argmax(none), ShapeError, "must not be empty");
  assertThrows(() => norm(none, { p: INF }), ShapeError, "must not be empty");
});

gpuTest("axes are checked", () => {
  const x = zeros([2, 3]);
  assertThrows(() => sum(x, { dim: 2 }), RangeError, "Cannot choose axis 2 in sum");
  assertThrows(() => mean(x, { dim: [0, -2] }), RangeError, "each may appear once");
  assertThrows(() => max(x, { dim: -3 }), RangeError, "in max");
  assertThrows(() => norm(x, { p: NaN }), RangeError, "p must be a number");
});

testFamilies("a variance far from zero, and of a single element", async () => {
  const draw = random(3);
  const data = Float64Array.from({ length: 3 * 1024 }, () => Math.fround(1e4 + draw.normal()));
  const want = reduce({ shape: [3, 1024], data }, (v) => squares(v) / 1023, 1).data;
  const got = await variance(floats([...data], [3, 1024]), { dim: 1 }).data();
  for (let i = 0; i < 3; i++) assert(Math.abs(got[i] - want[i]) < 1e-5 * want[i], `${got[i]}, want ${want[i]}`);
  assertEquals(await variance(floats([1, 2], [2, 1]), { dim: 1 }).array(), [NAN, NAN]);
  assertEquals(await std(floats([1, 2], [2, 1]), { dim: 1, correction: 0 }).array(), [0, 0]);
});

gpuTest("gradients at the corners: products with zeros, norms and deviations of 0", async () => {
  const at = async (f: (x: Tensor) => Tensor, values: number[]) => {
    const x = tensor(values, { dtype: "f32", requiresGrad: true });
    return await grad(f(x), x)[0]!.array();
  };
  assertEquals(await at((x) => prod(x), [2, 3, 4]), [12, 8, 6]);
  assertEquals(await at((x) => prod(x), [2, 0, 3, 4]), [0, 24, 0, 0]);
  assertEquals(await at((x) => prod(x), [2, 0, 3, 0]), [0, 0, 0, 0]);
  assertEquals(await at((x) => prod(x), [2, NAN, 0]), [NAN, 0, NAN]);
  assertEquals(await at((x) => prod(x), [2, 0, INF]), [NAN, INF, 0]);
  assertEquals(await at((x) => prod(x), [0, NAN, 0, 3]), [NAN, 0, NAN, NAN]);
  assertEquals(await at((x) => prod(x), [0, NAN, -INF]), [NAN, NAN, NAN]);
  assertEquals(await at((x) => norm(x), [0, 0]), [0, 0]);
  assertEquals(await at((x) => norm(x, { p: 1 }), [0, -2]), [0, -1]);
  assertEquals(await at((x) => norm(x, { p: INF }), [3, -3, 1]), [0.5, -0.5, 0]);
  assertEquals(await at((x) => norm(x, { p: 0 }), [3, 0]), [0, 0]);
  assertEquals(await at((x) => std(x), [5, 5, 5]), [0, 0, 0]);
});

gpuTest("second gradients", async () => {
  const twice = async (f: (x: Tensor) => Tensor, values: number[]) => {
    const x = tensor(values, { dtype: "f32", requiresGrad: true });
    const [g] = grad(f(x), x, { createGraph: true });
    return (await grad(sum(square(g!)), x)[0]!.data()).map((v) => Math.round(v * 1e4) / 1e4);
  };
  // d/dx of Σ (∂ prod / ∂x)² for x = (a, b, c): a: 2(c² + b²)a, …
  assertEquals([...await twice((x) => prod(x), [1, 2, 3])], [26, 40, 30]);
  // |∇|x|| is 1 everywhere, so its derivative vanishes.
  for (const v of await twice((x) => norm(x), [3, 4])) assert(Math.abs(v) < 1e-4);
  // Variance: gradient 2 (x − mean) / 2, squared and summed Σ (x − mean)², its derivative 2 (x − mean).
  assertEquals([...await twice((x) => variance(x), [1, 2, 6])], [-4, -2, 6]);
});

gpuTest("a sum repeats bit for bit", async () => {
  const draw = random(11);
  const x = floats(Array.from({ length: 200003 }, () => draw.normal()), [200003]);
  const first = await sum(x).item();
  for (let i = 0; i < 3; i++) assertEquals(await sum(x).item(), first);
});

gpuTest("the gradient of a mean over axes apart", async () => {
  const x = tensor(new Float32Array(24).fill(1), { shape: [2, 3, 4], requiresGrad: true });
  const [g] = grad(sum(mean(x, { dim: [0, 2] })), x);
  assertEquals([...await g!.data()], new Array(24).fill(0.125));
});

gpuTest("what is no object of options, no tensor or no axis is refused by name", () => {
  const x = zeros([2, 2]);
  // deno-lint-ignore no-explicit-any -- calls as JavaScript makes them
  const js = { sum, softmax } as any;
  const probe: Op<object> = { name: "probe", infer: () => ({ shape: [], dtype: "f32" }), grad: null };
  const refusal = (call: () => unknown) => assertThrows(call, TypeError).message;
  assertEquals(
    refusal(() => js.sum(x, 1)),
    "Cannot reduce in sum: options must be an object such as { dim: 1 }, got 1",
  );
  assertEquals(refusal(() => js.softmax(x)), "Cannot compute softmax: it needs an axis, say { dim: -1 }");
  assertEquals(
    refusal(() => js.softmax(x, 1)),
    "Cannot compute softmax: options must be an object such as { dim: 1 }, got 1",
  );
  assertEquals(
    refusal(() => apply(probe, [undefined as unknown as Tensor], {})),
    "Cannot compute probe: operand 0 must be a tensor, got undefined",
  );
  assertEquals([`${x}`, JSON.stringify({ x })], ["Tensor([2, 2], f32)", '{"x":"Tensor([2, 2], f32)"}']);
  // TypeScript lets two tensors be compared, which compared their texts.
  assertThrows(() => x < x, TypeError, "Cannot take Tensor([2, 2], f32) for a number: operators know no tensors");
  assertThrows(() => Math.max(x as unknown as number, 0), TypeError, "await a.item()");
});

gpuTest("options that a reduction does not have are refused", () => {
  const x = zeros([2, 3]), wrong = { axis: 0 } as ReduceOptions;
  for (const reduce of [sum, mean, norm, amax, variance]) {
    assertThrows(() => reduce(x, wrong), TypeError, "there is no option axis");
  }
  return Promise.resolve();
});
