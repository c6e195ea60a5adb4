// The standard registries against the classes they offer: all of them, with their own options and defaults.
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as z from "zod";
import * as callbacks from "../callbacks/mod.ts";
import * as optim from "../optim/mod.ts";
import { type Tensor, zeros } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { ConfigCheck, defaultsOf } from "./_config.ts";
import { readFlags } from "./_flags.ts";
import { usage } from "./_help.ts";
import { Callback } from "../trainer/mod.ts";
import { registered, standardCallbacks, standardOptimizers, standardSchedulers } from "./mod.ts";
import type { Program } from "./program.ts";

/** Names of what inherits from a class. */
const heirs = (parent: { prototype: object }, from: object = optim) =>
  Object.entries(from).flatMap(([name, value]) =>
    typeof value === "function" && value.prototype instanceof (parent as unknown as new () => object) ? [name] : []
  );

Deno.test("every optimizer and scheduler that is made of plain options has its entry", () => {
  const parents = ["RuleOptimizer", "ComposedOptimizer", "CombinedLR"];
  const ofFunctions = ["LambdaLR", "MultiplicativeLR"], ofOthers = ["SequentialLR", "ChainedScheduler"];
  const wanted = (names: string[]) =>
    names.filter((name) => ![...parents, ...ofFunctions, ...ofOthers].includes(name)).sort();
  assertEquals(Object.keys(standardOptimizers).sort(), wanted(heirs(optim.Optimizer)));
  assertEquals(Object.keys(standardSchedulers).sort(), wanted(heirs(optim.LRScheduler)));
});

gpuTest("the options of an optimizer's entry are those of its class, with the same defaults", () => {
  for (const [name, entry] of Object.entries(standardOptimizers)) {
    const Class = optim[name as "Adam"], parameters: Tensor[] = [zeros([2, 2], { requiresGrad: true })];
    const { defaults } = new Class(parameters);
    assertEquals(defaultsOf(entry), { ...defaults } as unknown as Record<string, unknown>, name);
    const made = entry.make(entry.options.parse({}), parameters);
    assertEquals([made.constructor, { ...made.defaults }], [Class, { ...defaults }], name);
  }
});

/** Options that a callback cannot do without. */
const NEEDED_BY_CALLBACKS: Readonly<Record<string, object>> = {
  EarlyStopping: { monitor: "loss" },
  GradientAccumulationScheduler: { 0: 2 },
  ModelPruning: { pruningFn: "l1_unstructured" },
  OnExceptionCheckpoint: { dirpath: "runs" },
  StochasticWeightAveraging: { swaLrs: 0.1 },
};

Deno.test("every callback that is made of plain options has its entry", () => {
  const bases = ["BaseFinetuning", "BasePredictionWriter"], ofFunctions = ["LambdaCallback", "ThroughputMonitor"];
  const wanted = heirs(Callback, callbacks).filter((name) => ![...bases, ...ofFunctions].includes(name)).sort();
  assertEquals(Object.keys(standardCallbacks).sort(), wanted);
  for (const [name, { options, make }] of Object.entries(standardCallbacks)) {
    const made = make(options.parse(NEEDED_BY_CALLBACKS[name] ?? {}));
    assertEquals(made.constructor, callbacks[name as "Timer"], name);
    assertThrows(() => make(options.parse({ colour: "blue" })), Error, name, name);
  }
});

/** Options that a scheduler cannot do without. */
const NEEDED: Readonly<Record<string, object>> = {
  StepLR: { stepSize: 2 },
  MultiStepLR: { milestones: [1, 3] },
  ExponentialLR: { gamma: 0.5 },
  CosineAnnealingLR: { tMax: 4 },
  CosineAnnealingWarmRestarts: { t0: 2 },
  CyclicLR: { baseLr: 0.01, maxLr: [0.1] },
  OneCycleLR: { maxLr: 0.1, totalSteps: 8 },
  SWALR: { swaLr: 0.05 },
};

