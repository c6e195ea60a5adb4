import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { apply, div, full, keep, mul, type Op, sum, type Tensor } from "../mod.ts";
import { gpuTest, leavesNothing } from "./gpu.ts";
import type { NDArray } from "./reference.ts";
import * as reference from "./reference.ts";
import { broadcasts, FOLDED, opSpec, runCase, straddle, testOp } from "./test_op.ts";

const product = opSpec({
  name: "mul",
  run: ([a, b]) => mul(a, b),
  reference: ([a, b]) => reference.map((x, y) => x * y, a, b),
  cases: [...broadcasts(), ...straddle((n) => ({ inputs: [[n], [n]] }))],
  dtypes: ["f32", "f16", "bf16"],
});

const quotient = opSpec({
  name: "div",
  run: ([a, b]) => div(a, b),
  reference: ([a, b]) => reference.map((x, y) => x / y, a, b),
  cases: [...broadcasts(), { inputs: [[2, 3, 65537], [65537]], large: true }, { inputs: [[FOLDED], [1]], large: true }],
  draw: "positive",
});

const total = opSpec<{ dim?: number; keepdim?: boolean }>({
  name: "sum",
  run: ([x], attrs) => sum(x, attrs),
  reference: ([x], { dim, keepdim }) => reference.reduce(x, reference.total, dim, keepdim),
  cases: [
    { inputs: [[3, 5, 7]], attrs: {} },
    { inputs: [[3, 5, 7]], attrs: { dim: 1, keepdim: true } },
    ...straddle<{ dim?: number }>((n) => ({ inputs: [[2, n]], attrs: { dim: -1 } })),
  ],
});

testOp(product);
testOp(quotient);
testOp(total);

/** Identity whose value and gradient are off by factors. */
function bent(value: number, gradient: number): (x: Tensor) => Tensor {
  const op: Op<null> = {
    name: "bent",
    alias: true,
    infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
    grad: (dy) => [mul(dy, gradient)],
  };
  return (x) => mul(apply(op, [x], null), value);
}

const same = ([x]: NDArray[]) => x;
const one = { inputs: [[5, 13]] };

gpuTest("testOp: a wrong value, a wrong shape and a wrong gradient are seen", async () => {
  const run = (op: (x: Tensor) => Tensor, dtype: "f32" | "bf16" = "f32") =>
    runCase({ name: "bent", run: ([x]) => op(x), reference: same, cases: [] }, one, dtype);
  assertEquals(await run(bent(1, 1)), []);
  const [value] = await run(bent(1.0001, 1));
  assertStringIncludes(value, "output 0 [");
  const [gradient] = await run(bent(1, 1.0005));
  assertStringIncludes(gradient, "gradient of input 0: derivative along a random direction");
  const [shape] = await run((x) => sum(x, { dim: 0 }));
  assertStringIncludes(shape, "output 0 has shape [13], the reference [5, 13]");
  const [none] = await run((x) => full(x.shape, 1));
  assert(none !== undefined, "an op without a gradient must not pass");
});

gpuTest("leavesNothing: sees a buffer that stays, and what the device reports", async (device) => {
  await leavesNothing(device, "tidy", () => void full([64, 64], 1).storage.buffer);
  const left: Tensor[] = [];
  const leak = () => {
    left.push(keep(full([64, 64], 1)));
    void left[0].storage.buffer;
  };
  await assertRejects(
    () => leavesNothing(device, "leaky", leak),
    Error,
    "16384 bytes stay on the device (by op: full 16384",
  );
  left[0].dispose();
  const fail = () => void device.gpu.createBuffer({ size: 16, usage: 0 });
  await assertRejects(() => leavesNothing(device, "invalid", fail), Error);
});
