import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { backward, noGrad, sigmoid, sum, tensor, uploadInto } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";

gpuTest("asynchronous switches of differentiation may end in any order", async () => {
  const x = tensor([1.5], { requiresGrad: true });
  let endFirst = () => {}, endSecond = () => {};
  const first = noGrad(() => new Promise<void>((resolve) => endFirst = resolve));
  const second = noGrad(() => new Promise<void>((resolve) => endSecond = resolve));
  endFirst();
  await first;
  assertEquals(x.mul(2).requiresGrad, false);
  endSecond();
  await second;
  assert(x.mul(2).requiresGrad);
});

gpuTest("backward refuses an output that was changed in place after it was kept", () => {
  const w = tensor([0.5, -0.5], { requiresGrad: true });
  const y = sigmoid(w), loss = sum(y);
  uploadInto(y, [5, 5]);
  const error = assertThrows(() => backward(loss), Error);
  assertStringIncludes(error.message, "changed in place");
});
