import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as f from "../../mod.ts";
import { type DType, dtypes, ShapeError, tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";

gpuTest("constants in every type", async () => {
  for (const dtype of dtypes) {
    const t = f.full([2, 3], 1, { dtype });
    assertEquals([t.dtype, [...t.shape], Array.from(await t.data())], [dtype, [2, 3], [1, 1, 1, 1, 1, 1]]);
  }
  assertEquals(await f.zeros([2]).array(), [0, 0]);
  assertEquals(await f.ones([], { dtype: "bool" }).array(), true);
  assertEquals(await f.full([2], -Infinity).array(), [-Infinity, -Infinity]);
  assertEquals(await f.full([1], 4e9, { dtype: "u32" }).array(), [4e9]);
  assertEquals(await f.full([1], -7, { dtype: "i32" }).array(), [-7]);
  assertEquals((await f.zeros([0, 3]).data()).length, 0);
  assertEquals(f.zeros([1], { requiresGrad: true }).requiresGrad, true);
});

gpuTest("constants like another tensor", async () => {
  const x = tensor([[1, 2]], { dtype: "bf16" });
  assertEquals([f.zerosLike(x).dtype, f.onesLike(x, { dtype: "i32" }).dtype], ["bf16", "i32"]);
  assertEquals(await f.fullLike(x, 2.5).array(), [[2.5, 2.5]]);
});

gpuTest("the identity matrix", async () => {
  assertEquals(await f.eye(2).array(), [[1, 0], [0, 1]]);
  assertEquals(await f.eye(2, 3, { dtype: "i32" }).array(), [[1, 0, 0], [0, 1, 0]]);
  assertEquals(await f.eye(3, 1, { dtype: "bool" }).array(), [[true], [false], [false]]);
  const large = Array.from(await f.eye(65).data());
  assertEquals(large.every((v, i) => v === Number(i % 66 === 0)), true);
});

gpuTest("ranges", async () => {
  const check = async (t: f.Tensor, dtype: DType, want: number[]) => {
    assertEquals([t.dtype, Array.from(await t.data())], [dtype, want]);
  };
  await check(f.arange(4), "i32", [0, 1, 2, 3]);
  await check(f.arange(2, 5), "i32", [2, 3, 4]);
  await check(f.arange(5, -1, -2), "i32", [5, 3, 1]);
  await check(f.arange(1, 2, 0.25), "f32", [1, 1.25, 1.5, 1.75]);
  await check(f.arange(0.5, 3), "f32", [0.5, 1.5, 2.5]);
  await check(f.arange(0, 3, 1, { dtype: "f16" }), "f16", [0, 1, 2]);
  await check(f.arange(0, 3, 1, { dtype: "bool" }), "bool", [0, 1, 1]);
  await check(f.arange(0), "i32", []);
  const far = await f.arange(2 ** 24 - 2, 2 ** 24 + 6, 2, { dtype: "f32" }).data();
  assertEquals(Array.from(far), [2 ** 24 - 2, 2 ** 24, 2 ** 24 + 2, 2 ** 24 + 4]);
  await check(f.linspace(0, 1, 5), "f32", [0, 0.25, 0.5, 0.75, 1]);
  await check(f.linspace(3, -3, 4), "f32", [3, 1, -1, -3]);
  await check(f.linspace(2, 9, 1), "f32", [2]);
  await check(f.linspace(0, 10, 3, { dtype: "i32" }), "i32", [0, 5, 10]);
  const third = await f.linspace(0, 1, 1000).data();
  assertEquals([third[0], third[999]], [0, 1]);
});

gpuTest("conversions round to nearest even, cut fractions, and keep what is not a number", async () => {
  const convert = async (values: number[], from: DType, to: DType) =>
    Array.from(await f.to(tensor(values, { dtype: from }), to).data());
  assertEquals(await convert([1.7, -1.7, 2147483000], "f32", "i32"), [1, -1, 2147483008]);
  assertEquals(await convert([1.7, 4e9], "f32", "u32"), [1, 4e9]);
  assertEquals(await convert([0, -0, 0.1, NaN], "f32", "bool"), [0, 0, 1, 1]);
  assertEquals(await convert([1, 0], "bool", "f16"), [1, 0]);
  assertEquals(await convert([-5, 16777217], "i32", "f32"), [-5, 16777216]);
  assertEquals(await convert([2049, 2051, 65520, NaN], "f32", "f16"), [2048, 2052, Infinity, NaN]);
  assertEquals(await convert([257, 259, -Infinity], "f32", "bf16"), [256, 260, -Infinity]);
  assertEquals(await convert([6e-8, 65504], "f16", "bf16"), [5.960464477539063e-8, 65536]);
  const x = tensor([1.5]);
  assertEquals(f.to(x, "f32") === x, true);
});

gpuTest("the gradient of a conversion comes back in the type of its input", async () => {
  const x = tensor([1.5, 2], { dtype: "bf16", requiresGrad: true });
  const [g] = f.grad(f.sum(f.to(x, "f32")), x);
  assertEquals([g!.dtype, await g!.array()], ["bf16", [1, 1]]);
});

Deno.test("what cannot be made is refused", () => {
  assertThrows(() => f.zeros([-1]), ShapeError, "sizes must be whole numbers from 0 on, got [-1]");
  assertThrows(() => f.eye(2.5), ShapeError, "eye");
  assertThrows(() => f.arange(0, 5, -1), RangeError, "the step must lead from start to end, got 0 to 5 by -1");
  assertThrows(() => f.arange(0, 5, 0), RangeError, "arange");
  assertThrows(() => f.linspace(0, 1, -1), RangeError, "steps");
});

gpuTest("what tensor() cannot take is refused by name", () => {
  const refusal = (options: object) => assertThrows(() => tensor([1.0, 2.0], options), TypeError).message;
  assertEquals(
    refusal({ requires_grad: true }),
    "Cannot make a tensor in tensor: there is no option requires_grad, requiresGrad is the nearest; the options are " +
      "dtype, shape, requiresGrad",
  );
  assertEquals(
    refusal({ dtype: "float32" }),
    'Cannot make a tensor in tensor: dtype must be one of "f32", "f16", "bf16", "i32", "u32", "bool", got "float32"',
  );
  assertEquals(
    refusal({ requiresGrad: true }),
    'Cannot require gradients: only floating-point tensors have them, this one is i32; say { dtype: "f32" }',
  );
});

gpuTest("init refuses a backend that does not exist, and another device than the open one", async (device) => {
  assertEquals(await f.init(), device);
  assertEquals(await f.init({ backend: device.info.backend, adapter: device.info.adapter }), device);
  const other = device.info.backend === "dawn" ? "deno" : "dawn";
  await assertRejects(() => f.init({ backend: "vulkan" as "dawn" }), RangeError, "one of auto, dawn, deno, browser");
  await assertRejects(() => f.init({ backend: other }), Error, `Cannot open a device of the backend ${other}: one of`);
  await assertRejects(() => f.init({ adapter: "no such card" }), Error, "Cannot open the adapter no such card: ");
  await assertRejects(
    () => f.init({ back_end: "dawn" } as object),
    TypeError,
    "no option back_end, backend is the nearest",
  );
});
