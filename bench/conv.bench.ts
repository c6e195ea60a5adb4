/** Convolutions: forward, the gradient of the input, the gradient of the weights. */
import { conv2d, type Conv2dOptions, grad, randn } from "../mod.ts";
import { bench, compute } from "./_time.ts";

/** Name, images, weights, options. */
const sizes: readonly (readonly [name: string, x: number[], w: number[], options: Conv2dOptions])[] = [
  ["3×3, 8×32×32×32 → 64", [8, 32, 32, 32], [64, 32, 3, 3], { padding: 1 }],
  ["3×3 stride 2, 8×32×32×32 → 64", [8, 32, 32, 32], [64, 32, 3, 3], { padding: 1, stride: 2 }],
  ["1×1, 8×32×32×32 → 64", [8, 32, 32, 32], [64, 32, 1, 1], {}],
  ["5×5, 64×1×28×28 → 6", [64, 1, 28, 28], [6, 1, 5, 5], { padding: 2 }],
  ["5×5, 64×6×14×14 → 16", [64, 6, 14, 14], [16, 6, 5, 5], {}],
  ["7×7 stride 2, 1×3×224×224 → 64", [1, 3, 224, 224], [64, 3, 7, 7], { padding: 3, stride: 2 }],
  ["3×3 depthwise, 8×64×32×32", [8, 64, 32, 32], [64, 1, 3, 3], { padding: 1, groups: 64 }],
];

for (const [name, images, weights, options] of sizes) {
  const stride = options.stride as number ?? 1, padding = options.padding as number ?? 0;
  const size = (axis: 2 | 3) => Math.floor((images[axis] + 2 * padding - weights[axis]) / stride) + 1;
  const result = [images[0], weights[0], size(2), size(3)];
  const flops = 2 * result.reduce((a, b) => a * b, 1) * weights[1] * weights[2] * weights[3];
  await bench(`conv2d ${name}`, `${name}, forward`, { flops }, () => {
    const x = randn(images), w = randn(weights);
    compute(x, w);
    return () => compute(conv2d(x, w, options));
  });
  for (const wanted of ["input", "weights"] as const) {
    await bench(`conv2d ${name}`, `${name}, gradient of the ${wanted}`, { flops }, () => {
      const x = randn(images, { requiresGrad: wanted === "input" });
      const w = randn(weights, { requiresGrad: wanted === "weights" });
      const dy = randn(result);
      compute(x, w, dy);
      const y = conv2d(x, w, options);
      return () => compute(...grad(y, wanted === "input" ? x : w, { gradOutputs: dy, retainGraph: true }));
    });
  }
}
