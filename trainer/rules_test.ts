/** Rules of the trainer's options and properties that are seen in no other test alone. */
import { assertEquals, assertRejects } from "@std/assert";
import { EarlyStopping, LambdaCallback, LearningRateFinder, ModelCheckpoint, Timer } from "../callbacks/mod.ts";
import { Callback, Trainer, type TrainerOptions } from "../lightning.ts";
import { enableGrad, mean, type Tensor } from "../mod.ts";
import { written } from "../testing/stderr.ts";
import { cloudLoader, constantBatches, Net, type Points, quiet, Slope, trainerTest } from "../testing/trainer.ts";

class Validates extends Slope {
  override validationStep(x: Tensor): void {
    this.log("v", mean(x));
  }
}

Deno.test("every option has Lightning's default", () => {
  const all = { fraction: 1 };
  assertEquals(new Trainer().options, {
    maxEpochs: null,
    minEpochs: null,
    maxSteps: -1,
    minSteps: null,
    limitTrainBatches: all,
    limitValBatches: all,
    limitTestBatches: all,
    limitPredictBatches: all,
    overfitBatches: 0,
    reloadDataloadersEveryNEpochs: 0,
    maxTime: null,
    fastDevRun: false,
    valCheckInterval: all,
    checkValEveryNEpoch: 1,
    validateAtStart: false,
    numSanityValSteps: 2,
    accumulateGradBatches: 1,
    gradientClipVal: null,
    gradientClipAlgorithm: "norm",
    detectAnomaly: false,
    deterministic: false,
    benchmark: false,
    inferenceMode: true,
    logEveryNSteps: 50,
    logger: true,
    callbacks: [],
    enableCheckpointing: true,
    enableProgressBar: true,
    enableModelSummary: true,
    enableAutologHparams: true,
    profiler: null,
    barebones: false,
    precision: "32-true",
    compile: false,
    defaultRootDir: ".",
    lightningCompat: false,
  });
});

Deno.test("benchmark is refused where a run must repeat, and told of where it should", async () => {
  const told = (deterministic: TrainerOptions["deterministic"], benchmark: boolean) =>
    written(() => Promise.resolve(void new Trainer({ ...quiet, deterministic, benchmark })));
  await assertRejects(() => told(true, true), TypeError, "benchmark must be false with deterministic: true");
  assertEquals([await told("warn", false), await told(true, false), await told(false, true)], [[], [], []]);
  assertEquals(await told("warn", true), [
    "Warning: with benchmark a run need not repeat bit for bit, since what is fastest differs from run to run",
  ]);
});

Deno.test("epochs are 1000 unless told, and without end where steps, a time or a Timer end training", () => {
  const epochs = (options: TrainerOptions) => new Trainer({ ...quiet, ...options }).maxEpochs;
  const timer = () => new Timer({ duration: 60 });
  assertEquals([epochs({}), epochs({ maxEpochs: 7 }), epochs({ maxEpochs: 0 })], [1000, 7, 0]);
  assertEquals([epochs({ maxSteps: 5 }), epochs({ maxTime: { minutes: 1 } }), epochs({ callbacks: timer() })], [
    Infinity,
    Infinity,
    Infinity,
  ]);
  assertEquals([epochs({ maxEpochs: -1 }), epochs({ maxEpochs: 3, maxSteps: 5, callbacks: timer() })], [Infinity, 3]);
});

trainerTest("a stop is held back until the least epochs and the least steps are both there", async () => {
  class Stop extends Slope {
    override trainingStep(x: Tensor): Tensor {
      this.trainer.shouldStop = true;
      return this.forward(x);
    }
  }
  const steps = async (options: TrainerOptions) => {
    const trainer = new Trainer({ ...quiet, maxEpochs: 9, ...options });
    await trainer.fit(new Stop(), constantBatches([1, 1, 1, 1]));
    return trainer.globalStep;
  };
  assertEquals(await steps({ minEpochs: 1, minSteps: 6 }), 6);
  assertEquals(await steps({ minEpochs: 2, minSteps: 3 }), 8);
});

