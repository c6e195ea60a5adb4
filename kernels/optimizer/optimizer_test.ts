import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Tensor, tensor } from "../../mod.ts";
import { gather } from "../../tensor/slab.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { assertSnapshot } from "../../testing/snapshot.ts";
import { adamRule } from "./adam.ts";
import { nadam, radam } from "./rectified.ts";
import { advance, NUMBERS, optionNumbers, type Rule, ruleText } from "./rule.ts";
import { update, updateText } from "./update.ts";
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
  return {
    numbers,
    advance: () => advance(rule, given, flags, numbers),
    step(param: Tensor, grad: Tensor, state: Tensor[] = []) {
      advance(rule, given, flags, numbers);
      update(rule, numbers, [{ param, grad, state }]);
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

gpuTest("many parameters take few dispatches, and each the step that it would take alone", async (device) => {
  const sizes = [1, 5, 0, 257, 64, 3, 1000, 2, 8, 9];
  const of = (factor: number, dtype: "f32" | "bf16" = "f32") =>
    sizes.map((size) => tensor(Float32Array.from({ length: size }, (_, i) => factor * Math.sin(i + size)), { dtype }));
  const alone = { p: of(1), m: of(0.1), v: of(0) };
  const together = { p: of(1), m: of(0.1), v: of(0) };
  const grads = of(3).map((g, n) => n % 2 === 0 ? g : of(3, "bf16")[n]);
  const one = start(adamRule(false), ADAM, [0, 1]);
  one.advance();
  for (const n of sizes.keys()) {
    const { p, m, v } = alone;
    update(adamRule(false), one.numbers, [{ param: p[n], grad: grads[n], state: [m[n], v[n]] }]);
  }
  const { p, m, v } = together;
  for (const tensors of [p, m, v]) gather(tensors, "together");
  const before = device.recorder.counts.dispatches;
  const updated = sizes.map((_, n) => ({ param: p[n], grad: grads[n], state: [m[n], v[n]] }));
  update(adamRule(false), one.numbers, updated);
  // One for each type of gradients; without common memory it would be one for each parameter.
  assertEquals(device.recorder.counts.dispatches - before, 2);
  for (const kind of ["p", "m", "v"] as const) {
    for (const n of sizes.keys()) assertEquals(await together[kind][n].data(), await alone[kind][n].data());
  }
});

gpuTest("parameters that share memory are updated one after the other", async () => {
  const p = tensor([1, 2, 3, 4], { dtype: "f32" }), g = tensor([1, 1, 1, 1], { dtype: "f32" });
  const options = { lr: 0.5, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
  const run = start(sgd, options, [0, 1]);
  run.advance();
  update(sgd, run.numbers, [{ param: p, grad: g, state: [] }, { param: p.reshape([2, 2]), grad: g, state: [] }]);
  assertEquals(await p.array(), [0, 1, 2, 3]);
});

Deno.test("the kernel of a step is as it was written down", async () => {
  const types = { param: "bf16", grad: "f32", state: ["bf16", "bf16"] } as const;
  await assertSnapshot("optimizer_update.wgsl", updateText(adamRule(false), types, 2, false));
});
