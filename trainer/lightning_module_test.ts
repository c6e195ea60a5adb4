import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ModelCheckpoint } from "../callbacks/mod.ts";
import { Callback, LightningDataModule, LightningModule, readCheckpoint, Trainer } from "../lightning.ts";
import type { ConfiguredOptimizers, Hyperparameters, Logger, OptimizerConfig, TrainerOptions } from "../lightning.ts";
import { mean, mul, type Tensor, tensor } from "../mod.ts";
import { Linear, Parameter } from "../nn/mod.ts";
import { type Optimizer, ReduceLROnPlateau, SGD, StepLR } from "../optim/mod.ts";
import { joinPath } from "../platform/mod.ts";
import { constantBatches, inFolder, MemoryLogger, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";

/** A module that is made of hyperparameters. */
class Wide extends LightningModule<Tensor> {
  layer: Linear;

  constructor({ features = 2, lr = 0.1, name = "x" }: { features?: number; lr?: number; name?: string } = {}) {
    super();
    this.saveHyperparameters({ features, lr, name }, { ignore: "name" });
    this.layer = new Linear(features, 1);
    own(this);
  }

  override forward(x: Tensor): Tensor {
    return mean(this.layer.forward(x));
  }

  override trainingStep(x: Tensor): Tensor {
    return this.forward(x);
  }

  override configureOptimizers(): Optimizer {
    return own(new SGD(this.parameters(), { lr: this.hparams.lr as number }));
  }
}

/** A logger that keeps hyperparameters. */
class Told extends MemoryLogger implements Logger {
  readonly params: Readonly<Hyperparameters>[] = [];

  logHyperparams(params: Readonly<Hyperparameters>): void {
    this.params.push(params);
  }
}

class Numbers extends LightningDataModule<Tensor> {
  constructor(values: Hyperparameters) {
    super();
    this.saveHyperparameters(values);
  }

  override trainDataloader() {
    return constantBatches([1], 4);
  }
}

trainerTest("hyperparameters go to checkpoints and loggers, and a module is made of them again", async () => {
  await inFolder(async (folder) => {
    const module = new Wide({ features: 4, lr: 0.5 }), logger = new Told(), path = joinPath(folder, "x");
    assertEquals([module.hparams, module.hparamsInitial], [{ features: 4, lr: 0.5 }, { features: 4, lr: 0.5 }]);
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, logger });
    await trainer.fit(module, new Numbers({ batch: 4, lr: 0.5 }));
    assertEquals(logger.params, [{ features: 4, lr: 0.5, batch: 4 }]);
    module.hparams.lr = 0.25;
    assertEquals(module.hparamsInitial, { features: 4, lr: 0.5 });
    for (const weightsOnly of [false, true]) {
      await trainer.saveCheckpoint(path, { weightsOnly });
      const { hyperparameters } = await readCheckpoint(path);
      assertEquals(hyperparameters, { module: { features: 4, lr: 0.25 }, dataModule: { batch: 4, lr: 0.5 } });
      const again = await Wide.loadFromCheckpoint(path);
      assertEquals(again.hparams, { features: 4, lr: 0.25 });
      assertEquals(await again.layer.weight.data(), await module.layer.weight.data());
      const other = await Wide.loadFromCheckpoint(path, { hparams: { lr: 1 } });
      assertEquals(other.hparams, { features: 4, lr: 1 });
    }
  });
});

