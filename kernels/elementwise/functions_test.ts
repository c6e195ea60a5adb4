import { assertEquals } from "@std/assert";
import * as f from "../../mod.ts";
import { type Tensor, tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { erf, erfc, lgamma, polygamma, sigmoid, sinc, softplus } from "../../testing/special.ts";
import { functionsFor } from "./functions.ts";

/** Evenly from low to high. */
const even = (low: number, high: number) =>
  Float32Array.from({ length: 5001 }, (_, i) => low + (high - low) * (i + 0.37) / 5001);

/** Powers of two with even exponents from low to high. */
const powers = (low: number, high: number, sign = 1) =>
  Float32Array.from({ length: 5001 }, (_, i) => sign * 2 ** (low + (high - low) * i / 5001));

type Row = [
  name: string,
  run: (x: Tensor) => Tensor,
  reference: (x: number) => number,
  units: number,
  ...inputs: Float32Array<ArrayBuffer>[],
];

const ACCURACY: Row[] = [
  ["exp", f.exp, Math.exp, 2, even(-87, 88.7), even(-1, 1)],
  ["exp2", f.exp2, (x) => 2 ** x, 2, even(-125, 127.9)],
  ["expm1", f.expm1, Math.expm1, 5, even(-20, 88), powers(-60, -2), powers(-60, -2, -1)],
  ["log", f.log, Math.log, 2, powers(-126, 127.9), even(0.5, 2)],
  ["log2", f.log2, Math.log2, 2, powers(-126, 127.9), even(0.5, 2)],
  ["log10", f.log10, Math.log10, 4, powers(-126, 127.9), even(0.5, 2)],
  ["log1p", f.log1p, Math.log1p, 3, even(-0.999, 5), powers(-60, 100), powers(-60, -1, -1)],
  ["sin", f.sin, Math.sin, 3, even(-10, 10), even(-5000, 5000), powers(10, 127), powers(-60, 0)],
  ["cos", f.cos, Math.cos, 3, even(-10, 10), even(-5000, 5000), powers(10, 127), powers(-60, 0)],
  ["tan", f.tan, Math.tan, 5, even(-10, 10), even(-5000, 5000), powers(10, 127), powers(-60, 0)],
  ["asin", f.asin, Math.asin, 3, even(-1, 1), powers(-60, 0)],
  ["acos", f.acos, Math.acos, 3, even(-1, 1)],
  ["atan", f.atan, Math.atan, 3, even(-10, 10), powers(-60, 100)],
  ["sinh", f.sinh, Math.sinh, 6, even(-89, 89), even(-2, 2), powers(-60, 0)],
  ["cosh", f.cosh, Math.cosh, 5, even(-89, 89), even(-2, 2)],
  ["tanh", f.tanh, Math.tanh, 2, even(-12, 12), powers(-60, 10)],
  ["asinh", f.asinh, Math.asinh, 3, even(-20, 20), powers(-60, 126)],
  ["acosh", f.acosh, Math.acosh, 3, even(1, 20), powers(0, 126)],
  ["atanh", f.atanh, Math.atanh, 4, even(-0.999, 0.999), powers(-60, 0)],
  ["sigmoid", f.sigmoid, sigmoid, 3, even(-80, 80), even(-5, 5)],
  ["erf", f.erf, erf, 7, even(-5, 5), powers(-60, 2)],
  ["erfc", f.erfc, erfc, 8, even(-5, 9)],
  ["lgamma", f.lgamma, lgamma, 5, even(2.5, 40), powers(-60, -1), powers(6, 40)],
  ["digamma", f.digamma, (x) => polygamma(0, x), 9, even(2, 40), powers(-60, -1), powers(6, 40)],
  ["polygamma 1", (x) => f.polygamma(x, 1), (x) => polygamma(1, x), 5, even(0.01, 40), powers(-30, 40)],
  ["polygamma 2", (x) => f.polygamma(x, 2), (x) => polygamma(2, x), 16, even(0.01, 40), powers(-30, 30)],
  ["sinc", f.sinc, sinc, 5, even(-0.5, 0.5), powers(-60, 0)],
  ["sqrt", f.sqrt, Math.sqrt, 3, powers(-126, 127)],
  ["rsqrt", f.rsqrt, (x) => 1 / Math.sqrt(x), 5, powers(-126, 127)],
  ["pow 1.7", (x) => f.pow(x, 1.7), (x) => x ** Math.fround(1.7), 3, powers(-70, 70), even(0.5, 2)],
  ["pow -30.3", (x) => f.pow(x, -30.3), (x) => x ** Math.fround(-30.3), 8, powers(-4, 4), even(0.5, 2)],
  ["pow 5", (x) => f.pow(x, 5), (x) => x ** 5, 3, powers(-24, 24), even(-2, -0.5)],
  ["pow 1000", (x) => f.pow(x, 1000), (x) => x ** 1000, 12, even(0.93, 1.09)],
  ["pow of base 1.0001", (x) => f.pow(1.0001, x), (x) => Math.fround(1.0001) ** x, 3, even(-8e5, 8e5)],
  ["softplus", f.softplus, (x) => x > 20 ? x : softplus(x), 4, even(-80, 40)],
  ["logSigmoid", f.logSigmoid, (x) => -softplus(-x), 4, even(-80, 80)],
  ["silu", f.silu, (x) => x * sigmoid(x), 4, even(-80, 40)],
  ["mish", f.mish, (x) => x * Math.tanh(softplus(x)), 6, even(-80, 40)],
];

gpuTest("functions keep to a few units in the last place over their whole range", async () => {
  const wrong: string[] = [];
  for (const [name, run, reference, units, ...inputs] of ACCURACY) {
    const x = new Float32Array(inputs.reduce((n, part) => n + part.length, 0));
    inputs.reduce((at, part) => (x.set(part, at), at + part.length), 0);
    const y = await run(tensor(x)).data();
    let worst = 0, at = 0;
    for (let i = 0; i < x.length; i++) {
      const want = reference(x[i]);
      // Denormal results may be flushed to zero.
      if (Math.abs(want) < 1.2e-38 || Math.abs(want) > 3.4e38) continue;
      const error = Math.abs(y[i] - want) / 2 ** (Math.floor(Math.log2(Math.abs(want))) - 23);
      if (!(error <= worst)) [worst, at] = [error, i];
    }
    if (!(worst <= units)) wrong.push(`${name}(${x[at]}) is ${y[at]}, want ${reference(x[at])}: ${worst} units`);
  }
  assertEquals(wrong, []);
});

const EDGES = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 3.4028234663852886e38, -3.4028234663852886e38, 100, -100];

