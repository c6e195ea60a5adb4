// Kernels of one's own, through what `@fulgurite/core/kernels` exports.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { kernelOf, launch } from "../kernels.ts";
import { apply, type Op, type Tensor, tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";

/** WGSL that puts `expression` of x into y. */
const mapping = (expression: string) => `
  struct Params { scale: f32, count: u32 }
  @group(0) @binding(0) var<storage, read> x: array<f32>;
  @group(0) @binding(1) var<storage, read_write> y: array<f32>;
  @group(0) @binding(32) var<uniform> params: Params;
  @compute @workgroup_size(64)
  fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x < params.count) { y[id.x] = params.scale * (${expression}); }
  }`;

function map(name: string, expression: string, x: Tensor, scale: number): Tensor {
  const op: Op<{ scale: number }> = {
    name,
    infer: ([x]) => ({ shape: x!.shape, dtype: "f32" }),
    forward: ([x], { scale }, [y]) =>
      launch(kernelOf(name, mapping(expression)), { x: x!, y }, { scale, count: y.numel }, Math.ceil(y.numel / 64)),
    grad: (dy, _, { scale }) => [dy.mul(scale)],
  };
  return apply(op, [x], { scale });
}

gpuTest("a kernel of one's own computes, with parameters, and has a gradient", async () => {
  const x = tensor([1, 2, 3], { dtype: "f32", requiresGrad: true });
  const y = map("mine", "x[id.x]", x.mul(2), 3);
  assertEquals(await y.array(), [6, 12, 18]);
  y.sum().backward();
  assertEquals(await x.grad!.array(), [6, 6, 6]);
  x.grad!.dispose();
});

gpuTest("kernels of one name are told apart by their source, and from the library's", async () => {
  const x = tensor([1, 2], { dtype: "f32" });
  const results = [
    map("same", "x[id.x] + 1.0", x, 1),
    map("same", "x[id.x] - 1.0", x, 1),
    map("reduce", "x[id.x] * 5.0", x, 1), // the library has a kernel of this name
  ];
  assertEquals(await Promise.all(results.map((y) => y.array())), [[2, 3], [0, 1], [5, 10]]);
  assertEquals(await x.sum().item(), 3);
});

Deno.test("the same source is the same kernel", () => {
  assert(kernelOf("one", mapping("1.0")) === kernelOf("one", mapping("1.0")));
  assert(kernelOf("one", mapping("1.0")) !== kernelOf("one", mapping("2.0")));
});

Deno.test("WGSL that does not follow the rules is refused", () => {
  assertThrows(() => kernelOf("bad", "@group(2) @binding(0) var<storage> x: array<f32>;"), TypeError, "group 0");
  assertThrows(() => kernelOf("bad", "@group(0) @binding(1) var<storage> x: array<f32>;"), TypeError, "binding 0");
  assertThrows(() => kernelOf("bad", "struct Params { size: vec3u }"), TypeError, "vec3u");
});
