import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AnomalyError, Trainer, type TrainerOptions } from "../lightning.ts";
import { log, mean, mul, sqrt, type Tensor } from "../mod.ts";
import { observing } from "../tensor/observer.ts";
import { cloudLoader, constantBatches, Net, quiet, Slope, trainerTest } from "../testing/trainer.ts";

const detect: TrainerOptions = { ...quiet, maxEpochs: 1, detectAnomaly: true };

/** Trains with a loss, and gives the error. */
async function anomaly(
  loss: (weight: Tensor, x: Tensor) => Tensor,
  batches = [1, 2],
  start = 0,
): Promise<AnomalyError> {
  class Given extends Slope {
    override trainingStep(x: Tensor): Tensor {
      return loss(this.weight, x);
    }
  }
  const fit = () => new Trainer(detect).fit(new Given({ start }), constantBatches(batches));
  const error = await assertRejects(fit, AnomalyError);
  assertEquals(observing.by, null);
  return error;
}

trainerTest("the operation that makes the first NaN is named, with its shapes", async () => {
  const error = await anomaly((weight, x) => mean(mul(log(x.sub(1.5)), weight)));
  assertEquals(error.op, "log");
  assertEquals(
    error.message,
    "Cannot go on training: in batch 0 the first NaN was made by log in forward, shape [2], given [2]",
  );
  const later = await anomaly((weight, x) => mean(mul(log(x), weight)), [1, -2]);
  assertStringIncludes(later.message, "in batch 1 the first NaN was made by log");
});

trainerTest("in backward it is named, too, with the operation that is differentiated", async () => {
  // The root of 0 has no slope: 0 · ∞.
  const error = await anomaly((weight, x) => mean(mul(sqrt(weight).mul(0), x)));
  assertStringIncludes(error.message, "in the gradient of sqrt");
});

trainerTest("a NaN that was there before is told from one that was made", async () => {
  assertStringIncludes(
    (await anomaly((weight, x) => mean(mul(x, weight)), [NaN])).message,
    "was there before: a tensor of shape [2]",
  );
  const broken = await anomaly((weight, x) => mean(mul(x, weight)), [1], NaN);
  assertStringIncludes(broken.message, "was there before: the parameter weight is input");
  const update = await anomaly((weight, x) => mean(mul(x, weight)), [Infinity, 1, 1], 1);
  assert(update.message.includes("in batch"), update.message);
});

trainerTest("sound training ends as without it", async () => {
  const values: number[] = [];
  for (const detectAnomaly of [false, true]) {
    const module = new Slope({ start: 3, lr: 0.125 });
    await new Trainer({ ...detect, detectAnomaly }).fit(module, constantBatches([1, 2, 3]));
    values.push(await module.value());
  }
  assertEquals(values[0], values[1]);
  await new Trainer({ ...detect, compile: true }).fit(new Net(), cloudLoader(8, { batchSize: 4 } as never));
});
