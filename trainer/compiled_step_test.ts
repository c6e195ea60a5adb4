import { assert, assertEquals, assertRejects } from "@std/assert";
import { Callback, LightningModule, type OptimizerConfig, Trainer, type TrainerOptions } from "../lightning.ts";
import {
  capture,
  type Captured,
  crossEntropy,
  manualSeed,
  mean,
  mul,
  relu,
  reshape,
  sum,
  type Tensor,
  tensor,
} from "../mod.ts";
import { LambdaCallback } from "../callbacks/mod.ts";
import { Dropout, Linear, Parameter } from "../nn/mod.ts";
import { AdamW, ExponentialLR, type Optimizer, SGD } from "../optim/mod.ts";
import { cloudLoader, constantBatches, MemoryLogger, Net, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import type { Points } from "../testing/trainer.ts";

/** Net that logs, and counts how often its step really runs. */
class Counting extends Net {
  runs = 0;

  override trainingStep({ x, y }: Points): Tensor {
    this.runs++;
    const loss = crossEntropy(this.forward(x), y);
    this.log("loss", loss, { onEpoch: true });
    return loss;
  }
}

/** Layers that take turns: each has an optimizer and the step that it owns, and the second's rate falls. */
class TakingTurns extends LightningModule<Points> {
  fc1: Linear = new Linear(4, 16);
  dropout: Dropout = new Dropout(0.3);
  fc2: Linear = new Linear(16, 3);
  runs = 0;

  #loss({ x, y }: Points): Tensor {
    this.runs++;
    return crossEntropy(this.fc2.forward(this.dropout.forward(relu(this.fc1.forward(x)))), y);
  }

  override configureOptimizers(): OptimizerConfig[] {
    const first = own(new AdamW(this.fc1.parameters(), { lr: 0.05 }));
    const second = own(new SGD(this.fc2.parameters(), { lr: 0.1, momentum: 0.9 }));
    return [
      {
        optimizer: first,
        step: (batch) => {
          const loss = this.#loss(batch as Points);
          this.log("first", loss, { onEpoch: true });
          return loss;
        },
      },
      {
        optimizer: second,
        lrScheduler: { scheduler: new ExponentialLR(second, { gamma: 0.9 }), interval: "step" },
        step: (batch) => {
          const loss = mul(this.#loss(batch as Points), 2);
          this.log("second", loss);
          return { loss, twice: mul(loss, 2) };
        },
      },
    ];
  }
}

/** Trains in a mode: weights, rows, and what was counted. */
async function train(options: TrainerOptions, kind: typeof Counting | typeof TakingTurns = Counting) {
  manualSeed(4);
  const module = own(new kind()), logger = new MemoryLogger();
  const trainer = new Trainer({ ...quiet, maxEpochs: 3, logger, logEveryNSteps: 2, ...options });
  await trainer.fit(module, { train: cloudLoader(50, { batchSize: 8, shuffle: true }) });
  const weights: number[][] = [];
  for (const value of module.stateDict().values()) weights.push([...new Uint32Array(await value.bytes())]);
  const rows = logger.rows.map(({ at, metrics }) => ({ step: at.step, metrics }));
  return { weights, rows, steps: trainer.globalStep, runs: module.runs };
}

for (
  const [name, options] of Object.entries<TrainerOptions>({
    "as it is": {},
    "with clipping": { gradientClipVal: 0.5 },
    "with accumulation": { accumulateGradBatches: 3 },
    "in bf16-mixed": { precision: "bf16-mixed" },
    "in 16-mixed, with a scaled loss": { precision: "16-mixed" },
  })
) {
  trainerTest(`a compiled step trains, bit for bit, as the step ${name}`, async () => {
    const plain = await train(options), compiled = await train({ ...options, compile: true });
    assertEquals(compiled.weights, plain.weights);
    assertEquals(compiled.rows, plain.rows);
    assertEquals(compiled.steps, plain.steps);
    assertEquals(plain.runs, 21);
    assert(compiled.runs < 12, `the step ran ${compiled.runs} times`);
    const turns = await train(options, TakingTurns), recorded = await train({ ...options, compile: true }, TakingTurns);
    assertEquals(recorded.weights, turns.weights);
    assertEquals(recorded.rows, turns.rows);
    assertEquals(recorded.steps, plain.steps);
    assert(turns.runs === 42 && recorded.runs < 24, `${turns.runs} and ${recorded.runs} runs`);
  });
}

trainerTest("validation between compiled steps switches modes and back without new recordings", async () => {
  class Watched extends Counting {
    override validationStep({ x, y }: Points): void {
      this.log("valLoss", crossEntropy(this.forward(x), y));
    }
  }
  const fit = async (compile: boolean) => {
    manualSeed(4);
    const module = own(new Watched());
    const trainer = new Trainer({ ...quiet, maxEpochs: 4, compile });
    const loader = () => cloudLoader(24, { batchSize: 8 });
    await trainer.fit(module, { train: loader(), val: loader() });
    return { valLoss: trainer.callbackMetrics.valLoss, runs: module.runs };
  };
  const plain = await fit(false), compiled = await fit(true);
  assertEquals(compiled.valLoss, plain.valLoss);
  assertEquals([plain.runs, compiled.runs], [12, 2]);
});

for (const compile of [false, true]) {
  trainerTest(
    `a parameter that a step logs has the value that it had then${compile ? " (compiled)" : ""}`,
    async () => {
      class Telling extends Slope {
        override trainingStep(x: Tensor): Tensor {
          this.log("weight", this.weight, { onEpoch: true });
          this.log("view", reshape(this.weight, []), { onEpoch: true });
          return this.forward(x);
        }
      }
      const logger = new MemoryLogger();
      const options: TrainerOptions = { ...quiet, maxEpochs: 2, compile, logger, logEveryNSteps: 1 };
      await new Trainer(options).fit(new Telling(), constantBatches([1, 1, 1]));
      for (const name of ["weight", "view"]) {
        assertEquals(logger.values(`${name}_step`), [0, -1, -2, -3, -4, -5]);
        assertEquals(logger.values(`${name}_epoch`), [-1, -4]);
      }
    },
  );
}

trainerTest("what a step reads of the trainer's counters is what it is then", async () => {
  const fit = async (read: keyof Trainer, compile: boolean) => {
    class Reading extends Slope {
      override trainingStep(x: Tensor): Tensor {
        return mul(this.forward(x), Number(this.trainer[read]) + 1);
      }
    }
    const module = new Reading();
    await new Trainer({ ...quiet, maxEpochs: 3, compile }).fit(module, constantBatches([1, 2, 3, 4]));
    return await module.value();
  };
  for (
    const counter of ["batchIdx", "batchInEpoch", "batchesSeen", "currentEpoch", "globalStep", "isLastBatch"] as const
  ) {
    assertEquals(await fit(counter, true), await fit(counter, false), counter);
  }
});

trainerTest("each window of a compiled step counts its items, or takes means, as its batches say", async () => {
  type Sized = { x: Tensor; kind: string };
  class Counted extends LightningModule<Sized> {
    weight: Parameter = new Parameter(tensor([1], { dtype: "f32" }));
    override trainingStep({ x, kind }: Sized) {
      const loss = mul(this.weight, x);
      return kind === "n" ? null : kind === "c" ? { loss: sum(loss), count: x.numel } : mean(loss);
    }
    override configureOptimizers(): Optimizer {
      return own(new SGD(this.parameters(), { lr: 0.1, momentum: 0.5 }));
    }
  }
  const fit = async (windows: string, compile: boolean) => {
    const module = own(new Counted());
    const batches = [...windows].map((kind, i) => ({
      x: tensor([i, 1, 2].slice(kind === kind.toLowerCase() ? 0 : 1)),
      kind: kind.toLowerCase(),
    }));
    await new Trainer({ ...quiet, maxEpochs: 1, accumulateGradBatches: 2, compile }).fit(module, batches);
    return await module.weight.array();
  };
  // Counted windows and means in turns, then batches of another shape, which are recorded after replays.
  // Or windows that begin with a batch without a loss.
  for (const windows of ["ccmmccmmccmMcCmmcC", "ncncncncmmncmm"]) {
    assertEquals(await fit(windows, true), await fit(windows, false));
  }
  await assertRejects(() => fit("ccmmccmmccmmcm", true), TypeError, "all of its batches must give a count, or none");
});

trainerTest("what a replay would leave out is refused", async () => {
  const refused = (module: Slope | Owned, message: string, callbacks: Callback[] = []) =>
    assertRejects(
      () => new Trainer({ ...quiet, maxEpochs: 1, compile: true, callbacks }).fit(module, constantBatches([1, 2])),
      TypeError,
      message,
    );
  class Slow extends Slope {
    override trainingStep(x: Tensor) {
      return Promise.resolve(this.forward(x));
    }
  }
  class Plain extends Slope {
    override trainingStep(x: Tensor) {
      return this.forward(x);
    }
  }
  class Hooked extends Plain {
    override onAfterBackward(): void {}
  }
  class Looking extends Callback {
    override onBeforeOptimizerStep(): void {}
  }
  class Owned extends TakingTurns {
    override configureOptimizers(): OptimizerConfig[] {
      const [first, second] = super.configureOptimizers();
      return [first, { ...second, step: (batch, batchIdx) => mul(this.fc1.forward(batch), batchIdx) }];
    }
  }
  await refused(new Slope(), "trainingStep takes batchIdx");
  await refused(own(new Owned()), "a step that an optimizer owns takes batchIdx");
  await refused(new Slow(), "it must be synchronous");
  await refused(new Hooked(), "onAfterBackward would not be called in a replay");
  await refused(new Plain(), "onBeforeOptimizerStep would not be called", [new Looking()]);
});

/** Optimizes by hand, in a function that is recorded. */
class ByHand extends Slope {
  override automaticOptimization = false;
  readonly work: Captured<[Tensor], Tensor> = capture((x: Tensor) => this.train1(x));

  train1(x: Tensor): Tensor {
    const optimizer = this.optimizers() as Optimizer, loss = this.forward(x);
    optimizer.zeroGrad();
    this.manualBackward(loss);
    optimizer.step();
    return loss;
  }

  override trainingStep(x: Tensor): Tensor {
    return this.work(x);
  }
}

trainerTest("steps by hand are counted when they are replayed, too", async () => {
  using module = own(new ByHand());
  const options: TrainerOptions = { ...quiet, maxEpochs: 2, maxSteps: 7 }, steps: number[] = [];
  const trainer = new Trainer({
    ...options,
    callbacks: new LambdaCallback({ onTrainBatchEnd: ({ globalStep }) => void steps.push(globalStep) }),
  });
  await trainer.fit(module, constantBatches([1, 1, 1, 1, 1]));
  assertEquals(steps, [1, 2, 3, 4, 5, 6, 7]);
  assertEquals([trainer.globalStep, await module.value()], [7, -7]);
  assert(module.work.statistics.replays >= 4);
  module.work.dispose();
});

trainerTest("what a replay of steps by hand would leave out is refused", async () => {
  class Telling extends ByHand {
    override train1(x: Tensor): Tensor {
      const loss = super.train1(x);
      this.log("loss", loss);
      return loss;
    }
  }
  class Hooked extends ByHand {
    override onBeforeOptimizerStep(): void {}
  }
  const refused = async (module: ByHand, message: string, callbacks: Callback[] = []) => {
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks });
    await assertRejects(() => trainer.fit(module, constantBatches([1, 1])), TypeError, message);
    module.work.dispose();
  };
  await refused(new Telling(), "Cannot log loss in a captured function: a replay would not");
  await refused(new Hooked(), "onBeforeOptimizerStep would not be called in a replay");
  const look = new LambdaCallback({ onAfterBackward: () => {} });
  await refused(new ByHand(), "onAfterBackward would not be called in a replay", [look]);
});
