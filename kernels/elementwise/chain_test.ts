import { assert, assertEquals, assertThrows } from "@std/assert";
import * as f from "../../mod.ts";
import { copyInto, type DType, ones, type Tensor, tensor } from "../../mod.ts";
import { countDispatches, gpuTest } from "../../testing/gpu.ts";
import { array, map, type NDArray, type Random, random, sizeOf } from "../../testing/reference.ts";
import { withFamily } from "../_family.ts";
import { strided } from "./view.ts";

/** Computes a tensor's value now. */
function settle(t: Tensor): Tensor {
  void t.storage.buffer;
  return t;
}

function made(shape: readonly number[], draws: Random, dtype: DType = "f32"): Tensor {
  return settle(tensor(Float32Array.from({ length: sizeOf(shape) }, draws.normal), { dtype, shape: [...shape] }));
}

/** The bits of a tensor, so that NaN, and zeros of both signs, are told apart. */
async function bits(t: Tensor): Promise<string> {
  return new Uint32Array(await t.bytes()).join();
}

/** A walk of 30 operations with broadcasts, casts, views, numbers and shared values; `step` sees every value. */
function walk(x: Tensor, row: Tensor, column: Tensor, half: Tensor, step: (t: Tensor) => Tensor): Tensor {
  let y = step(f.mul(x, row));
  y = step(f.add(y, column));
  y = step(f.gelu(y));
  const kept = y;
  y = step(f.sub(y, 0.25));
  y = step(f.to(y, "f16"));
  y = step(f.mul(y, half));
  y = step(f.to(y, "f32"));
  y = step(f.tanh(y));
  y = step(f.add(y, kept));
  const positive = step(f.gt(y, 0));
  y = step(f.where(positive, y, f.neg(kept)));
  y = step(f.exp(f.clamp(y, { min: -2, max: 2 })));
  y = step(f.div(y, 3));
  y = step(f.to(y, "bf16"));
  y = step(f.square(y));
  y = step(f.to(y, "f32"));
  y = step(f.sub(1, y));
  y = step(f.maximum(y, row));
  y = step(f.minimum(y, 4));
  y = step(f.sigmoid(y));
  y = step(f.log(y));
  y = step(f.mul(y, -1.5));
  const whole = step(f.to(y, "i32"));
  y = step(f.add(y, f.remainder(whole, 3)));
  y = step(f.sqrt(f.abs(y)));
  y = step(f.silu(y));
  y = step(f.maskedFill(y, f.eq(whole, 1), 0.5));
  y = step(f.mul(y, column));
  return step(f.sub(y, kept));
}

for (const shape of [[8, 12], [7, 5], [3, 1, 66]]) {
  gpuTest(`thirty mixed operations on [${shape}] are one kernel with the bits of thirty kernels`, async () => {
    const draws = random(1);
    const x = made(shape, draws), row = made(shape.slice(-1), draws);
    const column = made([shape.at(-2)!, 1], draws), half = made(shape, draws, "f16");
    let fused: Tensor;
    const count = countDispatches(() => fused = settle(walk(x, row, column, half, (t) => t)));
    assertEquals(count, 1);
    const apart = walk(x, row, column, half, settle);
    assertEquals(await bits(fused!), await bits(apart));
  });
}

for (const shape of [[70, 260], [133, 1028], [2, 70, 262]]) {
  gpuTest(`runs of quads give the bits of single quads on [${shape}]`, async () => {
    const draws = random(3);
    const x = made(shape, draws), row = made(shape.slice(-1), draws), column = made([shape.at(-2)!, 1], draws);
    const half = made(shape.slice(-1), draws, "bf16"), one = made([], draws);
    const formulas = [
      () => f.relu(f.add(f.mul(x, row), half)),
      () => f.mul(f.add(f.mul(x, column), row), one),
      () => f.to(f.sub(x, row), "f16"),
      () => (f.manualSeed(7), f.dropout(f.add(x, row), { p: 0.5, training: true })),
    ];
    for (const [k, formula] of formulas.entries()) {
      const runs = await withFamily("lanes", () => settle(formula()));
      const single = await withFamily("groups", () => settle(formula()));
      assertEquals(await bits(runs), await bits(single), `formula ${k}`);
    }
  });
}

