import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { keep, ones, type Tensor, tensor, toHost, zeros } from "../mod.ts";
import { Linear } from "../nn/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { Adam, type Optimizer, type OptimizerState, SGD } from "./mod.ts";

function parameter(values: number[]): Tensor {
  return tensor(Float32Array.from(values), { requiresGrad: true });
}

function setGrad(p: Tensor, value: number | null): void {
  p.grad?.dispose();
  p.grad = value === null ? null : keep(tensor(new Float32Array(p.numel).fill(value)));
}

async function read(...tensors: Tensor[]): Promise<number[][]> {
  return await Promise.all(tensors.map(async (t) => [...await t.data()]));
}

/** Everything a state holds, on the host, as a checkpoint has it. */
async function onHost(state: OptimizerState): Promise<OptimizerState> {
  const entries = Object.entries(state.state).map(async ([param, values]) => {
    const read = Object.entries(values).map(async ([name, value]) => [name, await toHost(value as Tensor)]);
    return [param, Object.fromEntries(await Promise.all(read))];
  });
  return { state: Object.fromEntries(await Promise.all(entries)), paramGroups: state.paramGroups };
}

gpuTest("a changed rate is written to the device once, and the next step uses it", async (device) => {
  const p = parameter([1, 1]);
  using optimizer = new SGD([p], { lr: 0.5 });
  setGrad(p, 1);
  optimizer.step();
  const writes = device.recorder.counts.hostWrites;
  optimizer.step();
  assertEquals(device.recorder.counts.hostWrites, writes);
  optimizer.paramGroups[0].lr = 0.125;
  optimizer.step();
  assertEquals(device.recorder.counts.hostWrites, writes + 1);
  assertEquals(await p.array(), [-0.125, -0.125]);
  setGrad(p, null);
});

gpuTest(
  "a step of several parameters is one kernel for their numbers, and one for as many as there are bindings for",
  (device) => {
    const params = [parameter([1, 2]), parameter([3]), parameter([4, 5, 6])];
    using optimizer = new Adam(params);
    for (const p of params) setGrad(p, 1);
    optimizer.step();
    const before = { ...device.recorder.counts };
    const groups = device.pipelines.groupsCreated;
    const created = device.pool.created;
    optimizer.step();
    assertEquals(
      device.recorder.counts.dispatches - before.dispatches,
      device.limits.maxStorageBuffersPerShaderStage > 12 ? 2 : 3,
    );
    assertEquals(device.pipelines.groupsCreated, groups);
    assertEquals(device.pool.created, created);
    for (const p of params) setGrad(p, null);
  },
);

gpuTest("a parameter without a gradient is left alone and keeps its own step count", async () => {
  const [a, b, c] = [parameter([1]), parameter([1]), parameter([1])];
  using optimizer = new Adam([a, b, c], { lr: 0.1 });
  for (let i = 0; i < 4; i++) {
    setGrad(a, 1);
    setGrad(b, i % 2 === 0 ? 1 : null);
    setGrad(c, i > 1 ? 1 : null);
    optimizer.step();
  }
  const { state } = optimizer.stateDict();
  assertEquals(await Promise.all([0, 1, 2].map((i) => (state[i].step as Tensor).item())), [4, 2, 2]);
  const [[va], [vb], [vc]] = await read(a, b, c);
  // With equal gradients every step is the rate.
  for (const [got, want] of [[va, 0.6], [vb, 0.8], [vc, 0.8]]) assert(Math.abs(got - want) < 1e-5);
  for (const p of [a, b, c]) setGrad(p, null);
});

gpuTest("a resumed optimizer goes on exactly, from the device and from the host", async () => {
  const gradients = [1, -2, 0.5, 3, 0.25, -1];
  const steps = (p: Tensor[], optimizer: Optimizer, from: number, to: number) => {
    for (let i = from; i < to; i++) {
      p.forEach((t, k) => setGrad(t, i === 1 && k === 1 ? null : gradients[i] * (k + 1)));
      optimizer.step();
    }
    p.forEach((t) => setGrad(t, null));
  };
  for (
    const make of [
      (p: Tensor[]) => new Adam(p, { amsgrad: true }),
      (p: Tensor[]) => new SGD(p, { momentum: 0.9, dampening: 0.5 }),
    ]
  ) {
    const whole = [parameter([1, 2]), parameter([3])];
    using reference: Optimizer = make(whole);
    steps(whole, reference, 0, 6);
    const first = [parameter([1, 2]), parameter([3])];
    using before: Optimizer = make(first);
    steps(first, before, 0, 3);
    const state = before.stateDict();
    const saved = await onHost(state);
    for (const from of [state, saved]) {
      const copies = await Promise.all(first.map(async (p) => tensor(await toHost(p), { requiresGrad: true })));
      using after: Optimizer = make(copies);
      after.loadStateDict(from);
      steps(copies, after, 3, 6);
      assertEquals(await read(...copies), await read(...whole));
    }
  }
});

