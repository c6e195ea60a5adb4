/**
 * A process that trains a little, for tests of terminals, log files and signals:
 * `deno run -A testing/small_training.ts '{"trainer": {…}, "batches": 20, "sleep": 5, "folder": "…"}'`. It prints what
 * happens to standard output; the progress bar goes to standard error.
 */
import { ModelCheckpoint, RichProgressBar } from "../callbacks/mod.ts";
import { Callback, LightningDataModule, Trainer, Tuner } from "../lightning.ts";
import { init, mean, type Tensor } from "../mod.ts";
import { writeErr } from "../platform/mod.ts";
import { constantBatches, quiet, Slope } from "./trainer.ts";

const { trainer: options, batches, sleep, folder, hang, rich, tune, after, says, tearsDown } = JSON.parse(Deno.args[0]);

await init();

class Sleepy extends Slope {
  override trainingStep(x: Tensor, batchIdx: number): Tensor | Promise<Tensor> {
    const loss = this.forward(x);
    this.log("train_loss", loss, { progBar: true });
    if (batchIdx === 2 && this.currentEpoch === 0) console.log("trains");
    if (says && batchIdx === 10) writeErr(`${says}\n`);
    if (sleep === null) return loss;
    return new Promise((resolve) => setTimeout(() => resolve(loss), hang && batchIdx === 2 ? 1e6 : sleep));
  }

  override validationStep(x: Tensor): void {
    this.log("val_loss", mean(x), { progBar: true });
  }

  override testStep(x: Tensor): void {
    this.log("test_loss", mean(x), { progBar: true });
  }

  override predictStep(x: Tensor): Tensor {
    return mean(x);
  }
}

class Tell extends Callback {
  override onTrainEnd = (): void => console.log("train end");
  override onException = (): void => console.log("exception");
  override teardown = (): void | Promise<void> => {
    console.log("teardown");
    if (tearsDown) return new Promise((resolve) => setTimeout(resolve, tearsDown));
  };
}

const callbacks: Callback[] = [new Tell()];
if (rich) callbacks.push(new RichProgressBar(rich === true ? {} : rich));
if (folder) callbacks.push(new ModelCheckpoint({ dirpath: folder, saveLast: true }));
const trainer = new Trainer({
  ...quiet,
  enableCheckpointing: folder !== undefined,
  logEveryNSteps: 1,
  ...options,
  callbacks,
});
const [batch] = constantBatches([1]);
const train = {
  length: batches,
  *[Symbol.iterator]() {
    for (let i = 0; i < batches; i++) yield batch;
  },
};
const model = new Sleepy({ lr: 0.01 });
class Sized extends LightningDataModule<Tensor> {
  batchSize = 4;
  override trainDataloader = () => train;
}
if (tune === "batch") {
  const data = new Sized();
  const size = await new Tuner(trainer).scaleBatchSize(model, data, {
    maxTrials: 50,
    maxVal: 2 ** 40,
    stepsPerTrial: 4,
  });
  console.log(`size ${size} ${data.batchSize}`);
} else if (tune) {
  await new Tuner(trainer).lrFind(model, train, { numTraining: batches, earlyStopThreshold: null });
  console.log(`rate ${model.lr}`);
} else await trainer.fit(model, { train, val: [batch] });
if (after) {
  await trainer.validate(model, [batch]);
  await trainer.test(model, [batch]);
  await trainer.predict(model, [batch]);
}
console.log(`${trainer.state} after ${trainer.globalStep}`);