gpuTest("compilers cannot cancel, factor out or contract across operations", async () => {
  const draws = random(2);
  const [a, b, c] = [made([333], draws), made([333], draws), made([333], draws)];
  const formulas: Record<string, (step: (t: Tensor) => Tensor) => Tensor> = {
    "a·b + a·c": (step) => f.add(step(f.mul(a, b)), step(f.mul(a, c))),
    "a·b + c": (step) => f.add(step(f.mul(a, b)), c),
    "(a + b) − a": (step) => f.sub(step(f.add(a, b)), a),
    "(a − b) + b": (step) => f.add(step(f.sub(a, b)), b),
    "(a / b) · b": (step) => f.mul(step(f.div(a, b)), b),
    "1 / (1 / a)": (step) => f.reciprocal(step(f.reciprocal(a))),
    "√(a·a)": (step) => f.sqrt(step(f.mul(a, a))),
  };
  for (const [name, formula] of Object.entries(formulas)) {
    assertEquals(await bits(formula((t) => t)), await bits(formula(settle)), name);
  }
});

gpuTest("forward and backward of a chain are one kernel each", () => {
  const x = settle(tensor([[1, 2], [3, 4]], { dtype: "f32", requiresGrad: true }));
  const dy = settle(ones([2, 2]));
  let y: Tensor;
  assertEquals(countDispatches(() => settle(y = f.mul(f.gelu(f.add(x, 1)), 2))), 1);
  assertEquals(countDispatches(() => settle(f.grad(y, x, { gradOutputs: dy })[0]!)), 1);
});

gpuTest("a chain used twice by the next operation is read once, and does not count twice", () => {
  const x = settle(ones([64]));
  let y = x;
  const count = countDispatches(() => {
    for (let k = 0; k < 12; k++) y = f.mul(y, y);
    settle(y);
  });
  assertEquals(count, 1);
});

gpuTest("a chain that is too long, or reads too much, is split and still right", async () => {
  const x = settle(tensor(Float32Array.from({ length: 100 }, (_, i) => i / 100)));
  let y = x, want = 0.37;
  const count = countDispatches(() => {
    for (let k = 0; k < 200; k++) {
      y = k % 2 === 0 ? f.add(y, 1.25) : f.mul(y, 0.5);
      want = Math.fround(k % 2 === 0 ? want + 1.25 : want * 0.5);
    }
    settle(y);
  });
  assert(count > 1 && count <= 8, `${count} dispatches`);
  assert(Math.abs((await y.data())[37] - want) < 1e-6);

  const many = Array.from({ length: 60 }, (_, k) => settle(tensor(new Float32Array(10).fill(k))));
  const total = many.reduce((a, b) => f.add(a, b));
  assertEquals([...await total.data()], new Array(10).fill(60 * 59 / 2));
});

gpuTest("numbers are parameters: another number is the same kernel", async ({ gpu }) => {
  const x = settle(ones([5]));
  const make = gpu.createShaderModule;
  let made = 0;
  gpu.createShaderModule = function (descriptor) {
    made++;
    return make.call(gpu, descriptor);
  };
  try {
    const scaled = (n: number) => f.leakyRelu(f.mul(f.sub(x, n), n), { negativeSlope: n });
    assertEquals([...await scaled(0.5).data()], new Array(5).fill(0.25));
    assertEquals(made, 1);
    assertEquals([...await scaled(2).data()], new Array(5).fill(-4));
    assertEquals(
      [...await f.leakyRelu(f.mul(f.sub(settle(ones([7, 3])), 2), 2), { negativeSlope: 2 }).data()].length,
      21,
    );
    assertEquals(made, 1);
  } finally {
    gpu.createShaderModule = make;
  }
});

gpuTest("changing a source after a chain was built leaves the chain its value", async () => {
  const x = settle(tensor([1.0, 2.0, 3.5]));
  const y = f.mul(f.add(x, 1), 2);
  copyInto(x, 0);
  const z = f.add(x, 1);
  assertEquals([...await y.data()], [4, 6, 9]);
  assertEquals([...await z.data()], [1, 1, 1]);
  assertEquals([...await x.data()], [0, 0, 0]);
});

gpuTest("views inside chains: permuted, expanded, reversed and shifted, without copies", async () => {
  const draws = random(3);
  for (const shape of [[4, 8], [3, 5], [2, 3, 4]]) {
    const x = made(shape, draws), back = [...shape.keys()].reverse();
    const other = made([...shape].reverse(), draws);
    const row = made([1, shape[0]], draws);
    let y: Tensor;
    const count = countDispatches(() => {
      settle(y = f.add(f.mul(f.permute(x, back), 2), f.sub(other, f.expand(row, other.shape))));
    });
    assertEquals(count, 1, String(shape));
    const [xs, others, rows] = await Promise.all([x.data(), other.data(), row.data()]);
    const plain = array(shape, xs);
    const want = Float32Array.from(others, (v, i) => {
      return Math.fround(Math.fround(2 * transposed(plain, i)) + Math.fround(v - rows[i % shape[0]]));
    });
    assertEquals(await y!.data(), want);
  }
  const x = settle(tensor(Float32Array.from({ length: 12 }, (_, i) => i)));
  const view = strided(x, { name: "every second, backwards", shape: [4], strides: [-2], offset: 9, grad: (dy) => dy });
  assertEquals([...await f.add(view, 0.5).data()], [9.5, 7.5, 5.5, 3.5]);
});

