import { assert, assertEquals } from "@std/assert";
import { add, backward, capture, copyInto, type Device, mul, ones, randn, type Tensor, tensor } from "../mod.ts";
import { Linear, Module } from "../nn/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { Adam, clipGradNorm, SGD } from "./mod.ts";

/** Twenty layers: more parameters than an adapter has bindings. */
class Deep extends Module<[Tensor], Tensor> {
  layers = Array.from({ length: 20 }, () => new Linear(5, 5));

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((x, layer) => add(x, layer.forward(x)), x);
  }
}

const bits = async (t: Tensor): Promise<number[]> => [...new Uint32Array(await t.bytes())];

/** Kernels and copies that a function sets off, by name. */
function recorded(device: Device, fn: () => void): Map<string, number> {
  const { recorder } = device, seen = new Map<string, number>();
  const count = (name: string) => seen.set(name, (seen.get(name) ?? 0) + 1);
  const play = recorder.play, copy = recorder.copy;
  recorder.play = function (pipeline, ...rest) {
    count(pipeline.label);
    return play.call(this, pipeline, ...rest);
  };
  recorder.copy = function (...rest) {
    count("copy");
    return copy.call(this, ...rest);
  };
  try {
    fn();
  } finally {
    recorder.play = play;
    recorder.copy = copy;
  }
  return seen;
}

gpuTest("a captured step updates all parameters of a group in one dispatch, and copies nothing", async (device) => {
  const results = [];
  for (const captured of [false, true]) {
    using net = new Deep();
    let seed = 1;
    for (const p of net.parameters()) {
      copyInto(
        p,
        tensor(Float32Array.from({ length: p.numel }, () => Math.sin(seed++)))
          .reshape(p.shape),
      );
    }
    using optimizer = new Adam(net.parameters(), { lr: 0.01 });
    const plain = (x: Tensor) => {
      optimizer.zeroGrad();
      const loss = net.forward(x).square().mean();
      backward(loss);
      clipGradNorm(net.parameters(), 1);
      optimizer.step();
      return loss;
    };
    using step = capture(plain);
    const x = tensor([[0.1, -0.2, 0.3, 0.4, -0.5]]);
    for (let i = 0; i < 5; i++) (captured ? step : plain)(x).dispose();
    const seen = recorded(device, () => (captured ? step : plain)(x).dispose());
    if (captured) {
      assertEquals(step.statistics.replays, 4);
      assertEquals([seen.get("adam"), seen.get("copy")], [1, undefined]);
    } else {
      const gradients = Math.min(12, device.limits.maxStorageBuffersPerShaderStage - 4);
      assertEquals([seen.get("adam"), seen.get("copy")], [Math.ceil(40 / gradients), undefined]);
    }
    // Gradients are there to be looked at, as after any step.
    results.push(await Promise.all([...net.parameters()].flatMap((p) => [bits(p), bits(p.grad!)])));
    optimizer.zeroGrad();
  }
  assertEquals(results[1], results[0]);
});

gpuTest("a gradient that is also read on the way is still right where gradients lie together", async () => {
  const states = [];
  for (const captured of [false, true]) {
    const [a, b, c] = [1, 2, 3].map((v) => tensor([v, v + 0.5, v - 0.25], { dtype: "f32", requiresGrad: true }));
    using optimizer = new Adam([a, b, c], { lr: 0.1 });
    // The gradient of the shift b is what the product's gradients are computed from.
    const plain = (x: Tensor) => {
      optimizer.zeroGrad();
      const inner = add(mul(a, c), b);
      const outer = mul(inner, inner);
      backward(mul(outer, x).sum());
      optimizer.step();
    };
    using step = capture(plain);
    for (let i = 0; i < 5; i++) (captured ? step : plain)(tensor([0.5, -0.25, 1 + i]));
    if (captured) assert(step.statistics.replays === 3, `${step.statistics.replays} replays`);
    states.push(await Promise.all([a, b, c].flatMap((p) => [bits(p), bits(p.grad!)])));
    optimizer.zeroGrad();
    for (const p of [a, b, c]) p.dispose();
  }
  assertEquals(states[1], states[0]);
});

gpuTest("parameters that lie together are copied and computed into each other as any tensors", async () => {
  const [a, b, c] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]].map((v) => tensor(v, { dtype: "f32", requiresGrad: true }));
  using optimizer = new SGD([a, b, c], { lr: 1 });
  for (const p of [a, b, c]) p.grad = ones([3]);
  optimizer.step();
  assertEquals(a.storage.place!.slab, b.storage.place!.slab);
  copyInto(b, a);
  assertEquals(await b.array(), [0, 1, 2]);
  copyInto(c, mul(add(a, b.detach()), 0.5).detach());
  assertEquals(await c.array(), [0, 1, 2]);
  copyInto(a, b.reshape([3]).add(c).detach());
  assertEquals(await Promise.all([a, b, c].map((t) => t.array())), [[0, 2, 4], [0, 1, 2], [0, 1, 2]]);
  optimizer.zeroGrad();
  for (const p of [a, b, c]) p.dispose();
});

gpuTest("common memory is given back with the last of its tensors", (device) => {
  const before = device.memory().liveBytes;
  const params = [3, 1000, 5].map((n) => tensor(new Float32Array(n), { dtype: "f32", requiresGrad: true }));
  const optimizer = new Adam(params);
  for (const p of params) p.grad = ones(p.shape);
  optimizer.step();
  optimizer.zeroGrad();
  optimizer.dispose();
  params[1].dispose();
  params[0].dispose();
  assert(device.memory().liveBytes > before);
  params[2].dispose();
  assertEquals(device.memory().liveBytes, before);
});

gpuTest("a function that was captured before parameters moved is recorded anew", async () => {
  using net = new Linear(2, 1);
  copyInto(net.weight, tensor([[1, 2]], { dtype: "f32" }));
  copyInto(net.bias!, tensor([3], { dtype: "f32" }));
  using predict = capture((x: Tensor) => net.forward(x).detach());
  const x = tensor([[1, 1]], { dtype: "f32" });
  for (let i = 0; i < 3; i++) assertEquals(await predict(x).array(), [[6]]);
  using optimizer = new SGD(net.parameters(), { lr: 1 });
  backward(net.forward(x).sum());
  optimizer.step();
  optimizer.zeroGrad();
  randn([64]); // takes the memory that the weights have left
  for (let i = 0; i < 3; i++) assertEquals(await predict(x).array(), [[0 + 1 + 2]]);
  assertEquals(predict.statistics.runs, 2);
});

gpuTest("two optimizers of the same parameters take turns", async () => {
  const params = [
    tensor([1, 2], { dtype: "f32", requiresGrad: true }),
    tensor([3], { dtype: "f32", requiresGrad: true }),
  ];
  using first = new SGD(params, { lr: 1 });
  using second = new SGD(params.toReversed(), { lr: 0.5, momentum: 0.5 });
  for (const p of params) p.grad = ones(p.shape);
  for (let i = 0; i < 2; i++) {
    first.step();
    second.step();
  }
  assertEquals(await Promise.all(params.map((p) => p.array())), [[-2.25, -1.25], [-0.25]]);
  first.zeroGrad();
  for (const p of params) p.dispose();
});
