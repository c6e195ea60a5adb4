import { assert, assertEquals, assertThrows } from "@std/assert";
import { backward, cat, grad, manualSeed, randn, select, ShapeError, slice, stack, sum, type Tensor } from "../mod.ts";
import { countDispatches, gpuTest } from "../testing/gpu.ts";
import { assertNear } from "../testing/near.ts";
import * as nn from "./mod.ts";

gpuTest("parameters of recurrent layers carry PyTorch's names and shapes", () => {
  using lstm = new nn.LSTM(3, 5, { numLayers: 2, bidirectional: true, projSize: 2 });
  assertEquals([...lstm.stateDict()].map(([name, t]) => `${name} ${t.shape}`), [
    ...["l0", "l0_reverse", "l1", "l1_reverse"].flatMap((at) => [
      `weight_ih_${at} 20,${at.startsWith("l0") ? 3 : 4}`,
      `weight_hh_${at} 20,2`,
      `bias_ih_${at} 20`,
      `bias_hh_${at} 20`,
      `weight_hr_${at} 2,5`,
    ]),
  ]);
  assertEquals(lstm.toString(), "LSTM(3, 5, numLayers=2, bidirectional=true, projSize=2)");
  using cell = new nn.GRUCell(3, 5, { bias: false });
  assertEquals([...cell.stateDict()].map(([name, t]) => `${name} ${t.shape}`), ["weight_ih 15,3", "weight_hh 15,5"]);
  using rnn = new nn.RNN(3, 16, { nonlinearity: "relu" });
  assertEquals([...rnn.parameters()].length, 4);
});

gpuTest("start values are uniform in ±1/√hiddenSize", async () => {
  manualSeed(1);
  using lstm = new nn.LSTM(40, 64);
  for (const p of lstm.parameters()) {
    const values = Array.from(await p.data());
    const most = values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    assert(most <= 0.125 && most > 0.12, `the largest is ${most}`);
  }
});

gpuTest("a cell repeated is a layer", async () => {
  using lstm = new nn.LSTM(3, 4), cell = new nn.LSTMCell(3, 4);
  cell.loadStateDict(new Map([...lstm.stateDict()].map(([name, t]) => [name.replace("_l0", ""), t])));
  const x = randn([5, 2, 3]);
  const [y, [h, c]] = lstm.forward(x);
  let state: [Tensor, Tensor] | null = null;
  const states: Tensor[] = [];
  for (let t = 0; t < 5; t++) {
    state = cell.forward(select(x, { dim: 0, index: t }), state);
    states.push(state[0]);
  }
  await assertNear(stack(states), y, 1e-6);
  await assertNear(state![0], select(h, { dim: 0, index: 0 }), 1e-6);
  await assertNear(state![1], select(c, { dim: 0, index: 0 }), 1e-6);
  // Without an axis of the batch.
  const [one] = lstm.forward(select(x, { dim: 1, index: 1 }));
  await assertNear(one, select(y, { dim: 1, index: 1 }), 1e-6);
  assertEquals(cell.forward(randn([3]))[0].shape, [4]);
});

gpuTest("rows with lengths are what each of them is alone", async () => {
  for (const Layer of [nn.GRU, nn.RNN, nn.LSTM]) {
    using layer = new Layer(3, 4, { numLayers: 2, bidirectional: true, batchFirst: true });
    const x = randn([3, 5, 3]), lengths = [2, 5, 3];
    const [y, state] = layer.forward(x, null, { lengths });
    const h = Array.isArray(state) ? state[0] : state;
    for (const [row, length] of lengths.entries()) {
      const alone = slice(slice(x, { start: row, end: row + 1 }), { dim: 1, end: length });
      const [own, ownState] = layer.forward(alone);
      await assertNear(slice(slice(y, { start: row, end: row + 1 }), { dim: 1, end: length }), own, 1e-6);
      const ownH = Array.isArray(ownState) ? ownState[0] : ownState;
      await assertNear(slice(h, { dim: 1, start: row, end: row + 1 }), ownH, 1e-6);
    }
    assertEquals(await sum(slice(slice(y, { end: 1 }), { dim: 1, start: 2 })).item(), 0);
  }
});

gpuTest("both directions stand side by side", async () => {
  using both = new nn.GRU(3, 4, { bidirectional: true });
  using one = new nn.GRU(3, 4), other = new nn.GRU(3, 4);
  const named = (suffix: string) =>
    new Map(
      [...both.stateDict()].filter(([name]) => name.endsWith(suffix)).map(([n, t]) => [n.slice(0, -suffix.length), t]),
    );
  one.loadStateDict(new Map([...named("_l0")].map(([n, t]) => [`${n}_l0`, t])));
  other.loadStateDict(new Map([...named("_l0_reverse")].map(([n, t]) => [`${n}_l0`, t])));
  const x = randn([5, 2, 3]);
  const [y] = both.forward(x);
  await assertNear(y, cat([one.forward(x)[0], other.forward(x.flip([0]))[0].flip([0])], { dim: 2 }), 1e-6);
});

gpuTest("each time is one kernel, forward and backward", async () => {
  using lstm = new nn.LSTM(8, 16);
  const dispatches = async (time: number) => {
    const x = randn([time, 4, 8]);
    await x.data();
    const count = countDispatches(() => backward(sum(lstm.forward(x)[0])));
    lstm.zeroGrad();
    return count;
  };
  await dispatches(2);
  assertEquals(await dispatches(11) - await dispatches(10), 2);
});

gpuTest("dropout lies between layers, in training", async () => {
  using gru = new nn.GRU(3, 4, { numLayers: 2, dropout: 0.5 });
  const x = randn([5, 2, 3]);
  const values = async () => (await gru.forward(x)[0].data()).join();
  assert(await values() !== await values());
  gru.eval();
  assertEquals(await values(), await values());
});

gpuTest("recurrent layers say what does not fit", () => {
  using lstm = new nn.LSTM(3, 4);
  assertThrows(() => lstm.forward(randn([5, 2, 4])), ShapeError, "3 features");
  assertThrows(() => lstm.forward(randn([0, 2, 3])), ShapeError, "at least one time");
  assertThrows(() => lstm.forward(randn([5, 2, 3]), [randn([2, 4]), randn([1, 2, 4])]), ShapeError, "h0");
  assertThrows(() => lstm.forward(randn([5, 2, 3]), null, { lengths: [6, 1] }), RangeError, "from 1 to 5");
  assertThrows(() => lstm.forward(randn([5, 2, 3]), null, { lengths: [5] }), ShapeError, "lengths");
  // @ts-expect-error one value instead of a pair
  assertThrows(() => lstm.forward(randn([5, 2, 3]), randn([1, 2, 4])), TypeError, "pair");
  // @ts-expect-error PyTorch's spelling
  assertThrows(() => new nn.LSTM(3, 4, { num_layers: 2 }), TypeError, "numLayers");
  assertThrows(() => new nn.GRU(3, 4, { dropout: 2 }), RangeError, "dropout");
  assertThrows(() => new nn.LSTM(3, 4, { projSize: 4 }), RangeError, "projSize");
  // @ts-expect-error no such function
  assertThrows(() => new nn.RNN(3, 4, { nonlinearity: "gelu" }), RangeError, "tanh or relu");
  const x = randn([2, 2, 3], { requiresGrad: true });
  const [dx] = grad([sum(lstm.forward(x)[0])], [x]);
  assertEquals(dx!.shape, [2, 2, 3]);
  assertThrows(() => grad([sum(lstm.forward(x)[0])], [x], { createGraph: true }), Error, "no second derivative");
});