trainerTest("time ends training after the batch in which it is up", async () => {
  const times = [[0.02, 1], [{ minutes: 0.02 / 60 }, 1], ["00:00:00:00", 0], [3600, 3]] as const;
  const callbacks = new LambdaCallback({
    onTrainBatchStart: () => new Promise((resolve) => setTimeout(resolve, 30)),
  });
  for (const [maxTime, steps] of times) {
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, maxTime, callbacks });
    await written(() => trainer.fit(new Slope(), constantBatches([1, 1, 1])));
    assertEquals([trainer.globalStep, trainer.state], [steps, "finished"]);
  }
});

trainerTest("limits are per loader; overfitBatches takes their place, and the order of both loaders", async () => {
  const seen: string[] = [];
  class Sees extends Net {
    override trainingStep(batch: Points): Tensor {
      seen.push("train");
      return super.trainingStep(batch);
    }
    override validationStep(_batch: Points, batchIdx = 0, dataloaderIdx = 0): void {
      seen.push(`${dataloaderIdx}.${batchIdx}`);
    }
  }
  const loader = (count: number) => cloudLoader(2 * count, { batchSize: 2, shuffle: true });
  const fit = async (options: TrainerOptions) => {
    const val = { a: loader(3), b: loader(1) };
    await new Trainer({ ...quiet, maxEpochs: 1, ...options }).fit(new Sees(), { train: loader(5), val });
    return seen.splice(0);
  };
  assertEquals(await fit({ limitTrainBatches: 1, limitValBatches: 2 }), ["train", "0.0", "0.1", "1.0"]);
  const overfit = { overfitBatches: 2, limitTrainBatches: 4, limitValBatches: 0 };
  const lines = await written(async () => assertEquals(await fit(overfit), ["train", "train", "0.0", "0.1", "1.0"]));
  assertEquals(lines.map((line) => line.match(/the (\w+) loader in order/)?.[1]), ["training", "validation"]);
  await assertRejects(() => fit({ limitValBatches: 0.4 }), RangeError, "0.4 of 1 batches is less than one");
});

trainerTest("fastDevRun overrules what would be longer, rarer, or tried, saved and stopped by callbacks", async () => {
  const callbacks = [
    ...[new LearningRateFinder(), new EarlyStopping({ monitor: "none" }), new ModelCheckpoint({ monitor: "none" })],
    new LambdaCallback({ onSanityCheckStart: () => Promise.reject(new Error("a trial")) }),
  ];
  const options = { maxEpochs: 9, valCheckInterval: 5, checkValEveryNEpoch: 3, limitTestBatches: 7, callbacks };
  const trainer = new Trainer({ ...quiet, numSanityValSteps: 2, fastDevRun: 2, ...options, logger: true });
  const many = constantBatches([1, 1, 1, 1]);
  await trainer.fit(new Validates(), { train: many, val: many });
  assertEquals([trainer.globalStep, trainer.numValBatches, trainer.callbackMetrics], [2, [2], { v: 1 }]);
  assertEquals(trainer.options.limitTestBatches, 2);
});

trainerTest("validation within fit can differentiate, whatever inferenceMode says", async () => {
  for (const inferenceMode of [true, false]) {
    const wants: boolean[] = [];
    class Asks extends Slope {
      override validationStep(): void {
        wants.push(this.weight.mul(2).requiresGrad, enableGrad(() => this.weight.mul(2)).requiresGrad);
      }
    }
    const data = { train: constantBatches([1]), val: constantBatches([1]) };
    await new Trainer({ ...quiet, maxEpochs: 1, inferenceMode }).fit(new Asks(), data);
    assertEquals(wants, [false, true]);
  }
});

trainerTest("a validation within an epoch shows what training has logged until then", async () => {
  class Logs extends Validates {
    override trainingStep(x: Tensor): Tensor {
      this.log("loss", mean(x), { onStep: true, onEpoch: true });
      return this.forward(x);
    }
  }
  const seen: number[][] = [], data = { train: constantBatches([1, 2, 3, 8]), val: constantBatches([1]) };
  const look = new LambdaCallback({
    onValidationEnd: ({ callbackMetrics: { loss, loss_step }, metricSteps }) =>
      void seen.push([loss, loss_step, metricSteps.loss]),
  });
  for (const monitor of ["loss", "loss_step"]) {
    const stopping = new EarlyStopping({ monitor, mode: "max" });
    await new Trainer({ ...quiet, maxEpochs: 1, valCheckInterval: 2, callbacks: [look, stopping] }).fit(
      new Logs(),
      data,
    );
    assertEquals(seen.splice(0), [[1.5, 2, 2], [3.5, 8, 4]]);
    assertEquals(stopping.bestScore, monitor === "loss" ? 3.5 : 8);
  }
});

