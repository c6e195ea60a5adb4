import { assert, assertEquals, assertRejects } from "@std/assert";
import { apply, div, mul, type Op, sum, type Tensor, tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { gradcheck, GradcheckError } from "./gradcheck.ts";

const input = (shape: number[], from: number) =>
  tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => from + Math.sin(i * 7.3)), {
    shape,
    requiresGrad: true,
  });

/** An op that hands its input through with a gradient that is off by a factor. */
function identityWithGrad(factor: number): (x: Tensor) => Tensor {
  const op: Op<null> = {
    name: "bent",
    alias: true,
    infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
    grad: (dy) => [mul(dy, factor)],
  };
  return (x) => apply(op, [x], null);
}

gpuTest("gradcheck: accepts right gradients, several inputs and outputs, broadcasting", async () => {
  const [a, b] = [input([3, 4], 0), input([4], 3)];
  await gradcheck((a, b) => [mul(a, b), div(a, b), sum(mul(a, a), { dim: 0 })], [a, b]);
  await gradcheck((a) => a, [a]);
});

gpuTest(
  "gradcheck: a gradient that is off by one percent is refused, with op, input, direction, got and want",
  async () => {
    const x = input([5, 2], 1);
    await gradcheck(identityWithGrad(1), [x]);
    const error = await assertRejects(() => gradcheck(identityWithGrad(1.01), [x]), GradcheckError, "gradient of bent");
    assertEquals([error.op, error.input], ["bent", 0]);
    assert(Math.abs(error.got / error.want - 1.01) < 1e-3);
    await assertRejects(() => gradcheck(identityWithGrad(NaN), [x]), GradcheckError);
  },
);

gpuTest("gradcheck: refuses what it cannot check", async () => {
  const fixed = tensor([1, 2.5]);
  await assertRejects(() => gradcheck((x) => mul(x, 2), [fixed]), TypeError, "no input requires gradients");
  const half = tensor([1, 2.5], { dtype: "f16", requiresGrad: true });
  await assertRejects(() => gradcheck((x) => mul(x, 2), [half]), TypeError, "input 0 is f16");
  const x = input([2], 1);
  await assertRejects(() => gradcheck(() => mul(fixed, 2), [x]), TypeError, "no output depends");
});