trainerTest("a checkpoint that does not fit is refused, unless names need not agree", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "x"), trainer = new Trainer({ ...quiet, maxEpochs: 1 });
    await trainer.fit(new Wide({ features: 4 }), constantBatches([1], 4));
    await trainer.saveCheckpoint(path);
    class Wider extends Wide {
      more: Linear = new Linear(1, 1);
    }
    await assertRejects(() => Wider.loadFromCheckpoint(path), Error, "more.weight");
    const loose = await Wider.loadFromCheckpoint(path, { strict: false });
    assertEquals(loose.hparams.features, 4);
    await assertRejects(() => Wide.loadFromCheckpoint(path, { hparams: { features: 3 } }), Error, "layer.weight");
    await assertRejects(() => Wide.loadFromCheckpoint(joinPath(folder, "none")), Error, "it does not exist");
    await assertRejects(
      () => Wide.loadFromCheckpoint(path, { map: 1 } as never),
      TypeError,
      "there is no option map",
    );
  });
});

trainerTest("enableAutologHparams: false keeps hyperparameters from the loggers", async () => {
  const logger = new Told(), module = new Wide({ features: 4, lr: 0.5 });
  await new Trainer({ ...quiet, maxEpochs: 1, logger, enableAutologHparams: false }).fit(
    module,
    new Numbers({ lr: 1 }),
  );
  assertEquals(logger.params, []);
});

trainerTest("hyperparameters that no file could hold, or that disagree, are refused", async () => {
  class Bad extends Slope {
    constructor(values: object) {
      super();
      this.saveHyperparameters(values);
    }
  }
  assertThrows(
    () => new Bad({ layers: [1, () => 1] }),
    TypeError,
    "Cannot save hyperparameters of Bad: they may be numbers, text, booleans, null, and lists and objects of them, got a " +
      "function at layers.1; name it in `ignore` to leave it out",
  );
  const loop: Record<string, unknown> = {};
  loop.again = [loop];
  assertThrows(() => new Bad({ loop }), TypeError, "a value must not hold itself, loop.again.0 does");
  assertThrows(() => new Bad([1]), TypeError, "they must be an object, such as { lr: 0.1 }, got [1]");
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, logger: new Told() });
  await assertRejects(
    () => trainer.fit(new Wide({ features: 4, lr: 0.5 }), new Numbers({ lr: 1 })),
    Error,
    "a name of both module and data module must have one value, lr is 0.5 and 1",
  );
});

trainerTest("a module's callbacks join the trainer's and take the place of those of their class", async () => {
  const events: string[] = [];
  class Tells extends Callback {
    readonly #who: string;
    constructor(who: string) {
      super();
      this.#who = who;
    }
    override onTrainStart(): void {
      events.push(this.#who);
    }
  }
  class Other extends Tells {}
  class Configured extends Slope {
    override configureCallbacks(): Callback[] {
      return [
        new Tells(`the module's, of ${this.trainer.maxEpochs} epochs`),
        new ModelCheckpoint({ dirpath: "unused" }),
      ];
    }
  }
  const callbacks = [new Tells("the trainer's"), new Other("another")];
  const trainer = new Trainer({ ...quiet, fastDevRun: true, callbacks });
  await trainer.fit(new Configured(), constantBatches([1]));
  assertEquals(events, ["another", "the module's, of 1 epochs"]);
  assertEquals(trainer.callbacks.length, 2);
  await trainer.fit(new Slope(), constantBatches([1]));
  assertEquals(trainer.callbacks, callbacks);
  class Wrong extends Slope {
    override configureCallbacks(): Callback[] {
      return [Tells as never];
    }
  }
  await assertRejects(
    () => trainer.fit(new Wrong(), constantBatches([1])),
    TypeError,
    "configureCallbacks must give callbacks, it gave the function Tells",
  );
});

trainerTest("freeze and unfreeze switch gradients and mode of everything below", () => {
  const module = new Wide();
  module.freeze();
  assert(!module.training && !module.layer.training && [...module.parameters()].every((p) => !p.requiresGrad));
  module.unfreeze();
  assert(module.training && module.layer.training && [...module.parameters()].every((p) => p.requiresGrad));
});

trainerTest("a toggled optimizer's parameters alone want gradients, also after an error", async () => {
  const seen: boolean[][] = [];
  class Two extends LightningModule<Tensor> {
    override automaticOptimization = false;
    a: Linear = new Linear(2, 2);
    b: Linear = new Linear(2, 1);
    constructor() {
      super();
      own(this);
      this.a.bias!.requiresGrad = false;
    }
    #note(): void {
      seen.push([this.a.weight, this.a.bias!, this.b.weight].map(({ requiresGrad }) => requiresGrad));
    }
    override trainingStep(): void {
      const [first, second] = this.optimizers() as Optimizer[];
      this.toggleOptimizer(second);
      this.#note();
      this.toggleOptimizer(first);
      this.#note();
      this.untoggleOptimizer(first); // as in Lightning; there is one that can be meant
      this.#note();
      assertThrows(() =>
        this.toggledOptimizer(second, () => {
          throw new Error("within");
        })
      );
      this.#note();
    }
    override configureOptimizers(): Optimizer[] {
      return [this.a, this.b].map((layer) => own(new SGD(layer.parameters(), { lr: 1 })));
    }
  }
  await new Trainer({ ...quiet, maxEpochs: 1 }).fit(new Two(), constantBatches([1]));
  assertEquals(seen, [[false, false, true], [true, false, false], [true, false, true], [true, false, true]]);
});

