import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Trainer, type TrainerOptions } from "../lightning.ts";
import { Parameter } from "../nn/mod.ts";
import { zeros } from "../mod.ts";
import { Adam, SGD } from "../optim/mod.ts";
import { constantBatches, MemoryLogger, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { GradientAccumulationScheduler, LambdaCallback, LearningRateMonitor, Timer, type TimerOptions } from "./mod.ts";

async function fit(options: TrainerOptions, module = new Slope()): Promise<Trainer> {
  const trainer = new Trainer({ ...quiet, maxEpochs: 3, ...options });
  await trainer.fit(module, constantBatches([1, 1, 1, 1]));
  return trainer;
}

trainerTest("accumulation changes with the epochs", async () => {
  const trainer = await fit({ callbacks: new GradientAccumulationScheduler({ 1: 2, 2: 4 }) });
  assertEquals(trainer.globalStep, 4 + 2 + 1);
  const twice = { accumulateGradBatches: 2, callbacks: new GradientAccumulationScheduler({ 1: 2 }) };
  await assertRejects(() => fit(twice), RangeError, "accumulateGradBatches must be 1 beside it, got 2");
});

for (const unknownLength of [false, true]) {
  trainerTest(`a scheduled window averages as one by the option, unknown length: ${unknownLength}`, async () => {
    const weightAfter = async (options: TrainerOptions) => {
      const module = new Slope(), batches = constantBatches([1, 1, 1, 1, 1, 1]);
      const train = unknownLength ? { [Symbol.iterator]: () => batches.values() } : batches;
      await new Trainer({ ...quiet, maxEpochs: 1, ...options }).fit(module, train);
      return await module.value();
    };
    const wanted = await weightAfter({ accumulateGradBatches: 4 });
    assertEquals(await weightAfter({ callbacks: new GradientAccumulationScheduler({ 0: 4 }) }), wanted);
  });
}

Deno.test("a schedule of accumulation that is none is refused", () => {
  for (const [wrong, got] of [[{}, "nothing"], [{ 1: 0 }, "0 for 1"], [{ "-1": 2 }, "2 for -1"]] as const) {
    assertThrows(() => new GradientAccumulationScheduler(wrong), TypeError, got);
  }
});

trainerTest("rates are logged by optimizer and group", async () => {
  class Two extends Slope {
    extras = [0, 1, 2].map(() => new Parameter(zeros([1])));
    override automaticOptimization = false;
    override trainingStep(): null {
      return null;
    }
    override configureOptimizers(): never {
      const group = { params: [this.weight], lr: 0.5, weightDecay: 0.25 };
      return [
        own(new SGD([this.extras[0]], { lr: 1, momentum: 0.5 })),
        own(new SGD([group], { lr: 1 })),
        own(
          new Adam([{ params: [this.extras[1]] }, { params: [this.extras[2]], name: "head" }], { lr: 0.125 }),
        ),
      ] as never;
    }
  }
  const logger = new MemoryLogger();
  const callbacks = new LearningRateMonitor({ loggingInterval: "epoch", logMomentum: true, logWeightDecay: true });
  await fit({ logger, maxEpochs: 1, callbacks }, new Two());
  assertEquals(logger.rows[0].metrics, {
    ...{ "lr-SGD": 1, "lr-SGD-momentum": 0.5, "lr-SGD-weight_decay": 0 },
    ...{ "lr-SGD-1": 0.5, "lr-SGD-1-momentum": 0, "lr-SGD-1-weight_decay": 0.25 },
    ...{ "lr-Adam/pg1": 0.125, "lr-Adam/pg1-momentum": 0.9, "lr-Adam/pg1-weight_decay": 0 },
    ...{ "lr-Adam/head": 0.125, "lr-Adam/head-momentum": 0.9, "lr-Adam/head-weight_decay": 0 },
  });
  await assertRejects(() => fit({ callbacks: new LearningRateMonitor() }), TypeError, "must have a logger");
});

trainerTest("a timer ends training, and maxTime is one", async () => {
  for (
    const options of [{ callbacks: new Timer({ duration: 0, verbose: false }) }, { maxTime: "00:00:00:00" as const }]
  ) {
    const trainer = await fit({ ...options, maxEpochs: null });
    assertEquals([trainer.globalStep, trainer.state, trainer.maxEpochs], [0, "finished", Infinity]);
  }
  const timer = new Timer({ duration: { seconds: 0.5 }, verbose: false });
  const slow = new LambdaCallback({
    async onTrainBatchEnd({ globalStep }) {
      while (globalStep === 2 && timer.timeRemaining()! > 0) await new Promise((done) => setTimeout(done, 20));
    },
  });
  const trainer = await fit({ maxEpochs: null, callbacks: [slow, timer] });
  assertEquals([trainer.globalStep, timer.timeRemaining()], [2, 0]);
  const again = new Timer({ duration: 1 });
  again.loadStateDict(timer.stateDict());
  assert(again.timeElapsed() >= 0.5 && again.timeElapsed("test") === 0);
});

trainerTest("a timer knows the stages by Lightning's names", async () => {
  class Slow extends Slope {
    override async validationStep(): Promise<void> {
      await new Promise((done) => setTimeout(done, 20));
    }
    override testStep = this.validationStep;
    override predictStep = this.validationStep;
  }
  const timer = new Timer(), module = new Slow(), val = constantBatches([1]);
  const trainer = new Trainer({ ...quiet, maxEpochs: 2, numSanityValSteps: 1, callbacks: timer });
  await trainer.fit(module, { train: constantBatches([1]), val });
  const trained = timer.timeElapsed("train");
  assertEquals([timer.timeElapsed(), timer.timeElapsed("fit")], [trained, trained]);
  const within = timer.timeElapsed("validate"), trial = timer.timeElapsed("sanityCheck");
  assert(within >= 0.035 && within <= trained && trial >= 0.015, `${within} of ${trained}, ${trial}`);
  assertEquals([timer.timeElapsed("test"), timer.timeElapsed("predict")], [0, 0]);
  await trainer.validate(module, val);
  await trainer.test(module, val);
  await trainer.predict(module, val);
  assert(timer.timeElapsed("validate") >= within + 0.015);
  assert(timer.timeElapsed("test") >= 0.015 && timer.timeElapsed("predict") >= 0.015);
  assertEquals(timer.timeElapsed("train"), trained);
  assertThrows(() => timer.timeElapsed("training" as never), RangeError, 'got "training"');
  const earlier = new Timer();
  earlier.loadStateDict({ elapsed: { fit: 3, validate: 2, test: 1, predict: 0 } });
  assertEquals([earlier.timeElapsed("train"), earlier.timeElapsed("sanityCheck")], [3, 0]);
});

Deno.test("time spans are told in three ways", () => {
  const spans: [TimerOptions["duration"], number][] = [["01:02:03:04", 93784], [90, 90], [
    { hours: 1, seconds: 5 },
    3605,
  ]];
  for (const [duration, seconds] of spans) assertEquals(new Timer({ duration }).timeRemaining(), seconds);
  assertEquals(new Timer().timeRemaining(), null);
  for (const duration of ["soon", -1, { weeks: 1 }, "1:2"]) {
    assertThrows(() => new Timer({ duration: duration as never }), TypeError, "duration must be");
  }
});

trainerTest("functions are hooks, and names that are none are refused", async () => {
  const seen: string[] = [];
  await fit({ maxEpochs: 1, callbacks: new LambdaCallback({ setup: (_, __, stage) => void seen.push(stage) }) });
  assertEquals(seen, ["fit"]);
  assertThrows(() => new LambdaCallback({ onTrainEnds: () => {} } as never), TypeError, "onTrainEnd");
  assertThrows(() => new LambdaCallback({ onTrainEnd: 3 } as never), TypeError, "must be a function, got 3");
});
