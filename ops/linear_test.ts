import { assertEquals, assertThrows } from "@std/assert";
import { autocast, device, grad, linear, relu, ShapeError, tensor, zeros } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { map, matmul, type NDArray, permute } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

testOp({
  name: "linear",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x, weight, bias]) => linear(x, weight, { bias }),
  reference: ([x, weight, bias]: NDArray[]) => {
    const y = matmul(x, weight.shape.length === 2 ? permute(weight, [1, 0]) : weight);
    return bias === undefined ? y : map((a, b) => a + b, y, bias);
  },
  cases: [
    { inputs: [[5, 17], [9, 17], [9]] },
    { inputs: [[5, 17], [9, 17]] },
    { inputs: [[2, 5, 8], [3, 8], [3]] },
    { inputs: [[8], [3, 8], [3]] },
    { inputs: [[4, 8], [8]] },
    { inputs: [[65, 1], [1, 1], [1]] },
    { inputs: [[0, 4], [3, 4], [3]] },
    { inputs: [[2, 0], [3, 0], [3]] },
  ],
});

gpuTest(
  "the product, its bias and what follows are one kernel, and gradients come in the weight's layout",
  () => {
    const x = tensor(new Float32Array(12).fill(1), { shape: [3, 4] });
    const weight = tensor(new Float32Array(20).fill(0.5), { shape: [5, 4], requiresGrad: true });
    const bias = tensor(new Float32Array(5), { requiresGrad: true });
    const count = () => device().recorder.counts.dispatches;
    const start = count();
    const y = relu(linear(x, weight, { bias }));
    void y.storage.buffer;
    assertEquals(count() - start, 1);
    const dy = tensor(new Float32Array(15).fill(1), { shape: [3, 5] });
    const product = linear(x, weight, { bias });
    void product.storage.buffer;
    const before = count();
    const [dw, db] = grad(product, [weight, bias], { gradOutputs: dy });
    void dw!.storage.buffer;
    void db!.storage.buffer;
    assertEquals(count() - before, 1);
  },
);

gpuTest("linear under autocast gives 16 bits, rounded once", async () => {
  const x = tensor([[1, 1]], { dtype: "f32" }), weight = tensor([[1, 0]], { dtype: "f32" });
  // 1 + 2⁻⁸ + 2⁻⁹ lies above the middle between bf16's neighbours 1 and 1 + 2⁻⁷.
  const y = autocast("bf16", () => linear(x, weight, { bias: tensor([2 ** -8 + 2 ** -9]) }));
  assertEquals(y.dtype, "bf16");
  assertEquals(await y.array(), [[1 + 2 ** -7]]);
});

gpuTest("linear checks shapes", () => {
  assertThrows(
    () => linear(zeros([2, 3]), zeros([4, 5])),
    ShapeError,
    "Cannot multiply matrices in linear: inner sizes must be equal, current shapes are [2, 3] and [4, 5]",
  );
  assertThrows(
    () => linear(zeros([2, 3]), zeros([4, 3]), { bias: zeros([5]) }),
    ShapeError,
    "Cannot multiply by a weight in linear: the bias must have one number for each row of the weight",
  );
  assertThrows(() => linear(zeros([2, 3]), zeros([1, 4, 3])), ShapeError, "the weight must have one or two axes");
});
