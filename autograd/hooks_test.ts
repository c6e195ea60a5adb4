import { assertEquals, assertThrows } from "@std/assert";
import { add, backward, copyInto, mul, ones, sum, type Tensor, tensor, to } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";

function leaf(values: number[]): Tensor {
  return tensor(values, { dtype: "f32", requiresGrad: true });
}

function free(...leaves: Tensor[]): void {
  for (const t of leaves) t.grad?.dispose();
}

gpuTest("gradients of two leaves do not share memory, nor with the gradient that was given", async () => {
  const a = leaf([1, 2]), b = leaf([3, 4]), given = tensor([5, 6], { dtype: "f32" });
  backward(add(a, b), { gradient: given });
  copyInto(a.grad!, 0);
  assertEquals([await a.grad!.array(), await b.grad!.array(), await given.array()], [[0, 0], [5, 6], [5, 6]]);
  free(a, b);
});

gpuTest("a gradient does not share memory with the leaf that it belongs to", async () => {
  const a = leaf([1, 2]);
  backward(mul(a, a).sum(), {});
  free(a);
  a.grad = null;
  a.registerHook(() => a.detach());
  backward(sum(mul(a, 2)));
  copyInto(a.grad!, 0);
  assertEquals(await a.array(), [1, 2]);
  free(a);
});

gpuTest("what a hook returns must be a gradient of the tensor", () => {
  const wrong: [unknown, string][] = [
    [ones([3]), "[3]"],
    [to(ones([2]), "f16"), "f16"],
    [7, "7"],
  ];
  for (const [value, got] of wrong) {
    const a = leaf([1, 2]), y = mul(a, 2);
    a.registerHook(() => value as Tensor);
    assertThrows(() => backward(sum(y)), TypeError, got);
    const b = leaf([1, 2]), z = mul(b, 2);
    z.registerHook(() => value as Tensor);
    assertThrows(() => backward(sum(z)), TypeError, got);
  }
  const a = leaf([1, 2]);
  a.registerHook((g) => {
    const twice = mul(g, 2);
    twice.dispose();
    return twice;
  });
  assertThrows(() => backward(sum(mul(a, 1))), Error, "disposed");
});

gpuTest(
  "the gradient that a loss begins with is a constant: it costs no dispatch, and nobody can change it",
  async (device) => {
    const w = tensor([2], { dtype: "f32", requiresGrad: true }).reshape([]).detach().requiresGrad_();
    const seen: Tensor[] = [];
    const remove = w.registerHook((gradient) => void seen.push(gradient));
    const before = device.recorder.counts.dispatches;
    backward(w);
    assertEquals(await seen[0].item(), 1);
    assertThrows(() => copyInto(seen[0], 5), Error, "Cannot change a tensor of unit in place: it is a constant");
    assertEquals(device.recorder.counts.dispatches, before);
    // The leaf's own gradient may change.
    copyInto(w.grad!, 3);
    assertEquals(await w.grad!.item(), 3);
    remove();
    for (const gradient of seen) gradient.dispose();
    w.grad!.dispose();
  },
);
