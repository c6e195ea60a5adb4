/** Matrix products: square, those of dense layers and of attention, long sums, other types, and gradients. */
import { grad, matmul, randn, to, transpose } from "../mod.ts";
import { bench, compute } from "./_time.ts";

/** Batch, rows, inner size, columns. */
const sizes: readonly (readonly [batch: number, m: number, k: number, n: number])[] = [
  [1, 256, 256, 256],
  [1, 512, 512, 512],
  [1, 1024, 1024, 1024],
  [1, 509, 509, 509],
  [1, 128, 784, 256],
  [1, 8, 4096, 8],
  [1, 1, 2048, 4096],
  [16, 64, 64, 64],
  [32, 128, 64, 128],
];

for (const [batch, m, k, n] of sizes) {
  const lead = batch > 1 ? [batch] : [];
  await bench(
    "matmul",
    `${batch > 1 ? `${batch} × ` : ""}${m}×${k} · ${k}×${n}`,
    { flops: 2 * batch * m * k * n },
    () => {
      const a = randn([...lead, m, k]), b = randn([...lead, k, n]);
      compute(a, b);
      return () => compute(matmul(a, b));
    },
  );
}

const flops = 2 * 512 ** 3;

await bench("matmul", "512×512 · (512×512)ᵀ", { flops }, () => {
  const a = randn([512, 512]), b = randn([512, 512]);
  compute(a, b);
  return () => compute(matmul(a, transpose(b, 0, 1)));
});

await bench("matmul", "512×512 · 512×512 in f16", { flops }, () => {
  const a = to(randn([512, 512]), "f16"), b = to(randn([512, 512]), "f16");
  compute(a, b);
  return () => compute(matmul(a, b));
});

await bench("matmul", "both gradients of 512×512 · 512×512", { flops: 2 * flops }, () => {
  const a = randn([512, 512], { requiresGrad: true }), b = randn([512, 512], { requiresGrad: true });
  const dy = randn([512, 512]);
  compute(a, b, dy);
  const y = matmul(a, b);
  return () => compute(...grad(y, [a, b], { gradOutputs: dy, retainGraph: true }));
});
