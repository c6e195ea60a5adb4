import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  add,
  autocast,
  backward,
  capture,
  copyInto,
  crossEntropy,
  type Device,
  dropout,
  embedding,
  manualSeed,
  mul,
  noGrad,
  ones,
  rand,
  randn,
  relu,
  sum,
  type Tensor,
  tensor,
  to,
  uploadInto,
  zeros,
} from "../mod.ts";
import { BatchNorm1d, Linear, Module } from "../nn/mod.ts";
import { Adam, type Optimizer, SGD } from "../optim/mod.ts";
import { gpuTest } from "../testing/gpu.ts";

/** Bits of a tensor, to compare exactly. */
const bits = async (t: Tensor): Promise<number[]> => [...new Uint32Array(await t.bytes())];

class Net extends Module<[Tensor], Tensor> {
  first = new Linear(12, 16);
  norm = new BatchNorm1d(16);
  second = new Linear(16, 5);

  forward(x: Tensor): Tensor {
    const hidden = dropout(relu(this.norm.forward(this.first.forward(x))), { p: 0.3, training: this.training });
    return this.second.forward(hidden);
  }
}

/** Ten steps of training, with a new rate after five: the losses and the weights. */
async function train(captured: boolean): Promise<{ losses: number[][]; weights: number[][] }> {
  const generator = manualSeed(3);
  using net = new Net();
  const optimizer = new Adam(net.parameters(), { lr: 0.01 });
  const plain = (x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(net.forward(x), y);
    backward(loss);
    optimizer.step();
    return loss;
  };
  using step = capture(plain);
  const losses: number[][] = [];
  for (let i = 0; i < 10; i++) {
    if (i === 5) optimizer.paramGroups[0].lr = 0.003;
    if (i === 7) generator.startStep(40);
    const x = randn([8, 12]), y = tensor(Int32Array.from({ length: 8 }, (_, k) => (k * i) % 5));
    losses.push(await bits((captured ? step : plain)(x, y)));
  }
  if (captured) assertEquals([step.statistics.runs, step.statistics.replays], [2, 8]);
  const weights: number[][] = [];
  for (const value of net.stateDict().values()) weights.push(await bits(value));
  optimizer.zeroGrad();
  optimizer.dispose();
  return { losses, weights };
}

gpuTest("a captured training step goes on, bit for bit, as the step itself", async () => {
  const eager = await train(false), captured = await train(true);
  assertEquals(captured.losses, eager.losses);
  assertEquals(captured.weights, eager.weights);
});

gpuTest("a replay is one pass without new bind groups and buffers", async (device) => {
  using net = new Net();
  const optimizer = new Adam(net.parameters());
  using step = capture((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(net.forward(x), y);
    backward(loss);
    optimizer.step();
    return loss;
  });
  const x = randn([8, 12]), y = zeros([8], { dtype: "i32" });
  for (let i = 0; i < 4; i++) step(x, y).dispose();
  await device.sync();
  const before = counts(device);
  step(x, y).dispose();
  device.flush();
  const after = counts(device);
  const { dispatches } = step.statistics;
  assert(dispatches > 10, `${dispatches} dispatches`);
  assertEquals(after.map((n, k) => n - before[k]), [dispatches, 1, 1, 0, 0]);
  optimizer.zeroGrad();
  optimizer.dispose();
});

gpuTest("a step that frees gradients first is recorded once, whether there are some or not", async () => {
  const w = tensor([1, 2], { dtype: "f32", requiresGrad: true }),
    idle = tensor([3], { dtype: "f32", requiresGrad: true });
  const optimizer = new SGD([w, idle], { lr: 1 });
  const plain = (x: Tensor) => {
    optimizer.zeroGrad();
    backward(mul(w, x).sum());
    optimizer.step();
  };
  using step = capture(plain);
  plain(ones([2])); // makes the optimizer's state
  optimizer.zeroGrad();
  step(ones([2]));
  idle.grad = ones([1]);
  step(tensor([2, 3], { dtype: "f32" }));
  assertEquals([step.statistics.runs, step.statistics.replays], [1, 1]);
  assertEquals(idle.grad, null);
  assertEquals(await w.grad!.array(), [2, 3]);
  optimizer.zeroGrad();
  step(ones([2]));
  assertEquals([step.statistics.runs, step.statistics.replays], [1, 2]);
  assertEquals(await w.array(), [-4, -4]);
  optimizer.zeroGrad();
  optimizer.dispose();
});

