/** Operations on rows: softmax, layer normalisation, cross-entropy, sums. Bytes are those of one read and one write. */
import { crossEntropy, grad, layerNorm, ones, randint, randn, softmax, sum } from "../mod.ts";
import { bench, compute } from "./_time.ts";

const rows = 4096, cols = 512, bytes = rows * cols * 4;

await bench("softmax", `softmax, ${rows}×${cols}`, { bytes: 2 * bytes }, () => {
  const x = randn([rows, cols]);
  compute(x);
  return () => compute(softmax(x, { dim: -1 }));
});

await bench("softmax", `softmax forward and backward, ${rows}×${cols}`, { bytes: 5 * bytes }, () => {
  const x = randn([rows, cols], { requiresGrad: true }), dy = randn([rows, cols]);
  compute(x, dy);
  return () => compute(...grad(softmax(x, { dim: -1 }), x, { gradOutputs: dy }));
});

await bench("layerNorm", `layerNorm, ${rows}×${cols}`, { bytes: 2 * bytes }, () => {
  const x = randn([rows, cols]), weight = ones([cols]), bias = randn([cols]);
  compute(x, weight, bias);
  return () => compute(layerNorm(x, { normalizedShape: [cols], weight, bias }));
});

await bench("layerNorm", `layerNorm forward and backward, ${rows}×${cols}`, { bytes: 5 * bytes }, () => {
  const leaf = { requiresGrad: true };
  const x = randn([rows, cols], leaf),
    weight = ones([cols], leaf),
    bias = randn([cols], leaf),
    dy = randn([rows, cols]);
  compute(x, weight, bias, dy);
  return () =>
    compute(...grad(layerNorm(x, { normalizedShape: [cols], weight, bias }), [x, weight, bias], { gradOutputs: dy }));
});

await bench("crossEntropy", "crossEntropy and its gradient, 1024×1000", { bytes: 3 * 1024 * 1000 * 4 }, () => {
  const x = randn([1024, 1000], { requiresGrad: true }), labels = randint(0, 1000, [1024]);
  compute(x, labels);
  return () => compute(...grad(crossEntropy(x, labels), x));
});

await bench("reduce", `sum over rows, ${rows}×${cols}`, { bytes }, () => {
  const x = randn([rows, cols]);
  compute(x);
  return () => compute(sum(x, { dim: 0 }));
});

await bench("reduce", `sum over columns, ${rows}×${cols}`, { bytes }, () => {
  const x = randn([rows, cols]);
  compute(x);
  return () => compute(sum(x, { dim: 1 }));
});
