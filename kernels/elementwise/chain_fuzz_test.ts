import { assert, assertEquals } from "@std/assert";
import * as f from "../../mod.ts";
import { device, type DType, type Tensor, tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { type Random, random, sizeOf } from "../../testing/reference.ts";

/** Computes a tensor's value now. */
function settle(t: Tensor): Tensor {
  void t.storage.buffer;
  return t;
}

const SHAPES = [[4, 6], [3, 5], [2, 3, 8], [17], [2, 1, 3, 4]];

/** A program of 10 to 70 operations on tensors that broadcast to one shape; `step` sees every value. */
function program(draws: Random, step: (t: Tensor) => Tensor): Tensor {
  const shape = SHAPES[draws.below(SHAPES.length)];
  const made = (s: readonly number[], dtype: DType = "f32") =>
    settle(tensor(Float32Array.from({ length: sizeOf(s) }, draws.normal), { shape: [...s], dtype }));
  const fits = (t: Tensor) => t.shape.join() === shape.join();
  const sources = [
    made(shape),
    made(shape, "f16"),
    made(shape, "bf16"),
    made(shape.map((size, i) => i === shape.length - 1 ? size : 1)),
    made([...shape.slice(0, -1), 1]),
    made([]),
  ];
  const pool = [...sources];
  const count = 10 + draws.below(60);
  for (let k = 0; k < count; k++) {
    const whole = pool.filter(fits);
    const a = whole[draws.below(whole.length)], b = pool[draws.below(pool.length)];
    const number = draws.normal(), dtype = (["f32", "f16", "bf16"] as const)[draws.below(3)];
    const steps: (() => Tensor)[] = [
      () => f.add(a, b),
      () => f.sub(b, a),
      () => f.mul(a, b),
      () => f.mul(a, number),
      () => f.div(a, f.add(f.abs(b), 0.5)),
      () => f.maximum(a, b),
      () => f.where(f.gt(a, b), a, b),
      () => f.relu(f.sub(a, number)),
      () => f.exp(f.clamp(a, { max: 1 })),
      () => f.tanh(a),
      () => f.gelu(a),
      () => f.sigmoid(b),
      () => f.to(a, dtype),
      () => f.add(a, f.to(f.to(f.clamp(b, { min: -5, max: 5 }), "i32"), "f32")),
      () => f.reshape(f.permute(a, [...shape.keys()].reverse()), shape),
      () => f.flip(a, [0]),
      () => f.add(f.dropout(a, { generator: new f.Generator(k) }), b),
    ];
    pool.push(step(steps[draws.below(steps.length)]()));
    if (pool.length > 12) pool.splice(sources.length, 1);
  }
  return pool.slice(sources.length).filter(fits).reduce((x, y) => step(f.add(x, y)));
}

gpuTest("random programs have the same bits fused as step by step", async () => {
  const { counts } = device().recorder;
  for (let round = 0; round < 6; round++) {
    const before = counts.dispatches;
    const fused = await program(random(round), (t) => t).bytes();
    assert(counts.dispatches - before <= 12, `${counts.dispatches - before} dispatches`);
    const apart = await program(random(round), settle).bytes();
    assertEquals(new Uint8Array(fused), new Uint8Array(apart), `program ${round}`);
  }
});

gpuTest("thousands of views, one of the other, do not overflow the stack", async () => {
  let t = settle(tensor(new Float32Array(12), { shape: [3, 4] }));
  for (let k = 0; k < 3000; k++) t = f.add(f.permute(t, [1, 0]), 1);
  assertEquals([...await t.data()], new Array(12).fill(3000));
});
