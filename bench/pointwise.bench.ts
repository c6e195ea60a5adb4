/** Chains of pointwise operations: what counts is bytes, each input read once and the result written once. */
import { add, gelu, mul, randn, relu } from "../mod.ts";
import { bench, compute } from "./_time.ts";

const f32 = 4;

await bench("pointwise", "gelu(x·a + b) + x, 4096×1024", { bytes: 2 * 4096 * 1024 * f32 }, () => {
  const x = randn([4096, 1024]), a = randn([1024]), b = randn([1024]);
  compute(x, a, b);
  return () => compute(add(gelu(add(mul(x, a), b), { approximate: "tanh" }), x));
});

await bench("pointwise", "relu(x + b), 1024×1024", { bytes: 2 * 1024 * 1024 * f32 }, () => {
  const x = randn([1024, 1024]), b = randn([1024]);
  compute(x, b);
  return () => compute(relu(add(x, b)));
});

await bench("pointwise", "x + y, 4 M elements", { bytes: 3 * 4 * 2 ** 20 * f32 }, () => {
  const x = randn([2 ** 22]), y = randn([2 ** 22]);
  compute(x, y);
  return () => compute(add(x, y));
});