trainerTest("configureOptimizers may return every form that Lightning takes", async () => {
  const optimizer = (module: Slope) => own(new SGD(module.parameters(), { lr: 1 }));
  const forms: [name: string, (m: Slope) => ConfiguredOptimizers, schedulers: string[]][] = [
    ["an optimizer", optimizer, []],
    ["a list of one", (m) => [optimizer(m)], []],
    ["two lists", (m) => {
      const o = optimizer(m);
      return [[o], [new StepLR(o, { stepSize: 1 })]];
    }, ["StepLR epoch 1 null"]],
    ["two lists with a configuration", (m) => {
      const o = optimizer(m);
      return [[o], [{ scheduler: new StepLR(o, { stepSize: 1 }), interval: "step", frequency: 2, name: "lr" }]];
    }, ["StepLR step 2 null"]],
    ["an object", (m) => {
      const o = optimizer(m);
      return { optimizer: o, lrScheduler: new StepLR(o, { stepSize: 1 }) };
    }, ["StepLR epoch 1 null"]],
    ["an object with monitor", (m) => {
      const o = optimizer(m);
      return { optimizer: o, lrScheduler: { scheduler: new ReduceLROnPlateau(o), strict: false }, monitor: "loss" };
    }, ["ReduceLROnPlateau epoch 1 loss"]],
    ["a list of objects", (m) => [{ optimizer: optimizer(m) }], []],
    ["null", () => null, []],
  ];
  for (const [name, configure, wanted] of forms) {
    class Formed extends Slope {
      override configureOptimizers(): Optimizer {
        return configure(this) as Optimizer;
      }
    }
    const trainer = new Trainer({ ...quiet, maxEpochs: 1 }), module = new Formed();
    await trainer.fit(module, constantBatches([1]));
    const schedulers = trainer.lrSchedulerConfigs.map(({ scheduler, interval, frequency, monitor }) =>
      `${scheduler.constructor.name} ${interval} ${frequency} ${monitor}`
    );
    assertEquals(schedulers, wanted, name);
    assertEquals(await module.value(), name === "null" ? 0 : -1, name);
  }
});

/** Two weights with an optimizer and a step each; the second's loss passes through the first's weight, too. */
class Taking extends LightningModule<Tensor> {
  first: Parameter = new Parameter(tensor([1], { dtype: "f32" }));
  second: Parameter = new Parameter(tensor([1], { dtype: "f32" }));
  readonly seen: string[] = [];

  constructor() {
    super();
    own(this);
  }

