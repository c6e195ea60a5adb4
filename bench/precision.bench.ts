/**
 * Bytes on the device in each precision, predicted from shapes and measured: `deno run -A bench/precision.bench.ts`.
 *
 * The model is three linear layers with ReLU between, trained with Adam on one batch; numbers are MiB.
 */
import { backward, crossEntropy, device, init, randn, scope, type Tensor, tensor } from "../mod.ts";
import { Adam } from "../optim/mod.ts";
import type { PrecisionName } from "../trainer/mod.ts";
import { Precision } from "../trainer/precision.ts";
import { Mlp } from "./_models.ts";

const BATCH = 2048, SIZES = [64, 256, 256, 10];

/** Bytes by part, from shapes alone. */
function predicted(name: PrecisionName): Record<string, number> {
  const weights = SIZES.slice(1).map((size, i) => (SIZES[i] + 1) * size);
  const parameters = weights.reduce((sum, n) => sum + n, 0);
  const hidden = BATCH * (SIZES[1] + SIZES[2]), input = BATCH * SIZES[0];
  const stored = name === "16-true" || name === "bf16-true" ? 2 : 4;
  const computed = name === "32-true" ? 4 : 2;
  // Backward reads what each layer was given; in mixed modes also the rounded weights and the rounded input.
  const rounded = name.endsWith("mixed") ? 2 * (parameters + input) : 0;
  return {
    parameters: stored * parameters,
    activations: computed * hidden + rounded,
    gradients: stored * parameters,
    // Two moments, in the type of the parameters; but f32 where those are f16.
    optimizer: (name === "bf16-true" ? 4 : 8) * parameters,
  };
}

async function measured(name: PrecisionName): Promise<Record<string, number>> {
  const live = async () => (await device().sync(), device().memory().liveBytes);
  const precision = new Precision(name);
  const start = await live();
  const model = new Mlp(SIZES);
  precision.convert(model);
  for (const p of model.parameters()) void p.storage.buffer;
  const built = await live();
  const optimizer = new Adam(model.parameters());
  const result: Record<string, number> = { parameters: built - start };
  await scope(async () => {
    const x = precision.input(randn([BATCH, SIZES[0]])) as Tensor;
    const y = tensor(new Int32Array(BATCH));
    void x.storage.buffer;
    const before = await live();
    const loss = scope(() => precision.forward(() => crossEntropy(model.forward(x), y)));
    void loss.storage.buffer;
    result.activations = await live() - before;
    const scaled = precision.scale(loss);
    const graph = await live();
    backward(scaled);
    for (const { grad } of model.parameters()) void grad!.storage.buffer;
    result.gradients = await live() - graph + result.activations;
    const detach = precision.attach([optimizer]);
    const stepping = await live();
    optimizer.step();
    detach();
    result.optimizer = await live() - stepping;
  });
  optimizer.zeroGrad();
  for (const owner of [optimizer, model, precision]) owner.dispose();
  return result;
}

await init();
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(2).padStart(8);
const parts = ["parameters", "activations", "gradients", "optimizer"];
console.log(`| MiB, predicted / measured | ${parts.join(" | ")} |\n| --- |${" --- |".repeat(parts.length)}`);
for (const name of ["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"] as const) {
  const want = predicted(name), got = await measured(name);
  console.log(`| ${name} | ${parts.map((part) => `${mib(want[part])} / ${mib(got[part])}`).join(" | ")} |`);
}