/** Element `at` of an array with its axes reversed. */
function transposed({ shape, data }: NDArray, at: number): number {
  let rest = at, flat = 0;
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  for (let axis = 0; axis < shape.length; axis++) {
    flat += (rest % shape[axis]) * strides[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return data[flat];
}

gpuTest("250 random broadcasts, with types and views, equal a reference on the host", async () => {
  const draws = random(4);
  const failures: string[] = [];
  const checks: { name: string; got: Promise<ArrayLike<number>>; want: ArrayLike<number> }[] = [];
  for (let round = 0; round < 250; round++) {
    const rank = draws.below(7);
    const shape = Array.from({ length: rank }, () => [1, 2, 3, 4, 5, 8][draws.below(6)]);
    const cut = () => shape.slice(draws.below(rank + 1)).map((size) => draws.below(3) === 0 ? 1 : size);
    const shapes = [cut(), cut(), shape].slice(0, round < 200 ? 2 : 3);
    const types = shapes.map(() => round < 200 ? "f32" : (["f32", "f16", "i32"] as const)[draws.below(3)]);
    const values = shapes.map((s) => array(s, Array.from({ length: sizeOf(s) }, () => draws.below(17) - 8)));
    const tensors = values.map(({ shape, data }, k) =>
      tensor(Float32Array.from(data), { shape: [...shape], dtype: types[k] })
    );
    const [a, b, c = 3] = tensors;
    const want = map((a, b, c = 3) => (a * b + c) * 2 - a, ...values);
    checks.push({
      name: shapes.map((s, k) => `${types[k]} [${s}]`).join(" "),
      got: f.sub(f.mul(f.add(f.mul(a, b), c), 2), a).data(),
      want: want.data,
    });
  }
  for (const { name, got, want } of checks) {
    const values = await got;
    if (values.length !== want.length || Array.from(want).some((v, i) => v !== values[i])) failures.push(name);
  }
  assertEquals(failures, []);
});

gpuTest("16-bit types at odd sizes: neighbours in a word stay apart", async () => {
  for (const dtype of ["f16", "bf16"] as const) {
    for (const size of [1, 3, 5, 63, 65, 257]) {
      const values = Float32Array.from({ length: size }, (_, i) => (i % 7) - 3);
      const x = tensor(values, { dtype });
      const y = f.add(x, f.mul(x, 0.5));
      assertEquals(y.dtype, dtype);
      assertEquals(Array.from(await y.data()), Array.from(values, (v) => v * 1.5), `${dtype} ${size}`);
      const mask = f.gt(x, 0);
      assertEquals(Array.from(await mask.data()), Array.from(values, (v) => Number(v > 0)));
    }
  }
});

gpuTest("more than 65,535 workgroups", async () => {
  const size = 65_535 * 256 + 1029;
  const x = f.arange(size);
  const y = f.sub(f.mul(x, 3), x);
  const data = await y.data();
  for (let i = 0; i < size; i += 4097) if (data[i] !== 2 * i) throw new Error(`element ${i} is ${data[i]}`);
  assertEquals([data[size - 1], data[65_535 * 256]], [2 * (size - 1), 2 * 65_535 * 256]);
});

gpuTest("nothing is recorded for empty tensors, nor for results that nobody reads", async () => {
  const empty = tensor(new Float32Array(0), { shape: [0, 3] });
  assertEquals(countDispatches(() => settle(f.add(empty, 1))), 0);
  assertEquals((await f.add(empty, tensor([1, 2, 3])).data()).length, 0);
  const x = settle(ones([4]));
  assertEquals(countDispatches(() => void f.exp(f.add(x, 1))), 0);
});

gpuTest("too many axes that cannot be merged are refused clearly", () => {
  const rank = 22;
  const x = settle(ones(new Array<number>(rank).fill(2)));
  const reversed = f.permute(x, [...x.shape.keys()].reverse());
  assertThrows(() => settle(f.add(reversed, 1)), RangeError, "Cannot compute element by element");
});
