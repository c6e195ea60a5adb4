import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Tensor, tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { adamRule } from "./adam.ts";
import { nadam, radam } from "./rectified.ts";
import { advance, NUMBERS, optionNumbers, type Rule, ruleText, update } from "./rule.ts";
import { sgd } from "./sgd.ts";

const ADAM = { lr: 0.01, betas: [0.9, 0.999] as const, eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false };
const RADAM = { ...ADAM, decoupledWeightDecay: false };

/** A rule on the device with its numbers. */
function start<O>(rule: Rule<O>, options: O, control: number[], counted = 0) {
  const first = new Float32Array(NUMBERS);
  first[0] = counted;
  first[3] = rule.carry?.initial ?? 0;
  const numbers = tensor(first), given = tensor(optionNumbers(rule, options));
  const flags = tensor(Float32Array.from(control));
  const spare = [0, 1, 2].map(() => tensor(new Float32Array(4)));
  return {
    numbers,
    advance: () => advance(rule, given, flags, numbers),
    step(param: Tensor, grad: Tensor, state: Tensor[] = []) {
      advance(rule, given, flags, numbers);
      update(rule, numbers, param, grad, state, spare);
    },
  };
}

gpuTest("a step reads rate and gradient factor from the device and leaves padding and neighbours alone", async () => {
  const p = tensor([1, 2, 3, 4, 5], { dtype: "f32" });
  const g = tensor([1, 1, 1, 1, 2], { dtype: "f32" });
  const options = { lr: 0.5, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
  start(sgd, options, [0, 0.5]).step(p, g);
  assertEquals(await p.array(), [0.75, 1.75, 2.75, 3.75, 4.5]);
});

gpuTest("a skipped step changes nothing and is not counted", async () => {
  const p = tensor([1, 2], { dtype: "f32" }), g = tensor([NaN, Infinity]);
  const m = tensor([0.5, 0.5]), v = tensor([0.25, 0.25]);
  const run = start(adamRule(false), ADAM, [1, 1], 3);
  run.step(p, g, [m, v]);
  assertEquals(await p.array(), [1, 2]);
  assertEquals(await m.array(), [0.5, 0.5]);
  assertEquals(await v.array(), [0.25, 0.25]);
  assertEquals((await run.numbers.data())[0], 3);
});

gpuTest("parameters and gradients in 16 bits are updated in f32 and rounded once", async () => {
  for (const dtype of ["f16", "bf16"] as const) {
    const p = tensor([1, 2, 3, 4, 5, 6], { dtype }), g = tensor([0.5, 0.5, 0.5, 1, 1, 1], { dtype });
    const options = { lr: 0.5, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
    start(sgd, options, [0, 1]).step(p, g);
    assertEquals(await p.array(), [0.75, 1.75, 2.75, 3.5, 4.5, 5.5]);
  }
});

gpuTest("bias corrections keep their precision at every step count", async () => {
  const rule = adamRule(false);
  const at = (name: string) => 4 + Object.keys({ ...rule.numbers, ...rule.derived }).indexOf(name);
  for (const t of [1, 2, 3, 10, 100, 249, 251, 1000, 10_000, 1_000_000]) {
    const run = start(rule, ADAM, [0, 1], t - 1);
    run.advance();
    const got = await run.numbers.data();
    const near = (name: string, want: number) =>
      assert(Math.abs(got[at(name)] / want - 1) < 2e-6, `${name} at step ${t} is ${got[at(name)]}, want ${want}`);
    near("stepSize", 0.01 / (1 - 0.9 ** t));
    near("unbias", 1 / Math.sqrt(1 - 0.999 ** t));
  }
});

gpuTest("the length of RAdam's average does not suffer from cancellation", async () => {
  const at = 4 + Object.keys({ ...radam.numbers, ...radam.derived }).indexOf("length");
  for (const beta of [0.9, 0.95, 0.99, 0.999, 0.9999]) {
    for (const t of [1, 2, 5, 6, 7, 20, 500, 1000, 2000, 100_000]) {
      const run = start(radam, { ...RADAM, betas: [0.9, beta] as const }, [0, 1], t - 1);
      run.advance();
      const want = 2 / (1 - beta) - 1 - 2 * t * beta ** t / (1 - beta ** t);
      const got = (await run.numbers.data())[at];
      assert(
        Math.abs(got - want) < 1e-5 * Math.max(1, want),
        `length at step ${t} with ${beta} is ${got}, want ${want}`,
      );
    }
  }
});

gpuTest("a carried number goes from step to step", async () => {
  const run = start(nadam, { ...RADAM, momentumDecay: 4e-3 }, [0, 1]);
  let want = 1;
  for (let t = 1; t <= 5; t++) {
    run.advance();
    want *= 0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3));
  }
  const got = (await run.numbers.data())[3];
  assert(Math.abs(got / want - 1) < 1e-6, `the product is ${got}, want ${want}`);
});

gpuTest("a large parameter takes more than 65,535 workgroups", async () => {
  const n = 65_536 * 256 + 5;
  const p = tensor(new Float32Array(n).fill(1)), g = tensor(new Float32Array(n).fill(1));
  const options = { lr: 0.25, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
  start(sgd, options, [0, 1]).step(p, g);
  const got = await p.data();
  assertEquals([got[0], got[n >> 1], got[n - 1]], [0.75, 0.75, 0.75]);
});

Deno.test("a rule with too many states is refused", () => {
  const rule: Rule<null> = { name: "much", state: ["a", "b", "c", "d"], numbers: {}, counted: false, update: "" };
  assertThrows(() => ruleText(rule), RangeError, "3 states");
});
