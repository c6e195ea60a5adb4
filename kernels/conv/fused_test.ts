import { assert, assertEquals } from "@std/assert";
import { add, autocast, conv2d, convTranspose2d, gelu, grad, randn, relu, sum, type Tensor, to } from "../../mod.ts";
import { testFamilies } from "../../testing/families.ts";
import { countDispatches, gpuTest } from "../../testing/gpu.ts";

/** Values of a floating tensor. */
const valuesOf = async (t: Tensor): Promise<Float32Array> => Float32Array.from(await t.data() as Float32Array);

/** Values of a tensor, and the dispatches that it took to compute it. */
async function counted(make: () => Tensor): Promise<{ values: Float32Array; dispatches: number }> {
  let y: Tensor;
  const dispatches = countDispatches(() => void (y = make()).storage.buffer);
  return { values: await valuesOf(y!), dispatches };
}

const computed = <T extends Tensor[]>(...tensors: T): T => {
  for (const t of tensors) void t.storage.buffer;
  return tensors;
};

testFamilies("what follows a convolution is computed by its kernel", async () => {
  for (
    const [x, w, options] of [
      [[2, 3, 9, 8], [6, 3, 3, 3], { padding: 1 }],
      [[2, 4, 7, 7], [5, 4, 3, 3], { stride: 2 }],
      [[2, 8, 6, 6], [12, 8, 1, 1], {}],
      [[2, 40, 24, 24], [40, 1, 3, 3], { padding: 1, groups: 40 }],
    ] as const
  ) {
    const [image, kernel, bias] = computed(randn([...x]), randn([...w]), randn([w[0]]));
    const plain = conv2d(image, kernel, { ...options, bias });
    const [residual] = computed(randn(plain.shape));
    const apart = await valuesOf(relu(add(computed(plain)[0], residual)));
    const fused = await counted(() => relu(add(conv2d(image, kernel, { ...options, bias }), residual)));
    assertEquals(fused.values, apart, `[${x}] [${w}]`);
    assertEquals(fused.dispatches, 1, `[${x}] [${w}]`);
  }
});

gpuTest("a transposed convolution takes in bias and activation, and its own values stay readable", async () => {
  const [x, w, bias] = computed(randn([2, 4, 5, 6]), randn([4, 3, 3, 3]), randn([3]));
  const y = convTranspose2d(x, w, { stride: 2, bias });
  const active = await counted(() => gelu(y));
  assertEquals(active.dispatches, 1);
  const again = await counted(() => y);
  assertEquals(again.dispatches, 0);
  assertEquals(active.values, await valuesOf(gelu(y)));
});

gpuTest("16-bit images are read and written in place", async () => {
  for (const dtype of ["f16", "bf16"] as const) {
    const [x, w, bias] = computed(
      to(randn([2, 16, 12, 12]), dtype),
      to(randn([8, 16, 3, 3]), dtype),
      to(randn([8]), dtype),
    );
    const y = await counted(() => relu(conv2d(x, w, { padding: 1, bias })));
    assertEquals(y.dispatches, 1, dtype);
    const wide = relu(conv2d(to(x, "f32"), to(w, "f32"), { padding: 1, bias: to(bias, "f32") }));
    assertEquals(y.values, await valuesOf(to(wide, dtype)));
  }
});

gpuTest("the gradients of weight and bias are made in one pass", async () => {
  const [x, dy] = computed(randn([1, 4, 6, 6]), randn([1, 5, 6, 6]));
  const w = randn([5, 4, 3, 3], { requiresGrad: true }), bias = randn([5], { requiresGrad: true });
  const [y] = computed(conv2d(x, w, { padding: 1, bias }));
  let dw: Tensor | null = null, db: Tensor | null = null;
  const dispatches = countDispatches(() => {
    [dw, db] = grad(y, [w, bias], { gradOutputs: dy });
    computed(dw!, db!);
  });
  assert(dispatches <= 2, `${dispatches} dispatches`);
  const want = await sum(dy, { dim: [0, 2, 3] }).data(), got = await db!.data();
  for (let i = 0; i < 5; i++) assert(Math.abs(got[i] - want[i]) < 1e-4, `${got[i]}, want ${want[i]}`);
});

gpuTest("under autocast a step through a convolution casts each operand once", async () => {
  const [x] = computed(randn([2, 4, 8, 8]));
  const w = randn([4, 4, 3, 3], { requiresGrad: true }), bias = randn([4], { requiresGrad: true });
  computed(w, bias);
  const y = await counted(() => autocast("bf16", () => relu(conv2d(x, w, { padding: 1, bias }))));
  assertEquals(y.dispatches, 3);
});
