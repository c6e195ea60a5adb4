import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { backward, Tensor, tensor, toHost } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { cubicMinimum, type Probe, strongWolfe } from "./_strong_wolfe.ts";
import { LBFGS, type LBFGSOptions } from "./mod.ts";

const parameter = (values: number[]) => tensor(Float32Array.from(values), { requiresGrad: true });

/** Rosenbrock's valley, which gradient descent takes thousands of steps through. */
function valley(w: Tensor): Tensor {
  const x = w.slice({ dim: 0, end: 1 }), y = w.slice({ dim: 0, start: 1 });
  return y.sub(x.square()).square().mul(100).add(x.neg().add(1).square()).sum();
}

/** A closure over a loss of a parameter that counts its calls. */
function measured(loss: (w: Tensor) => Tensor, w: Tensor): { closure: () => Tensor; calls: () => number } {
  let calls = 0;
  const closure = () => {
    calls++;
    w.grad?.dispose();
    w.grad = null;
    const value = loss(w);
    backward(value);
    return value;
  };
  return { closure, calls: () => calls };
}

const clear = (...params: Tensor[]) => {
  for (const p of params) {
    p.grad?.dispose();
    p.grad = null;
  }
};

gpuTest("LBFGS with a line search finds the end of a curved valley", async () => {
  const w = parameter([-1.2, 1]);
  using optimizer = new LBFGS([w], { lineSearchFn: "strong_wolfe", maxIter: 60, maxEval: 200 });
  const { closure, calls } = measured(valley, w);
  const before = await optimizer.stepAsync(closure);
  assertAlmostEquals(await before.item(), 24.2, 1e-4);
  const [x, y] = await w.data();
  assertAlmostEquals(x, 1, 2e-3);
  assertAlmostEquals(y, 1, 4e-3);
  assert(calls() < 80, `${calls()} evaluations`);
  clear(w);
});

gpuTest("without a line search the first step is lr·min(1, 1/|g|₁) long, and later ones are Newton's", async () => {
  const w = parameter([4, -2]);
  using optimizer = new LBFGS([w], { lr: 0.5, maxIter: 1 });
  // loss = x² + 3y² with the gradient (8, -12), whose magnitudes add up to 20.
  const { closure } = measured((w) => w.square().mul(tensor([1, 3], { dtype: "f32" })).sum(), w);
  await optimizer.stepAsync(closure);
  const first = [4 - 0.5 / 20 * 8, -2 + 0.5 / 20 * 12];
  (await w.data()).forEach((v, i) => assertAlmostEquals(v, first[i], 1e-5));
  optimizer.paramGroups[0].lr = 1;
  optimizer.paramGroups[0].maxIter = 20;
  await optimizer.stepAsync(closure);
  (await w.data()).forEach((v) => assertAlmostEquals(v, 0, 1e-4));
  clear(w);
});

gpuTest("several parameters, an asynchronous closure, and nothing to do at the end", async () => {
  const a = parameter([2]), b = parameter([1, -1]);
  using optimizer = new LBFGS([a, b], { lineSearchFn: "strong_wolfe" });
  let calls = 0;
  const closure = async () => {
    await Promise.resolve();
    calls++;
    optimizer.zeroGrad();
    const loss = a.sub(3).square().sum().add(b.mul(2).sub(1).square().sum());
    backward(loss);
    return loss;
  };
  await optimizer.stepAsync(closure);
  assertAlmostEquals((await a.data())[0], 3, 1e-4);
  for (const v of await b.data()) assertAlmostEquals(v, 0.5, 1e-4);
  calls = 0;
  await optimizer.stepAsync(closure);
  assert(calls <= 3);
  optimizer.zeroGrad();
});

gpuTest("a resumed optimizer goes on exactly, from the host", async () => {
  const options: Partial<LBFGSOptions> = { lineSearchFn: "strong_wolfe", maxIter: 3, historySize: 4 };
  const whole = parameter([-1.2, 1]), half = parameter([-1.2, 1]);
  using reference = new LBFGS([whole], options), before = new LBFGS([half], options);
  for (let i = 0; i < 4; i++) await reference.stepAsync(measured(valley, whole).closure);
  for (let i = 0; i < 2; i++) await before.stepAsync(measured(valley, half).closure);
  const { state, paramGroups } = before.stateDict();
  assertEquals(Object.keys(state[0]).sort(), [
    "d",
    "dirProducts",
    "funcEvals",
    "hDiag",
    "nIter",
    "oldDirs",
    "oldStps",
    "prevFlatGrad",
    "prevLoss",
    "products",
    "t",
  ]);
  const entries = Object.entries(state[0]).map(async ([name, v]) =>
    [name, v instanceof Tensor ? await toHost(v) : v] as const
  );
  using after = new LBFGS([half], options);
  after.loadStateDict({ state: { 0: Object.fromEntries(await Promise.all(entries)) }, paramGroups });
  using copy = new LBFGS([parameter([0, 0])], options);
  copy.loadStateDict(before.stateDict());
  for (let i = 0; i < 2; i++) await after.stepAsync(measured(valley, half).closure);
  assertEquals(await half.array(), await whole.array());
  clear(whole, half);
});

Deno.test("a line search keeps to the strong Wolfe conditions, from steps too short and too long", async () => {
  const grad = null as unknown as Tensor;
  const lines: [(x: number) => number, (x: number) => number][] = [
    [(x) => (x - 2) ** 2, (x) => 2 * (x - 2)],
    [(x) => -x / (x * x + 2), (x) => (x * x - 2) / (x * x + 2) ** 2],
    [(x) => (x + 0.004) ** 5 - 2 * (x + 0.004) ** 4, (x) => 5 * (x + 0.004) ** 4 - 8 * (x + 0.004) ** 3],
  ];
  for (const [f, slope] of lines) {
    for (const first of [1e-3, 0.1, 1, 10, 30]) {
      const at = (step: number): Probe => ({ step, loss: f(step), slope: slope(step), grad });
      let count = 0;
      const { best, measured } = await strongWolfe(at(0), first, 1, 1e-9, (step) => {
        count++;
        return Promise.resolve(at(step));
      });
      assertEquals(measured, count);
      assert(best.loss <= f(0) + 1e-4 * best.step * slope(0), `decrease from ${first}`);
      assert(Math.abs(best.slope) <= -0.9 * slope(0), `slope from ${first}`);
    }
  }
  // (x - 1)³ - 3(x - 1) has its minimum at 2.
  const cubic = (step: number): Probe => ({
    step,
    loss: (step - 1) ** 3 - 3 * step,
    slope: 3 * (step - 1) ** 2 - 3,
    grad,
  });
  assertAlmostEquals(cubicMinimum(cubic(0.5), cubic(3)), 2, 1e-12);
  assertAlmostEquals(cubicMinimum(cubic(3), cubic(0.5)), 2, 1e-12);
});

gpuTest("what LBFGS cannot do is refused", async () => {
  const w = parameter([1]);
  using optimizer = new LBFGS([w]);
  assertThrows(() => optimizer.step(), TypeError, "call await optimizer.stepAsync(closure)");
  assertThrows(() => optimizer.addParamGroup({ params: [parameter([1])] }), TypeError, "one group");
  assertThrows(() => new LBFGS([w], { lineSearchFn: "armijo" as "strong_wolfe" }), RangeError, "lineSearchFn");
  assertThrows(() => new LBFGS([w], { historySize: 0 }), RangeError, "historySize");
  optimizer.control = tensor([0, 1], { dtype: "f32" });
  await assertRejects(() => optimizer.stepAsync(() => w.sum()), TypeError, "without a loss scaler");
});