trainerTest("the last batch is known in it, also of a loader that does not know its length", async () => {
  const unknown = {
    *[Symbol.iterator]() {
      yield* constantBatches([1, 1, 1]);
    },
  };
  for (const train of [constantBatches([1, 1, 1]), unknown]) {
    for (const [limitTrainBatches, wanted] of [[{ fraction: 1 }, [false, false, true]], [2, [false, true]]] as const) {
      const last: boolean[] = [];
      const callbacks = new LambdaCallback({ onTrainBatchStart: (trainer) => void last.push(trainer.isLastBatch) });
      await new Trainer({ ...quiet, maxEpochs: 1, limitTrainBatches, callbacks }).fit(new Slope(), train);
      assertEquals(last, [...wanted]);
    }
  }
});

trainerTest("loaders are told the epoch before it is walked, those of validation, too", async () => {
  const told: string[] = [];
  const loader = (name: string) => ({
    setEpoch: (epoch: number) => void told.push(`${name} ${epoch}`),
    *[Symbol.iterator]() {
      told.push(name);
      yield* constantBatches([1]);
    },
  });
  const data = { train: loader("train"), val: loader("val") };
  await new Trainer({ ...quiet, maxEpochs: 2 }).fit(new Validates(), data as never);
  const epoch = (n: number) => [`train ${n}`, "train", `val ${n}`, "val"];
  assertEquals(told.filter((call, i) => call !== told[i - 1]), ["val 0", ...epoch(0), ...epoch(1)]);
});

trainerTest(
  "what a step returned is told at the end of its batch, with the batch's number and its loader's",
  async () => {
    class Returns extends Slope {
      override validationStep = (_x: Tensor, batchIdx: number, loader: number) => `validated ${loader}.${batchIdx}`;
      override testStep = (_x: Tensor, batchIdx: number, loader: number) => `tested ${loader}.${batchIdx}`;
      override predictStep = (_x: Tensor, batchIdx: number, loader: number) => `predicted ${loader}.${batchIdx}`;
    }
    const told: string[] = [];
    const tell = (_t: unknown, _m: unknown, outputs: unknown, _batch: unknown, batchIdx: number, loader: number) =>
      void told.push(`${outputs} ${loader}.${batchIdx}`);
    const callbacks = new LambdaCallback({ onValidationBatchEnd: tell, onTestBatchEnd: tell, onPredictBatchEnd: tell });
    for (const [entry, kind] of [["validate", "val"], ["test", "test"], ["predict", "predict"]] as const) {
      const data = { [kind]: { a: constantBatches([1, 1]), b: constantBatches([1]) } };
      await new Trainer({ ...quiet, callbacks })[entry](new Returns(), data);
      const done = entry === "test" ? "tested" : `${entry}${entry === "predict" ? "ed" : "d"}`;
      assertEquals(told.splice(0), ["0.0", "0.1", "1.0"].map((at) => `${done} ${at} ${at}`));
    }
  },
);

trainerTest("hooks are looked up once, and those that nobody has are called for nobody (D13)", async () => {
  let looks = 0;
  class Looked extends Callback {}
  const callbacks = new Looked();
  Object.defineProperty(callbacks, "onTrainBatchEnd", { get: () => (looks++, () => {}) });
  await new Trainer({ ...quiet, maxEpochs: 2, callbacks }).fit(new Slope(), constantBatches([1, 1, 1]));
  assertEquals(looks, 1);
});

trainerTest("gradients are freed before a validation, unless a window is open", async () => {
  const at: number[] = [];
  class Frees extends Validates {
    override onValidationModelZeroGrad(): void {
      at.push(this.trainer.batchesSeen);
    }
  }
  const options = { maxEpochs: 1, accumulateGradBatches: 2, valCheckInterval: 1 };
  const data = { train: constantBatches([1, 1, 1]), val: constantBatches([1]) };
  await new Trainer({ ...quiet, ...options }).fit(new Frees(), data);
  assertEquals(at, [2, 3]);
});
