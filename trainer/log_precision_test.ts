// What is logged adds up in f32, whatever the module computes in.
import { assertEquals } from "@std/assert";
import { type PrecisionName, Trainer } from "../lightning.ts";
import { MeanMetric, MeanSquaredError, Metric } from "../metrics/mod.ts";
import { mean, mul, ones, sum, type Tensor, to, zeros } from "../mod.ts";
import { constantBatches, quiet, Slope, trainerTest } from "../testing/trainer.ts";

/** 100 and 300 by turns: their sum is beyond f16, and 16 bits stop counting long before it. */
const VALUES = Array.from({ length: 400 }, (_, i) => i % 2 === 0 ? 100 : 300);
const LOGGED = { mean: 200, count: 400, most: 300, right: 400 };

/** Adds up as users write it. */
class Total extends Metric<[x: Tensor]> {
  constructor() {
    super();
    this.addState("total", () => zeros([]), "sum");
  }
  protected override accumulate(x: Tensor): void {
    this.join("total", sum(x));
  }
  protected override result(): Tensor {
    return this.state("total");
  }
}

/** Logs the mean of the batch, ones and truths, in the type of its weight. */
class Logging extends Slope {
  readonly average = new MeanMetric();
  readonly error = new MeanSquaredError();
  readonly total = new Total();
  readonly types = new Set<string>();

  logAll(x: Tensor): void {
    const options = { onStep: false, onEpoch: true }, value = mean(x), one = to(ones([]), this.weight.dtype);
    this.types.add(value.dtype).add(one.dtype);
    this.log("mean", value, options);
    this.log("count", one, { ...options, reduceFx: "sum" });
    this.log("most", value, { ...options, reduceFx: "max" });
    this.log("right", one.gt(0), { ...options, reduceFx: "sum" });
  }

  override trainingStep(x: Tensor): Tensor {
    this.logAll(x);
    return mul(this.forward(x), 0);
  }
}

class Evaluated extends Logging {
  override validationStep(x: Tensor): void {
    this.logAll(x);
    const value = mean(x);
    this.average.update(value);
    this.error.update(value, mul(value, 0));
    this.total.update(value);
    this.log("average", this.average);
    this.log("error", this.error);
    this.log("total", this.total);
  }
}

for (const [precision, dtype] of [["bf16-true", "bf16"], ["16-true", "f16"]] as [PrecisionName, string][]) {
  for (const compile of [false, true]) {
    trainerTest(`${precision}: an epoch's logged values are exact${compile ? ", compiled" : ""}`, async () => {
      const module = new Logging(), trainer = new Trainer({ ...quiet, maxEpochs: 1, precision, compile });
      await trainer.fit(module, constantBatches(VALUES));
      assertEquals(trainer.callbackMetrics, LOGGED);
      assertEquals([...module.types], [dtype]);
    });
  }

  trainerTest(`${precision}: an evaluation's logged values and metrics are exact`, async () => {
    const module = new Evaluated(), trainer = new Trainer({ ...quiet, precision });
    const [values] = await trainer.validate(module, { val: constantBatches(VALUES) });
    assertEquals(values, { ...LOGGED, average: 200, error: 50000, total: 80000 });
    for (const metric of [module.average, module.error, module.total]) {
      metric.to(dtype as "f16");
      for (const state of metric.stateDict().values()) assertEquals(["f32", "i32"].includes(state.dtype), true);
    }
  });
}