gpuTest("a scheduler of an entry goes as one of its class; what is needed must be given", () => {
  const ratesOf = (make: (optimizer: optim.Optimizer) => optim.LRScheduler) => {
    const scheduler = make(new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 0.1, momentum: 0.5 }));
    return Array.from({ length: 6 }, () => (scheduler.step(1), scheduler.getLastLr()));
  };
  for (const [name, { options, make }] of Object.entries(standardSchedulers)) {
    const given = NEEDED[name] ?? {};
    const own = ratesOf((optimizer) => make(options.parse(given), optimizer));
    const Class = optim[name as "StepLR"];
    assertEquals(own, ratesOf((optimizer) => new Class(optimizer, given as optim.StepLROptions)), name);
    if (name in NEEDED) assertThrows(() => make(options.parse({}), null as never), Error, undefined, name);
  }
});

/** A program that offers no classes but its model. */
const bare: Program = {
  models: {
    Net: registered(z.object({ lr: z.number().default(1) }), () => {
      throw new Error("nothing is made here");
    }),
  },
  data: {},
};

async function problems(program: Program, ...words: string[]): Promise<string[]> {
  const check = new ConfigCheck(program, (await readFlags(words)).tree);
  check.check();
  return check.problems;
}

Deno.test("where a program offers no classes, what it lacks is named", async () => {
  assertEquals(
    await problems(bare, "--optimizer=SGD", "--trainer.logger=[CSVLogger]", "--trainer.callbacks=[Timer]"),
    [
      '--optimizer must be left out: this program gives LightningCLI no optimizers (optimizers: standardOptimizers gives the usual ones), got "SGD"',
      '--trainer.callbacks.0 must be left out: this program gives LightningCLI no callbacks (callbacks: standardCallbacks gives the usual ones), got "Timer"',
      '--trainer.logger.0 must be left out: this program gives LightningCLI no loggers (loggers: standardLoggers gives the usual ones), got "CSVLogger"',
    ],
  );
  assertEquals(await problems(bare, "--data=Clouds"), [
    '--data must be left out: this program gives LightningCLI no data, got "Clouds"',
  ]);
  const help = usage(bare, "fit").replace(/ +/g, " ");
  assertStringIncludes(help, "\n --trainer.logger true or false [true]\n");
});

Deno.test("options of optimizers and schedulers are checked and explained, lists of so many values, too", async () => {
  const program = { ...bare, optimizers: standardOptimizers, lrSchedulers: standardSchedulers };
  assertEquals(
    await problems(
      program,
      ...["--optimizer=RMSprop", "--optimizer.centred=true", "--optimizer.alpha=2", "--lrScheduler=OneCycleLR"],
      ...["--lrScheduler.maxLr=high", "--lrScheduler.annealStrategy=sin"],
    ),
    [
      "--optimizer.alpha must be a number from 0 on, up to 1, got 2",
      "--optimizer.centred: there is no option centred, centered is the nearest",
      '--lrScheduler.maxLr must be a number from 0 on or a list, each a number from 0 on, got "high"',
      '--lrScheduler.annealStrategy must be "cos" or "linear", got "sin"',
    ],
  );
  const stepped = ["--optimizer=SGD", "--optimizer.lr=1", "--lrScheduler=ConstantLR", "--lrScheduler.frequency=2"];
  assertEquals(await problems(program, ...stepped, "--lrScheduler.interval={ every: 5, unit: step }"), [
    "--lrScheduler.frequency must be left out where interval has its unit, got 2",
  ]);
  assertEquals(await problems(program, ...stepped, "--lrScheduler.interval=batch"), [
    '--lrScheduler.interval must be "epoch", "step" or { every, unit: "batch", "step", "epoch" or "second" }, got "batch"',
  ]);
  assertEquals(await problems(program, "--optimizer=Adam", "--optimizer.betas=[0.9, 2]"), [
    "--optimizer.betas.1 must be a number from 0 on, up to 1, got 2",
  ]);
  assertEquals(await problems(program, "--optimizer=Adam", "--optimizer.betas=0.9"), [
    "--optimizer.betas must be a list of 2: each a number from 0 on, up to 1, got 0.9",
  ]);
  const lines = usage(program, "fit").split("\n").map((line) => line.trim().replace(/ +/g, " "));
  for (
    const line of [
      "--optimizer.betas decay of both running means: a list of 2: each a number from 0 on, up to 1 [[0.9,0.999]]",
      "--optimizer.momentumDecay how fast momentum warms up: a number from 0 on [0.004]",
      "--lrScheduler.milestones intervals after which the rate drops: a list, each a whole number from 0 on",
    ]
  ) assertEquals(lines.includes(line), true, `${line}\n${lines.join("\n")}`);
});
