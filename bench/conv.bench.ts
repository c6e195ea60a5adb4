/** Convolutions: forward, the gradient of the input, the gradient of the weights. */
import { conv2d, grad, randn } from "../mod.ts";
import { bench, compute } from "./_time.ts";

const [n, c, size, k] = [8, 32, 32, 64];
const flops = 2 * n * k * size * size * c * 9;

await bench("conv2d", `3×3 forward, ${n}×${c}×${size}×${size} → ${k}`, { flops }, () => {
  const x = randn([n, c, size, size]), w = randn([k, c, 3, 3]);
  compute(x, w);
  return () => compute(conv2d(x, w, { padding: 1 }));
});

for (const [name, index] of [["input", 0], ["weights", 1]] as const) {
  await bench("conv2d", `3×3 gradient of the ${name}`, { flops }, () => {
    const x = randn([n, c, size, size], { requiresGrad: index === 0 });
    const w = randn([k, c, 3, 3], { requiresGrad: index === 1 });
    const dy = randn([n, k, size, size]);
    compute(x, w, dy);
    const y = conv2d(x, w, { padding: 1 });
    return () => compute(...grad(y, index === 0 ? x : w, { gradOutputs: dy, retainGraph: true }));
  });
}

await bench("conv2d", `1×1 forward, ${n}×${c}×${size}×${size} → ${k}`, { flops: flops / 9 }, () => {
  const x = randn([n, c, size, size]), w = randn([k, c, 1, 1]);
  compute(x, w);
  return () => compute(conv2d(x, w));
});

await bench("conv2d", "5×5 forward, 64×1×28×28 → 6", { flops: 2 * 64 * 6 * 28 * 28 * 25 }, () => {
  const x = randn([64, 1, 28, 28]), w = randn([6, 1, 5, 5]);
  compute(x, w);
  return () => compute(conv2d(x, w, { padding: 2 }));
});