function counts({ recorder, pipelines, pool }: Device): number[] {
  const { dispatches, submits, passes } = recorder.counts;
  return [dispatches, submits, passes, pipelines.groupsCreated, pool.created];
}

gpuTest("results keep their values while later calls replay", async () => {
  using square = capture((x: Tensor) => [mul(x, x), add(x, 1)]);
  const results = [];
  for (let i = 0; i < 5; i++) results.push(square(tensor(Float32Array.of(i, i + 0.5)))[0]);
  assertEquals(square.statistics.replays, 4);
  const sum = add(results[1], results[2]);
  square(tensor(Float32Array.of(9, 9)));
  assertEquals(await sum.array(), [5, 2.25 + 6.25]);
  for (const [i, result] of results.entries()) assertEquals(await result.array(), [i * i, (i + 0.5) ** 2]);
});

gpuTest("gradients come as they would without capture: added, and where they were taken away, new", async () => {
  const w = tensor([1, 2], { dtype: "f32", requiresGrad: true });
  using step = capture((x: Tensor) => backward(mul(mul(w, w), x).sum()));
  const x = ones([2]);
  for (const times of [1, 2, 3, 4]) {
    step(x);
    assertEquals(await w.grad!.array(), [2 * times, 4 * times]);
  }
  const held = w.grad!;
  w.grad = null;
  for (const times of [1, 2, 3]) {
    step(x);
    assertEquals(await w.grad!.array(), [2 * times, 4 * times]);
  }
  assertEquals(await held.array(), [8, 16]);
  assert(step.statistics.replays > 0, `${step.statistics.replays} replays`);
  held.dispose();
  w.grad!.dispose();
});

gpuTest("what the function depends on makes another recording: shapes, numbers, modes, frozen parameters", async () => {
  using net = new Net();
  using call = capture((x: Tensor, factor: number) => net.forward(x).mul(factor));
  const x = randn([4, 12]);
  const runs = (want: number) => assertEquals(call.statistics.runs, want);
  for (let i = 0; i < 3; i++) call(x, 2);
  runs(1);
  call(randn([5, 12]), 2);
  runs(2);
  call(x, 3);
  runs(3);
  net.eval();
  const still = await call(x, 2).array();
  assertEquals(await call(x, 2).array(), still);
  runs(4);
  net.train();
  call(x, 2);
  runs(4);
  net.first.weight.requiresGrad = false;
  call(x, 2);
  runs(5);
  autocast("bf16", () => call(x, 2));
  runs(6);
  call(x, 2);
  runs(6);
});

gpuTest("random numbers go on from call to call, and follow the seed", async () => {
  const draws = async (draw: () => Tensor) => {
    manualSeed(5);
    const all = [];
    for (let i = 0; i < 4; i++) {
      all.push(await draw().array());
      all.push(await rand([2]).array());
    }
    manualSeed(6);
    all.push(await draw().array());
    return all;
  };
  const plain = () => add(rand([3]), dropout(ones([3])));
  using captured = capture(plain);
  assertEquals(await draws(captured), await draws(plain));
  assert(captured.statistics.replays >= 3);
});

gpuTest("memory of a capture is planned, kept to itself, and given back", async (device) => {
  const w = randn([64, 64], { requiresGrad: true });
  const plain = (x: Tensor) => {
    let y = x;
    for (let i = 0; i < 12; i++) y = relu(y.matmul(w));
    backward(y.mean());
    const grad = w.grad!;
    w.grad = null;
    return grad;
  };
  const x = randn([256, 64]);
  await device.sync();
  const { liveBytes } = device.memory();
  device.pool.resetPeak();
  using want = plain(x);
  const eager = device.memory().peakBytes - liveBytes;
  const step = capture(plain);
  step(x).dispose();
  // Tensors that come between take buffers of the pool.
  const others = Array.from({ length: 20 }, (_, i) => zeros([256, 64]).add(i)).map((t) => (void t.storage.buffer, t));
  assertEquals(await bits(step(x)), await bits(want));
  for (const [i, other] of others.entries()) assertEquals((await other.data()).every((v) => v === i), true);
  const { bytes } = step.statistics;
  assert(bytes < 0.75 * eager, `${bytes} of ${eager} bytes`);
  using held = step(x);
  const before = device.memory().liveBytes;
  step.dispose();
  assert(before - device.memory().liveBytes > 0.9 * bytes);
  assertEquals(await bits(held), await bits(want), "a result outlives its capture");
});