gpuTest("loading copies: two optimizers do not share state", async () => {
  const [p, q] = [parameter([1]), parameter([1])];
  using a = new Adam([p], { lr: 0.1 });
  using b = new Adam([q], { lr: 0.2, betas: [0.5, 0.9] });
  setGrad(p, 1);
  setGrad(q, 1);
  a.step();
  const before = await (a.stateDict().state[0].expAvg as Tensor).array();
  b.loadStateDict(a.stateDict());
  assertEquals(b.paramGroups[0].lr, 0.1);
  assertEquals(b.paramGroups[0].betas, [0.9, 0.999]);
  b.step();
  b.step();
  const count = async (o: Adam) => await (o.stateDict().state[0].step as Tensor).item();
  assertEquals([await count(a), await count(b)], [1, 3]);
  assertEquals(await (a.stateDict().state[0].expAvg as Tensor).array(), before);
  setGrad(p, null);
  setGrad(q, null);
});

gpuTest("a state has PyTorch's structure", () => {
  const [w, b] = [parameter([1, 2]), parameter([0])];
  using optimizer = new Adam([{ params: [w] }, { params: [b], lr: 0.5, weightDecay: 0 }], {
    lr: 0.1,
    weightDecay: 0.2,
  });
  setGrad(b, 1);
  optimizer.step();
  setGrad(b, null);
  const { state, paramGroups } = optimizer.stateDict();
  assertEquals(paramGroups, [
    { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.2, amsgrad: false, maximize: false, params: [0] },
    { lr: 0.5, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false, params: [1] },
  ]);
  assertEquals(Object.keys(state), ["1"]);
  assertEquals(Object.keys(state[1]), ["step", "expAvg", "expAvgSq"]);
});

gpuTest("momentum that is switched on later starts with the gradient", async () => {
  const p = parameter([0]);
  using optimizer = new SGD([p], { lr: 1, dampening: 0.5 });
  setGrad(p, 1);
  optimizer.step();
  optimizer.paramGroups[0].momentum = 0.5;
  optimizer.step(); // b = 1
  optimizer.step(); // b = 0.5·1 + 0.5·1
  assertEquals(await p.array(), [-3]);
  setGrad(p, null);
});

gpuTest("a skipped step, a factor of the gradients, and the closure's loss", async () => {
  const p = parameter([1]);
  using optimizer = new SGD([p], { lr: 1 });
  setGrad(p, 8);
  optimizer.control = tensor([1, 1], { dtype: "f32" });
  optimizer.step();
  assertEquals(await p.array(), [1]);
  optimizer.control = tensor([0, 0.125], { dtype: "f32" });
  assertEquals(optimizer.step(() => "loss"), "loss");
  assertEquals(await p.array(), [0]);
  optimizer.zeroGrad({ setToNull: false });
  assertEquals(await p.grad!.array(), [0]);
  optimizer.zeroGrad();
  assertEquals(p.grad, null);
});

gpuTest("what cannot be optimized is refused", () => {
  const p = parameter([1]);
  assertThrows(() => new SGD([]), TypeError, "empty list");
  assertThrows(() => new SGD([p, p]), TypeError, "twice");
  assertThrows(() => new SGD([{ params: [p] }, { params: [p] }]), TypeError, "twice");
  assertThrows(() => new SGD([zeros([1], { dtype: "i32" })]), TypeError, "i32");
  assertThrows(() => new SGD([5 as unknown as Tensor]), TypeError, "groups with params, got 5");
  assertThrows(() => new SGD([p], { lr: -1 }), RangeError, "lr must be at least 0, got -1");
  assertThrows(() => new SGD([p], { nesterov: true }), RangeError, "nesterov");
  assertThrows(() => new Adam([p], { betas: [0.9, 1] }), RangeError, "betas[1]");
  using optimizer = new Adam([p]);
  assertThrows(() => optimizer.loadStateDict({ state: {}, paramGroups: [] }), Error, "groups must have as many");
  const { paramGroups } = optimizer.stateDict();
  assertThrows(() => optimizer.loadStateDict({ state: { 0: { step: 1 } }, paramGroups }), Error, "expAvg is missing");
  const wrong = { step: 1, expAvg: ones([2]), expAvgSq: ones([2]) };
  assertThrows(() => optimizer.loadStateDict({ state: { 0: wrong }, paramGroups }), TypeError, "shape [1]");
  using sgd = new SGD([p]);
  const said = "Cannot load the state of SGD: it must be of such an optimizer, its groups have betas, eps";
  assertThrows(() => sgd.loadStateDict(optimizer.stateDict()), TypeError, said);
  assertThrows(() => optimizer.loadStateDict(sgd.stateDict()), TypeError, "lack betas, eps, amsgrad");
  // What a scheduler adds, or an older release did not know, is no other optimizer's.
  const [{ dampening: _, ...older }] = sgd.stateDict().paramGroups;
  sgd.loadStateDict({ state: {}, paramGroups: [older as never] });
  sgd.loadStateDict({ state: {}, paramGroups: [{ ...sgd.stateDict().paramGroups[0], initialLr: 1 }] });
});

