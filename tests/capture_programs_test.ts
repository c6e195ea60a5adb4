// Programs put together at random do under `capture` what they do without it, bit for bit.
import { assert, assertEquals } from "@std/assert";
import {
  add,
  backward,
  capture,
  cat,
  cumsum,
  dropout,
  layerNorm,
  manualSeed,
  matmul,
  mean,
  mul,
  narrow,
  randn,
  relu,
  scope,
  softmax,
  sub,
  sum,
  tanh,
  type Tensor,
  transpose,
  where,
} from "../mod.ts";
import { Adam, type Optimizer, SGD } from "../optim/mod.ts";
import { gpuTest } from "../testing/gpu.ts";

/** Steps of a program: each makes a matrix of the size of those that it takes. */
const STEPS: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  add,
  mul,
  tanh,
  matmul,
  (a) => softmax(a, { dim: -1 }),
  (a) => transpose(a, 0, 1),
  (a, b) => add(a, sum(b, { dim: 0, keepdim: true })),
  (a) => dropout(a, { p: 0.3 }),
  (a, b) => narrow(cat([a, b], { dim: 0 }), { dim: 0, start: 1, length: a.shape[0] }),
  (a, b) => relu(sub(a, b)),
  (a) => layerNorm(a, { normalizedShape: [a.shape[1]] }),
  (a) => cumsum(a, { dim: 1 }),
  (a) => a.detach(),
  (a, b) => where(a.gt(b), a, b),
];

/** Whole numbers below `bound`, the same for a seed (Numerical Recipes' linear congruence). */
function choices(seed: number): (bound: number) => number {
  let state = seed * 7919 + 1;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * bound);
  };
}

/** Bytes of all that a program gives in five calls, and of its parameters afterwards. */
async function course(seed: number, captured: boolean): Promise<{ bytes: Uint8Array[]; replays: number }> {
  const choose = choices(seed);
  const size = [1, 3, 7, 16, 33][choose(5)], length = 2 + choose(9);
  const steps = Array.from({ length }, (_, i) => ({
    step: STEPS[choose(STEPS.length)],
    a: choose(4 + i),
    b: choose(4 + i),
  }));
  const looked = choose(4 + length), late = choose(2) === 1;
  manualSeed(seed);
  const parameters = [0, 1].map(() => randn([size, size], { requiresGrad: true }));
  const optimizer: Optimizer = choose(2) ? new Adam(parameters, { lr: 0.01 }) : new SGD(parameters, { lr: 0.1 });
  const plain = (x: Tensor, y: Tensor): Tensor[] => {
    optimizer.zeroGrad();
    const values = [x, y, ...parameters];
    for (const { step, a, b } of steps) values.push(step(values[a], values[b]));
    const loss = add(mean(tanh(values.at(-1)!)), mean(mul(parameters[0], 0.1)));
    backward(loss);
    optimizer.step();
    return [loss, values.at(-1)!, values[looked]].map((t) => t.detach());
  };
  using step = capture(plain);
  const results: Tensor[] = [], bytes: Uint8Array[] = [];
  const read = async (tensors: Tensor[]) => {
    for (const t of tensors) bytes.push(new Uint8Array(await t.bytes()));
  };
  for (let i = 0; i < 5; i++) {
    const x = randn([size, size]), y = i % 2 ? x : randn([size, size]);
    const result = captured ? step(x, y) : scope(() => plain(x, y));
    if (late) results.push(...result);
    else await read(result);
  }
  await read([...results, ...parameters]);
  optimizer.zeroGrad();
  optimizer.dispose();
  return { bytes, replays: step.statistics.replays };
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  gpuTest(`a random program gives the same bits captured (seed ${seed})`, async () => {
    const eager = await course(seed, false), captured = await course(seed, true);
    assertEquals(captured.bytes, eager.bytes);
    assert(captured.replays > 0);
  });
}