gpuTest("labels and indices are checked in replays too", async () => {
  const table = randn([4, 2]);
  await table.data();
  using look = capture((ids: Tensor) => embedding(ids, table).sum());
  for (let i = 0; i < 3; i++) look(tensor([i, 3]));
  assertEquals(look.statistics.replays, 2);
  assertThrows(() => look(tensor([0, 4])), RangeError, "indices must be from 0 to 3");
  await look(tensor([1, 1])).item();
});

gpuTest("what cannot be replayed is refused", async () => {
  const x = ones([2]);
  assertThrows(() => capture(() => void x.data())(), Error, "Cannot read in a captured function");
  await assertRejects(
    async () => await capture(async () => await x.data())(),
    Error,
    "Cannot read in a captured function",
  );
  assertThrows(() => capture(() => Promise.resolve(1))(), TypeError, "it must be synchronous");
  assertThrows(() => capture(() => uploadInto(x, [1, 2]))(), Error, "a replay would write the same again");
  assertThrows(() => capture(() => manualSeed(1))(), Error, "Cannot seed random numbers or start a step");
  const kept: Tensor[] = [];
  const leaky = capture(() => {
    const w = ones([2], { requiresGrad: true });
    kept.push(w);
    backward(w.sum());
  });
  assertThrows(
    () => {
      for (let i = 0; i < 10; i++) leaky();
    },
    Error,
    "each call leaves new tensors behind",
  );
  for (const w of kept) w.grad?.dispose();
  // After an error everything works as before.
  assertEquals(await add(x, 1).array(), [2, 2]);
});

gpuTest("state that is replaced is not replayed into the void", async () => {
  const w = tensor([1], { dtype: "f32", requiresGrad: true });
  const optimizer = new SGD([w], { lr: 0.5, momentum: 0.9 });
  using step = capture(() => {
    optimizer.zeroGrad();
    backward(mul(w, 1).sum());
    optimizer.step();
  });
  for (let i = 0; i < 4; i++) step();
  const saved = optimizer.stateDict();
  const replays = step.statistics.replays;
  optimizer.loadStateDict(saved);
  step();
  step();
  assertEquals(step.statistics.replays, replays + 1);
  // Momentum: 1, 1.9, 2.71, …
  let momentum = 0, want = 1;
  for (let i = 0; i < 6; i++) want -= 0.5 * (momentum = 0.9 * momentum + 1);
  assert(Math.abs((await w.item()) - want) < 1e-5);
  optimizer.zeroGrad();
  optimizer.dispose();
});

const floats = (...values: number[]) => tensor(values, { dtype: "f32" });

gpuTest(
  "arguments that share memory, or that the function also reads by itself, are told from those that do not",
  async () => {
    using sum = capture((a: Tensor, b: Tensor) => add(a, mul(b, 10)));
    const x = floats(1, 2), y = floats(3, 4);
    for (
      const [a, b, want] of [[x, x.detach(), [11, 22]], [x, y, [31, 42]], [y, x, [13, 24]], [y, y, [33, 44]]] as const
    ) {
      for (let i = 0; i < 2; i++) assertEquals(await sum(a, b).array(), [...want]);
    }
    const w = floats(1, 2);
    using closed = capture((a: Tensor) => add(a, mul(w, 10)));
    for (const [a, want] of [[w, [11, 22]], [y, [13, 24]], [w, [11, 22]], [y, [13, 24]]] as const) {
      assertEquals(await closed(a).array(), [...want]);
    }
    using changing = capture((a: Tensor) => {
      copyInto(a, add(a, x));
      return a;
    });
    const counted = floats(0, 0);
    for (let i = 1; i <= 3; i++) assertEquals(await changing(counted).array(), [i, 2 * i]);
    assertEquals(await counted.array(), [3, 6]);
  },
);

gpuTest("leaves among the arguments are told apart, results of operations are refused", async () => {
  using step = capture((x: Tensor) => {
    const loss = mul(x, 3).sum();
    if (loss.requiresGrad) backward(loss);
    return loss;
  });
  const plain = floats(1), leaf = tensor([1], { dtype: "f32", requiresGrad: true });
  const other = tensor([2], { dtype: "f32", requiresGrad: true });
  for (const x of [plain, plain, leaf, other]) step(x);
  assertEquals([await leaf.grad!.array(), await other.grad!.array()], [[3], [3]]);
  assertThrows(() => step(mul(leaf, 2)), Error, "an argument is a result of mul that requires gradients");
  leaf.clearGrad();
  other.clearGrad();
});

