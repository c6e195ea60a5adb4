import { type Module, StatisticsNorm } from "../nn/mod.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Measures the statistics of batch normalisation anew, each batch with the same weight: for weights that were averaged,
 * which never saw a batch (PyTorch's `swa_utils.update_bn`). Momenta and the mode stay as they were.
 *
 * @param batches A loader, or anything that gives batches
 * @param model The model, with the weights to measure; see {@link AveragedModel.swap}
 * @param forward How a batch is run; default: `model.forward` of the batch, or of the first of a list
 * @throws {TypeError} If a batch is neither a tensor nor a list that begins with one, and `forward` is missing
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { BatchNorm1d } from "@fulgurite/core/nn";
 * import { updateBn } from "@fulgurite/core/optim";
 *
 * await init();
 * const model = new BatchNorm1d(4);
 * await updateBn([randn([64, 4]), randn([64, 4])], model);
 * console.log(await model.numBatchesTracked!.item()); // 2
 * ```
 */
export async function updateBn<B>(
  batches: Iterable<B> | AsyncIterable<B>,
  model: Module,
  forward: (batch: B) => unknown = (batch) => runFirst(model, batch),
): Promise<void> {
  const layers = [...model.modules()].filter((m): m is StatisticsNorm => m instanceof StatisticsNorm);
  if (layers.length === 0) return;
  const modes = [...model.modules()].map((m) => [m, m.training] as const), momenta = layers.map((m) => m.momentum);
  try {
    model.train();
    for (const layer of layers) {
      layer.resetRunningStats();
      layer.momentum = null;
    }
    for await (const batch of batches) scope(() => noGrad(() => void forward(batch)));
  } finally {
    layers.forEach((layer, i) => layer.momentum = momenta[i]);
    for (const [module, training] of modes) module.training = training;
  }
}

function runFirst(model: Module, batch: unknown): void {
  const input: unknown = Array.isArray(batch) ? batch[0] : batch;
  if (!(input instanceof Tensor)) {
    throw new TypeError(
      "Cannot measure in updateBn: a batch must be a tensor or a list that begins with one, give a function that runs others",
    );
  }
  (model as Module<[x: Tensor]>).forward(input);
}
