/** Matrix products, among them the shapes of dense layers and of attention. */
import { matmul, randn, transpose } from "../mod.ts";
import { bench, compute } from "./_time.ts";

for (const [m, k, n] of [[256, 256, 256], [512, 512, 512], [1024, 1024, 1024], [128, 784, 256], [8, 4096, 8]]) {
  await bench("matmul", `${m}×${k} · ${k}×${n}`, { flops: 2 * m * k * n }, () => {
    const a = randn([m, k]), b = randn([k, n]);
    compute(a, b);
    return () => compute(matmul(a, b));
  });
}

await bench("matmul", "512×512 · (512×512)ᵀ", { flops: 2 * 512 ** 3 }, () => {
  const a = randn([512, 512]), b = randn([512, 512]);
  compute(a, b);
  return () => compute(matmul(a, transpose(b, 0, 1)));
});

await bench("matmul", "16 × (64×64 · 64×64)", { flops: 2 * 16 * 64 ** 3 }, () => {
  const a = randn([16, 64, 64]), b = randn([16, 64, 64]);
  compute(a, b);
  return () => compute(matmul(a, b));
});