const LIMITS: [name: string, run: (x: Tensor) => Tensor, reference: (x: number) => number][] = [
  ["exp", f.exp, Math.exp],
  ["exp2", f.exp2, (x) => 2 ** x],
  ["expm1", f.expm1, Math.expm1],
  ["log", f.log, Math.log],
  ["log2", f.log2, Math.log2],
  ["log10", f.log10, Math.log10],
  ["log1p", f.log1p, Math.log1p],
  ["sqrt", f.sqrt, Math.sqrt],
  ["rsqrt", f.rsqrt, (x) => 1 / Math.sqrt(x)],
  ["sin", f.sin, Math.sin],
  ["cos", f.cos, Math.cos],
  ["tan", f.tan, Math.tan],
  ["asin", f.asin, Math.asin],
  ["acos", f.acos, Math.acos],
  ["atan", f.atan, Math.atan],
  ["sinh", f.sinh, Math.sinh],
  ["cosh", f.cosh, Math.cosh],
  ["tanh", f.tanh, Math.tanh],
  ["asinh", f.asinh, Math.asinh],
  ["acosh", f.acosh, Math.acosh],
  ["atanh", f.atanh, Math.atanh],
  ["sigmoid", f.sigmoid, sigmoid],
  ["erf", f.erf, erf],
  ["erfc", f.erfc, (x) => x < -10 ? 2 : erfc(x)],
  ["floor", f.floor, Math.floor],
  ["ceil", f.ceil, Math.ceil],
  ["trunc", f.trunc, Math.trunc],
  ["relu", f.relu, (x) => Math.max(x, 0)],
  ["softplus", f.softplus, softplus],
  ["mish", f.mish, (x) => x * Math.tanh(softplus(x))],
];

gpuTest("functions at NaN, infinity, zeros of both signs and the largest numbers", async () => {
  const wrong: string[] = [];
  for (const [name, run, reference] of LIMITS) {
    const y = await run(tensor(Float32Array.from(EDGES))).data();
    EDGES.forEach((x, i) => {
      const want = Math.fround(reference(x));
      const close = Math.abs(y[i] - want) <= 1e-6 * Math.abs(want) || Math.abs(want - y[i]) < 1.2e-38;
      if (!Object.is(y[i], want) && !(close && Number.isFinite(want))) {
        wrong.push(`${name}(${x}) is ${y[i]}, want ${want}`);
      }
    });
  }
  assertEquals(wrong, []);
});

