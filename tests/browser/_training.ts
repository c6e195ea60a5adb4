/**
 * A short training of the MNIST example that the browser tests run in a page and headless; it names nothing of a host.
 */
import { fetchDigits, loaderOf } from "../../examples/browser/digits.ts";
import { LitConvNet } from "../../examples/mnist/model.ts";
import { device, init } from "../../device/mod.ts";
import { seedEverything, Trainer } from "../../lightning.ts";

/** How a training went. */
export interface TrainingReport {
  adapter: string;
  /** The loss of each step. */
  losses: number[];
  milliseconds: number;
}

/**
 * Trains {@link LitConvNet} for some steps on the digits that `origin` serves: the same seed, data, order and dropout
 * wherever it runs.
 */
export async function trainSteps(
  origin: string,
  { steps, seed }: { steps: number; seed: number },
): Promise<TrainingReport> {
  await init();
  const set = await fetchDigits("train", origin);
  seedEverything(seed);
  const losses: number[] = [];
  const trainer = new Trainer({
    maxSteps: steps,
    limitValBatches: 0,
    logEveryNSteps: 1,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    logger: {
      name: "losses",
      version: "0",
      logDir: null,
      logMetrics(metrics) {
        if (metrics.train_loss !== undefined) losses.push(metrics.train_loss);
      },
    },
  });
  const start = performance.now();
  await trainer.fit(new LitConvNet(), { train: loaderOf(set, { batchSize: 32, shuffle: true }) });
  return { adapter: device().info.adapter, losses, milliseconds: performance.now() - start };
}