gpuTest("groups, hooks and options that come later are seen", async () => {
  const v = tensor([0], { dtype: "f32", requiresGrad: true }), w = tensor([0], { dtype: "f32", requiresGrad: true });
  const optimizer = new SGD([w], { lr: 1 });
  using layer = new BatchNorm1d(1, { affine: false });
  using step = capture((x: Tensor) => {
    optimizer.zeroGrad();
    backward(add(v, w).sum());
    optimizer.step();
    return layer.forward(x);
  });
  const x = tensor([[0], [2]], { dtype: "f32" });
  for (let i = 0; i < 3; i++) step(x);
  optimizer.addParamGroup({ params: [v] });
  v.clearGrad();
  for (let i = 0; i < 3; i++) step(x);
  assertEquals([await v.array(), await w.array()], [[-3], [-6]]);
  const remove = w.registerHook((gradient) => mul(gradient, 10));
  step(x);
  remove();
  step(x);
  assertEquals(await w.array(), [-17]);
  layer.momentum = 1;
  step(x);
  assertEquals(await layer.runningMean!.array(), [1]);
  const unhook = layer.registerForwardHook((_, __, output) => mul(output as Tensor, 0));
  assertEquals(await step(x).array(), [[0], [0]]);
  unhook();
  assert((await step(x).sum().item()) < 1e-3 && (await step(x).array() as number[][])[1][0] > 0.9);
  v.clearGrad();
  optimizer.zeroGrad();
  optimizer.dispose();
});

/** A hook of a gradient, which frees what it was given. */
const times = (factor: number) => (gradient: Tensor): Tensor => {
  const product = mul(gradient, factor);
  gradient.dispose();
  return product;
};

/** What may be changed between steps of a captured function. */
interface Change {
  readonly optimizer: Optimizer;
  readonly v: Tensor;
  readonly w: Tensor;
}

for (
  const [what, change] of Object.entries<(training: Change) => void>({
    "an option that chooses another rule": ({ optimizer }) =>
      void Object.assign(optimizer.paramGroups[0], { momentum: 0 }),
    "groups that change places": ({ optimizer: { paramGroups: [a, b] } }) =>
      [a.params, b.params] = [b.params, a.params],
    "a parameter that goes to another group": ({ optimizer: { paramGroups: [a, b] } }) =>
      a.params.push(b.params.pop()!),
    "a hook of a gradient in another's place": ({ w }) => {
      w.hooks!.pop();
      w.registerHook(times(-3));
    },
    "a hook before steps": ({ optimizer, v }) => optimizer.registerStepPreHook(() => void copyInto(v, 0)),
    "a hook after steps": ({ optimizer, v }) => optimizer.registerStepPostHook(() => void copyInto(v, 0)),
  })
) {
  gpuTest(`a captured step follows ${what}`, async () => {
    const course = async (captured: boolean) => {
      const [v, w] = [1, 2].map((value) => tensor([value, value + 1], { dtype: "f32", requiresGrad: true }));
      const groups = [{ params: [v] }, { params: [w], lr: 0.5 }];
      const optimizer = new SGD(groups, { lr: 0.1, momentum: 0.9 });
      w.registerHook(times(2));
      const plain = (x: Tensor) => {
        optimizer.zeroGrad();
        backward(sum(mul(mul(v, w), x)));
        optimizer.step();
      };
      using step = capture(plain);
      for (let i = 0; i < 6; i++) {
        if (i === 3) noGrad(() => change({ optimizer, v, w }));
        (captured ? step : plain)(tensor([i, 1], { dtype: "f32" }));
      }
      const values = [await v.array(), await w.array()];
      optimizer.zeroGrad();
      optimizer.dispose();
      return values;
    };
    assertEquals(await course(true), await course(false));
  });
}

gpuTest("a hook may return another gradient and leave the one that it got", async () => {
  const course = async (captured: boolean) => {
    const [v, w] = [1, 2].map((value) => tensor([value, value + 1], { dtype: "f32", requiresGrad: true }));
    const optimizer = new SGD([v, w], { lr: 0.1 });
    // Without capture what a hook got stays until it is freed.
    const scaled = captured ? (factor: number) => (gradient: Tensor) => mul(gradient, factor) : times;
    for (const leaf of [v, w]) leaf.registerHook(scaled(0.5));
    const plain = (x: Tensor) => {
      optimizer.zeroGrad();
      const product = mul(v, w);
      product.registerHook(scaled(3));
      backward(sum(mul(product, x)));
      optimizer.step();
    };
    using step = capture(plain);
    for (let i = 0; i < 8; i++) (captured ? step : plain)(tensor([i, 1], { dtype: "f32" }));
    assertEquals(step.statistics.replays, captured ? 6 : 0);
    const values = [await v.array(), await w.array()];
    optimizer.zeroGrad();
    optimizer.dispose();
    return values;
  };
  assertEquals(await course(true), await course(false));
});

