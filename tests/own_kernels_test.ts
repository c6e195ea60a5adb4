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

gpuTest("what does not fit a kernel is refused before anything is recorded", (device) => {
  const kernel = kernelOf("strict", mapping("x[id.x]"));
  const wide = kernelOf("wide", mapping("x[id.x]").replace("scale: f32", "scale: f32, sizes: vec4u"));
  using x = tensor([1, 2], { dtype: "f32" });
  using y = tensor([0, 0], { dtype: "f32" });
  const buffers = { x, y }, params = { scale: 1, count: 2 };
  const before = device.recorder.counts.dispatches;
  const run = (b: unknown, p: unknown, groups: unknown, of = kernel) => () =>
    launch(of, b as typeof buffers, p as typeof params, groups as number);
  assertThrows(run({ x }, params, 1), TypeError, "Cannot run strict: its buffer y must be a tensor, got undefined");
  assertThrows(run({ x: [1, 2], y }, params, 1), TypeError, "its buffer x must be a tensor, got [1, 2]");
  assertThrows(run(undefined, params, 1), TypeError, "its buffer x must be a tensor");
  assertThrows(run(buffers, { scale: 1 }, 1), TypeError, "its parameter count (u32) must be a number, got undefined");
  assertThrows(run(buffers, undefined, 1), TypeError, "its parameter scale (f32) must be a number, got undefined");
  assertThrows(
    run(buffers, { scale: "1", count: 2 }, 1),
    TypeError,
    'its parameter scale (f32) must be a number, got "1"',
  );
  for (const sizes of [1, undefined, "12", [1, "2"], [1, undefined]]) {
    const bad = run(buffers, { ...params, sizes }, 1, wide);
    assertThrows(bad, TypeError, "its parameter sizes (vec4u) must be numbers");
  }
  for (const groups of [NaN, -1, 1.5, 70000.5, Infinity, "1", undefined, null, [1, 1], [1, 2.5, 1], [1, 1, 2 ** 20]]) {
    assertThrows(run(buffers, params, groups), RangeError, "Cannot run strict: workgroups must be a whole number");
  }
  assertEquals(device.recorder.counts.dispatches, before);
});