gpuTest("an option that does not exist is refused by name, and a module in place of its parameters", () => {
  const p = parameter([1]);
  using layer = new Linear(1, 1);
  const refusal = (params: unknown, options?: object) =>
    assertThrows(() => new Adam(params as Tensor[], options), TypeError).message;
  assertEquals(
    refusal([p], { learningRate: 1 }),
    "Cannot make Adam: there is no option learningRate, lr is the nearest; the options are lr, betas, eps, weightDecay, " +
      "amsgrad, maximize",
  );
  assertStringIncludes(refusal([p], { weight_decay: 1 }), "no option weight_decay, weightDecay is the nearest");
  assertStringIncludes(
    refusal([{ params: [p], momentun: 1 }]),
    "Cannot make a group of Adam: there is no option momentun",
  );
  assertStringIncludes(
    refusal([p], 0.1 as unknown as object),
    "options must be an object such as { lr: 0.1 }, got 0.1",
  );
  assertEquals(
    refusal(layer),
    "Cannot make Adam: it needs a list of parameters, got an object of Linear, give its parameters: model.parameters()",
  );
  assertEquals(new Adam([p], { lr: undefined }).paramGroups[0].lr, 1e-3);
});

gpuTest("a gradient that does not fit its parameter, or is gone, is refused before anything changes", async () => {
  const p = parameter([1, 2]), q = parameter([3]);
  using optimizer = new SGD([p, q], { lr: 1 });
  setGrad(p, 1);
  const wrong: [unknown, string][] = [[zeros([2]), "[2]"], [tensor([1]), "i32"], [5, "5"]];
  for (const [grad, got] of wrong) {
    q.grad = grad as Tensor;
    assertThrows(() => optimizer.step(), TypeError, got);
  }
  q.grad = zeros([1]);
  q.grad.dispose();
  assertThrows(() => optimizer.step(), Error, "disposed");
  assertEquals(await p.array(), [1, 2]);
  q.grad = null;
  setGrad(p, null);
});

gpuTest("a state that is none is refused before anything changes, and the message names what is wrong", async () => {
  const p = parameter([1, 2]);
  using optimizer = new Adam([p], { lr: 0.5 });
  setGrad(p, 1);
  optimizer.step();
  const sound = await onHost(optimizer.stateDict());
  const [group] = sound.paramGroups;
  const wrong: [unknown, string][] = [
    [null, "state and paramGroups"],
    [{}, "state must be an object"],
    [{ ...sound, paramGroups: 3 }, "paramGroups must be a list"],
    [{ ...sound, paramGroups: [{}] }, "a list params"],
    [{ ...sound, paramGroups: [{ ...group, lr: "fast" }] }, "lr must be"],
    [{ ...sound, paramGroups: [{ ...group, betas: [0.9] }] }, "betas must be"],
    [{ ...sound, paramGroups: [{ ...group, lr: -1 }] }, "lr must be at least 0"],
    [{ ...sound, state: { 0: 7 } }, "parameter 0"],
    [{ ...sound, state: { 0: { ...sound.state[0], expAvg: "x" } } }, "expAvg of parameter 0"],
  ];
  for (const [state, message] of wrong) {
    const error = assertThrows(() => optimizer.loadStateDict(state as OptimizerState), Error, message);
    assertStringIncludes((error as Error).message, "Adam");
  }
  optimizer.loadStateDict(sound);
  setGrad(p, null);
});