gpuTest("a parameter that was frozen for a while goes on with its own step count", async () => {
  const course = async (captured: boolean) => {
    const [v, w] = [1, 2].map((value) => tensor([value, value + 1], { dtype: "f32", requiresGrad: true }));
    const optimizer = new Adam([v, w], { lr: 0.1 });
    const plain = (x: Tensor) => {
      optimizer.zeroGrad();
      backward(sum(mul(mul(v, w), x)));
      optimizer.step();
    };
    using step = capture(plain);
    for (let i = 0; i < 9; i++) {
      w.requiresGrad = i < 3 || i > 5;
      (captured ? step : plain)(tensor([i - 4, 1], { dtype: "f32" }));
    }
    const values = [await v.array(), await w.array()];
    optimizer.zeroGrad();
    optimizer.dispose();
    return values;
  };
  assertEquals(await course(true), await course(false));
});

gpuTest("a captured function that only gathers gradients follows the groups that it clears", async () => {
  const course = async (captured: boolean) => {
    const [v, w] = [1, 2].map((value) => tensor([value], { dtype: "f32", requiresGrad: true }));
    const optimizer = new SGD([v], { lr: 1 });
    const plain = () => {
      optimizer.zeroGrad();
      backward(sum(mul(v, w)));
    };
    using gather = capture(plain);
    for (let i = 0; i < 6; i++) {
      if (i === 4) optimizer.addParamGroup({ params: [w] });
      (captured ? gather : plain)();
    }
    const gradients = [await v.grad!.item(), await w.grad!.item()];
    optimizer.zeroGrad();
    optimizer.dispose();
    return gradients;
  };
  assertEquals(await course(false), [2, 1]);
  assertEquals(await course(true), [2, 1]);
});

gpuTest("arguments in 16 bits may have an odd number of elements", async () => {
  for (const dtype of ["f16", "bf16"] as const) {
    for (const count of [1, 3]) {
      using step = capture((x: Tensor) => {
        copyInto(x, mul(x, 2));
        return sum(x);
      });
      for (let i = 0; i < 3; i++) {
        const x = tensor(new Float32Array(count).fill(i + 1), { dtype });
        assertEquals(await step(x).item(), 2 * count * (i + 1));
        assertEquals(await x.array(), new Array(count).fill(2 * (i + 1)));
      }
    }
  }
});

gpuTest("plain values are told apart by all that they are; what holds values unseen is refused", async () => {
  using named = capture((x: Tensor, a: unknown, b?: unknown) =>
    mul(x, b === undefined ? 1 : Object.is(a, -0) ? -1 : 2)
  );
  const x = floats(1);
  const got = [];
  for (const rest of [["a", "b"], ['a","b'], [0, 0], [-0, 0], [{ a: "1", b: "2" }], [{ a: '1","b":"2' }]]) {
    got.push(await named(x, ...(rest as [unknown])).item());
  }
  assertEquals(got, [2, 1, 2, -1, 1, 1]);
  assertEquals(named.statistics.runs, 6);
  assertThrows(() => named(x, new Float32Array(2)), TypeError, "plain objects, got Float32Array");
  assertThrows(() => capture((x: Tensor) => new Map([["k", mul(x, 2)]]))(x), TypeError, "results may be");
});

gpuTest("a tensor whose work was still waiting when the function was recorded is read as any other", async () => {
  for (const read of [(k: Tensor) => mul(k, 1), (k: Tensor) => sum(k), (k: Tensor) => to(k, "f16")]) {
    // Something else waits for it, too.
    const k = mul(floats(1, 2, 3), 1), other = mul(k, 2);
    using step = capture((x: Tensor) => mul(read(k), x));
    const x = floats(2), got: number[] = [];
    for (const value of [null, null, 5, 6]) {
      if (value !== null) copyInto(k, value);
      got.push(await step(x).sum().item());
    }
    assertEquals(got.slice(0, 2), [12, 12]);
    assertEquals(got.slice(2).map((sum) => sum / got[0]), [30 / 12, 36 / 12]);
    assertEquals(await other.array(), [2, 4, 6]);
  }
});
