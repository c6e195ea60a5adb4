/** The loss scaler inside a captured step of one's own: what it decides is decided anew in every replay. */
import { assert, assertEquals } from "@std/assert";
import { autocast, backward, capture, crossEntropy, manualSeed, randn, relu, type Tensor, tensor } from "../mod.ts";
import { Linear, Module } from "../nn/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { Adam, clipGradNorm, GradScaler } from "./mod.ts";

class Net extends Module<[Tensor], Tensor> {
  readonly first = new Linear(6, 16);
  readonly second = new Linear(16, 3);

  forward(x: Tensor): Tensor {
    return this.second.forward(relu(this.first.forward(x)));
  }
}

/** Steps whose batch makes gradients that are not finite. */
const BAD = [4, 5, 9];
const STEPS = 14;

interface Course {
  readonly bits: number[][];
  readonly scales: number[];
  readonly counts: number[];
}

async function course(captured: boolean): Promise<Course> {
  manualSeed(11);
  using net = new Net();
  using optimizer = new Adam(net.parameters(), { lr: 0.01 });
  using scaler = new GradScaler({ initScale: 1024, growthInterval: 3 });
  const plain = (x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = autocast("f16", () => crossEntropy(net.forward(x), y));
    backward(scaler.scale(loss));
    scaler.unscale(optimizer);
    clipGradNorm(net.parameters(), 1);
    scaler.step(optimizer);
    scaler.update();
    return loss;
  };
  using step = capture(plain);
  const bits: number[][] = [], scales: number[] = [], counts: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    const x = BAD.includes(i) ? tensor(new Float32Array(24).fill(Infinity), { shape: [4, 6] }) : randn([4, 6]);
    (captured ? step : plain)(x, tensor(Int32Array.from({ length: 4 }, (_, k) => (i + k) % 3)));
    const state = optimizer.stateDict().state;
    const kept = [...net.parameters(), ...Object.values(state).map(({ expAvg }) => expAvg as Tensor)];
    bits.push((await Promise.all(kept.map((t) => t.bytes()))).flatMap((bytes) => [...new Uint32Array(bytes)]));
    scales.push(await scaler.getScale());
    counts.push(await (state[0].step as Tensor).item());
  }
  if (captured) assert(step.statistics.replays >= STEPS - 2, `${step.statistics.replays} replays`);
  optimizer.zeroGrad();
  return { bits, scales, counts };
}

gpuTest("in replays the scale grows and backs off, bad steps are skipped, and all is as in eager steps", async () => {
  const eager = await course(false), captured = await course(true);
  assertEquals(captured, eager);
  const { bits, scales, counts } = captured;
  // Three good steps double the scale, one that is not finite halves it and begins the count anew.
  const want: number[] = [];
  for (let i = 0, scale = 1024, good = 0; i < STEPS; i++) {
    if (BAD.includes(i)) scale /= 2, good = 0;
    else if (++good === 3) scale *= 2, good = 0;
    want.push(scale);
  }
  assertEquals(scales, want);
  for (let i = 1; i < STEPS; i++) {
    const same = bits[i].every((word, k) => word === bits[i - 1][k]);
    assertEquals(same, BAD.includes(i), `step ${i}`);
    assertEquals(counts[i] - counts[i - 1], BAD.includes(i) ? 0 : 1, `step ${i}`);
  }
});
