import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Callback, Trainer } from "../lightning.ts";
import { mean, mul, type Tensor } from "../mod.ts";
import { LBFGS, type Optimizer } from "../optim/mod.ts";
import { constantBatches, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";

trainerTest("an optimizer that measures the loss several times a step is trained with, too", async () => {
  class Bowl extends Slope {
    measured = 0;
    override trainingStep(x: Tensor): Tensor {
      this.measured++;
      const away = this.weight.sub(2), loss = mean(mul(mul(away, away), x)).add(1);
      this.log("loss", loss);
      return loss;
    }
    override configureOptimizers(): Optimizer {
      return own(new LBFGS(this.parameters(), { lineSearchFn: "strong_wolfe" }));
    }
  }
  const losses: number[] = [];
  class Keep extends Callback {
    override async onTrainBatchEnd(...[, , outputs]: Parameters<NonNullable<Callback["onTrainBatchEnd"]>>) {
      losses.push(await (outputs as Tensor).item());
    }
  }
  const module = new Bowl({ start: 5 });
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: new Keep() });
  await trainer.fit(module, constantBatches([1, 1]));
  assertAlmostEquals(await module.value(), 2, 1e-5);
  assertEquals(trainer.globalStep, 2);
  assert(module.measured > 2, `${module.measured} measurements`);
  assertEquals(losses[0], 10); // the loss before the step
  assertAlmostEquals(losses[1], 1, 1e-5);
  await assertRejects(
    () => new Trainer({ ...quiet, maxEpochs: 1, accumulateGradBatches: 2 }).fit(new Bowl(), constantBatches([1, 1])),
    RangeError,
    "Cannot use accumulateGradBatches with LBFGS: it measures the loss of one batch several times, accumulateGradBatches is 2",
  );
});
