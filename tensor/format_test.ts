import { assertEquals } from "@std/assert";
import type { DType } from "./dtype.ts";
import { format } from "./format.ts";

function shown(data: ArrayLike<number>, shape: number[], dtype: DType = "f32", node: string | null = null): string {
  return format(dtype === "f32" ? Float32Array.from(data) : data, shape, dtype, node, false);
}

const range = (n: number, start = 0) => Array.from({ length: n }, (_, i) => start + i);

// The expected texts are what PyTorch 2 prints for the same values.
Deno.test("scalars and vectors", () => {
  assertEquals(shown([3], []), "tensor(3.)");
  assertEquals(shown([0.5], []), "tensor(0.5000)");
  assertEquals(shown([7], [], "i32"), "tensor(7)");
  assertEquals(shown([1], [], "bool"), "tensor(True)");
  assertEquals(shown([1, 2, 3], [3]), "tensor([1., 2., 3.])");
  assertEquals(shown([1, -2.5, 3], [3]), "tensor([ 1.0000, -2.5000,  3.0000])");
  assertEquals(shown([1, -20, 300], [3], "i32"), "tensor([  1, -20, 300])");
  assertEquals(shown([1, 0], [2], "bool"), "tensor([ True, False])");
  assertEquals(shown([0, 0], [2]), "tensor([0., 0.])");
  assertEquals(shown([-0, 1], [2]), "tensor([-0., 1.])");
});

Deno.test("scientific notation where sizes differ, or are very large or small", () => {
  assertEquals(shown([1e-5, 1], [2]), "tensor([1.0000e-05, 1.0000e+00])");
  assertEquals(shown([1, 1001], [2]), "tensor([1.0000e+00, 1.0010e+03])");
  assertEquals(shown([1, 1000], [2]), "tensor([   1., 1000.])");
  assertEquals(shown([0.5, 400], [2]), "tensor([  0.5000, 400.0000])");
  assertEquals(shown([1e9], [1]), "tensor([1.0000e+09])");
  assertEquals(shown([-1e-7], []), "tensor(-1.0000e-07)");
  assertEquals(shown([0.0001], []), "tensor(1.0000e-04)");
});

Deno.test("nan and infinities do not widen columns", () => {
  assertEquals(shown([NaN, 1], [2]), "tensor([nan, 1.])");
  assertEquals(shown([Infinity, -Infinity, 0.5], [3]), "tensor([   inf,   -inf, 0.5000])");
  assertEquals(shown([NaN, 1e-6, 1], [3]), "tensor([       nan, 1.0000e-06, 1.0000e+00])");
});

Deno.test("ties are rounded to the even digit", () => {
  assertEquals(shown([0.03125, 0.09375], [2]), "tensor([0.0312, 0.0938])");
  assertEquals(shown([100005, 1], [2]), "tensor([1.0000e+05, 1.0000e+00])");
  assertEquals(shown([100015, 1], [2]), "tensor([1.0002e+05, 1.0000e+00])");
});

Deno.test("matrices and blocks are aligned", () => {
  assertEquals(shown([1, 2, 3, 4], [2, 2]), "tensor([[1., 2.],\n        [3., 4.]])");
  assertEquals(
    shown(range(8), [2, 2, 2], "i32"),
    "tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])",
  );
});

Deno.test("long rows are broken, long tensors are summarised", () => {
  assertEquals(
    shown(range(30), [30]),
    "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n" +
      "        14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27.,\n" +
      "        28., 29.])",
  );
  assertEquals(shown(range(1001), [1001], "i32"), "tensor([   0,    1,    2,  ...,  998,  999, 1000])");
  assertEquals(
    shown(range(10000), [100, 100], "i32"),
    "tensor([[   0,    1,    2,  ...,   97,   98,   99],\n" +
      "        [ 100,  101,  102,  ...,  197,  198,  199],\n" +
      "        [ 200,  201,  202,  ...,  297,  298,  299],\n" +
      "        ...,\n" +
      "        [9700, 9701, 9702,  ..., 9797, 9798, 9799],\n" +
      "        [9800, 9801, 9802,  ..., 9897, 9898, 9899],\n" +
      "        [9900, 9901, 9902,  ..., 9997, 9998, 9999]])",
  );
  assertEquals(shown(range(1000), [1000]).split("\n").length, 84);
});

Deno.test("empty tensors show their size", () => {
  assertEquals(shown([], [0]), "tensor([])");
  assertEquals(shown([], [0, 3]), "tensor([], size=(0, 3))");
  assertEquals(shown([], [0], "i32"), "tensor([], dtype=i32)");
});

Deno.test("types, operations and the wish for gradients follow", () => {
  assertEquals(shown([1, 2], [2], "f16"), "tensor([1., 2.], dtype=f16)");
  assertEquals(shown([1, 2], [2], "u32"), "tensor([1, 2], dtype=u32)");
  assertEquals(shown([1, 2], [2], "f32", "add"), "tensor([1., 2.], gradFn=<add>)");
  assertEquals(format([1], [1], "bf16", null, true), "tensor([1.], dtype=bf16, requiresGrad=true)");
  const long = shown(range(13).map((i) => i + 10), [13], "f32", "a".repeat(20));
  assertEquals(
    long,
    "tensor([10., 11., 12., 13., 14., 15., 16., 17., 18., 19., 20., 21., 22.],\n" +
      `       gradFn=<${"a".repeat(20)}>)`,
  );
});