  #step(name: "first" | "second", x: Tensor): Tensor {
    this.seen.push(`${name} ${this.first.requiresGrad} ${this.second.requiresGrad}`);
    return mean(mul(mul(this.first, this.second), x));
  }

  override onBeforeZeroGrad(): void {
    this.seen.push("zero");
  }

  override configureOptimizers(): OptimizerConfig[] {
    return (["first", "second"] as const).map((name) => ({
      optimizer: own(new SGD([this[name]], { lr: 0.5 })),
      step: (batch) => this.#step(name, batch as Tensor),
    }));
  }
}

trainerTest("several optimizers take turns on each batch, each by its step and for its parameters (D12)", async () => {
  const module = new Taking(), trainer = new Trainer({ ...quiet, maxEpochs: 1 });
  await trainer.fit(module, constantBatches([1, 1]));
  // first −= second / 2, then second −= first / 2: 0.5, 0.75; then 0.125, 0.6875.
  assertEquals([await module.first.item(), await module.second.item()], [0.125, 0.6875]);
  assertEquals([trainer.globalStep, trainer.batchesSeen], [2, 2]);
  const turn = ["first true false", "zero", "second false true", "zero"];
  assertEquals(module.seen, [...turn, ...turn]);
  assert(module.first.requiresGrad && module.second.requiresGrad);
});

trainerTest("several optimizers accumulate and clip, and a run with them resumes to the bit", async () => {
  await inFolder(async (folder) => {
    const options: TrainerOptions = { ...quiet, maxEpochs: 2, accumulateGradBatches: 2, gradientClipVal: 0.5 };
    const batches = () => constantBatches([1, 2, 3]);
    const whole = new Taking(), paths: string[] = [];
    class Save extends Callback {
      override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
        paths.push(joinPath(folder, String(trainer.batchesSeen)));
        await trainer.saveCheckpoint(paths.at(-1)!);
      }
    }
    const trainer = new Trainer({ ...options, callbacks: new Save() });
    await trainer.fit(whole, batches());
    assertEquals([trainer.globalStep, paths.length], [4, 6]);
    const wanted = [await whole.first.item(), await whole.second.item()];
    for (const ckptPath of paths) {
      const module = new Taking();
      await new Trainer(options).fit(module, batches(), { ckptPath });
      assertEquals([await module.first.item(), await module.second.item()], wanted, ckptPath);
    }
  });
});

trainerTest("steps that optimizers own are all or none, and automatic", async () => {
  class Half extends Taking {
    override configureOptimizers(): OptimizerConfig[] {
      const [{ optimizer }, second] = super.configureOptimizers();
      return [{ optimizer }, second];
    }
  }
  const cases: [Taking, TrainerOptions, string][] = [
    [new Half(), {}, "all of them must, in automatic optimization and without lightningCompat; 1 of 2 do"],
    [new Taking(), { lightningCompat: true }, "without lightningCompat; 2 of 2 do"],
  ];
  for (const [module, options, wanted] of cases) {
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, ...options });
    await assertRejects(() => trainer.fit(module, constantBatches([1])), TypeError, wanted);
  }
});

trainerTest("configureModel makes layers that checkpoints are loaded into", async () => {
  class Late extends LightningModule<Tensor> {
    layer: Linear | null = null;
    constructor() {
      super();
      own(this);
    }
    override configureModel(): void {
      this.layer ??= new Linear(2, 1);
    }
    override trainingStep(x: Tensor): Tensor {
      return mean(mul(this.layer!.forward(x), 1));
    }
    override configureOptimizers(): Optimizer {
      return own(new SGD(this.parameters(), { lr: 0.1 }));
    }
  }
  await inFolder(async (folder) => {
    const path = joinPath(folder, "x"), trainer = new Trainer({ ...quiet, maxEpochs: 1 }), module = new Late();
    await trainer.fit(module, constantBatches([1]));
    await trainer.saveCheckpoint(path);
    const again = await Late.loadFromCheckpoint(path);
    assertEquals(await again.layer!.weight.data(), await module.layer!.weight.data());
  });
});