gpuTest("powers at zero, one and infinity follow IEEE 754", async () => {
  const values = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 2, -2, 0.5, -0.5, 3];
  const pairs = values.flatMap((x) => values.map((y) => [x, y]));
  const column = (k: number) => tensor(Float32Array.from(pairs, (pair) => pair[k]));
  const got = await f.pow(column(0), column(1)).data();
  const wrong = pairs.flatMap(([x, y], i) => {
    // JavaScript differs from IEEE 754 where the base is ±1.
    const want = x === 1 || y === 0 || (x === -1 && !Number.isFinite(y) && !Number.isNaN(y)) ? 1 : x ** y;
    const same = Object.is(got[i], want) || Math.abs(got[i] - want) <= 3e-7 * Math.abs(want) && want !== 0;
    return same ? [] : [`${x} to the ${y} is ${got[i]}, want ${want}`];
  });
  assertEquals(wrong, []);
});

gpuTest("angles of points keep the signs of zeros", async () => {
  const values = [0, -0, 1, -1, Infinity, -Infinity, NaN, 1e-30, 1e30];
  const pairs = values.flatMap((y) => values.map((x) => [y, x]));
  const column = (k: number) => tensor(Float32Array.from(pairs, (pair) => pair[k]));
  const got = await f.atan2(column(0), column(1)).data();
  const wrong = pairs.flatMap(([y, x], i) => {
    const want = Math.fround(Math.atan2(y, x));
    return Object.is(got[i], want) || Math.abs(got[i] - want) <= 5e-7 * Math.abs(want)
      ? []
      : [`atan2(${y}, ${x}) is ${got[i]}, want ${want}`];
  });
  assertEquals(wrong, []);
});

gpuTest("remainders are exact, however large the quotient", async () => {
  const values = [5.5, -5.5, 1e30, -1e30, 3.4e38, 0, 1e-30, 7, -7, 2 ** 24 + 2, 0.1];
  const pairs = values.flatMap((x) =>
    [3, -3, 0.7, 1e-3, 2 ** 23 + 1, 1e-37, Infinity].map((y) => [x, y].map(Math.fround))
  );
  const column = (k: number) => tensor(Float32Array.from(pairs, (pair) => pair[k]));
  const modulo = await f.fmod(column(0), column(1)).data();
  const remainder = await f.remainder(column(0), column(1)).data();
  const wrong = pairs.flatMap(([x, y], i) => {
    // The remainder in f64 is exact for numbers of 24 bits.
    const left = x % y, shifted = Math.fround(left !== 0 && (left < 0) !== (y < 0) ? left + y : left);
    return modulo[i] === Math.fround(left) && remainder[i] === shifted || Math.abs(left) < 1.2e-38
      ? []
      : [`${x} by ${y}: ${modulo[i]} and ${remainder[i]}, want ${left} and ${shifted}`];
  });
  assertEquals(wrong, []);
  assertEquals([...await f.fmod(tensor([1.5, Infinity, 2]), tensor([0, 2, NaN])).data()], [NaN, NaN, NaN]);
});

gpuTest("rounded quotients do not fall short of an integer", async () => {
  const a = f.to(f.arange(1, 4097), "f32");
  for (const b of [3, 7, 10, 49, 0.1]) {
    const exact = Math.fround(b);
    const [down, towards] = await Promise.all([
      f.div(a, b, { roundingMode: "floor" }).data(),
      f.div(f.neg(f.mul(a, b)), b, { roundingMode: "trunc" }).data(),
    ]);
    for (let i = 1; i < 4097; i++) {
      if (down[i - 1] !== Math.floor(i / exact)) throw new Error(`${i} / ${b} is rounded to ${down[i - 1]}`);
      const product = Math.fround(i * exact);
      if (towards[i - 1] !== Math.trunc(-product / exact)) throw new Error(`${-product} / ${b}: ${towards[i - 1]}`);
    }
  }
});

Deno.test("generated kernels carry the shared functions that they call, and theirs, once each", () => {
  const text = functionsFor("let y = divide(i, params.m, params.h) + divide(i, 3u, 4u) + mul_high(i, i);");
  const names = [...text.matchAll(/^fn (\w+)/gm)].map((match) => match[1]);
  assertEquals(names, ["divide", "mul_high"]);
  assertEquals(functionsFor("let y = x + 1.0;"), "");
});
