/** Single rules of the trainer, each played as it was recorded in `behaviours.json`. */
import { EMAWeightAveraging, LearningRateMonitor } from "../../../callbacks/mod.ts";
import { ArrayDataset, DataLoader, type Loader } from "../../../data/mod.ts";
import type { TrainerOptions } from "../../../lightning.ts";
import { defaultGenerator, mul, rand, type Tensor, zeros } from "../../../mod.ts";
import { Dropout, Parameter } from "../../../nn/mod.ts";
import { Adam, LambdaLR, SGD } from "../../../optim/mod.ts";
import { gradEnabled } from "../../../tensor/grad_mode.ts";
import { hostTensor } from "../../../tensor/host.ts";
import { checkpointRules } from "./checkpoint_rules.ts";
import { loggingRules } from "./logging_rules.ts";
import {
  attempt,
  filesIn,
  fit,
  hooks,
  inFolder,
  items,
  plain,
  Probe,
  type ProbeSpec,
  Rows,
  trainerOf,
  unit,
} from "./probe.ts";
import { refusal } from "./refusals.ts";

/** A rule, played with the parameters of a row. The types are those of the fixtures. */
// deno-lint-ignore no-explicit-any -- each rule knows the parameters of its own rows
export type Rule = (params: any) => Promise<unknown>;

async function checks(spec: ProbeSpec, options: TrainerOptions): Promise<unknown> {
  return await attempt(async () => {
    const probe = new Probe(spec);
    await fit(probe, options);
    return probe.checks;
  });
}

async function counts(spec: ProbeSpec, options: TrainerOptions): Promise<unknown> {
  const probe = new Probe(spec);
  const { globalStep } = await fit(probe, options);
  return { globalStep, batches: probe.batchesDone };
}

/** A loader; a list of arrays would be one loader whose batches are arrays. */
function loaderOf(count: number): Loader {
  const batches = items(count);
  return { length: count, [Symbol.iterator]: () => batches[Symbol.iterator]() };
}

function round(value: number): number {
  return Number(value.toFixed(5));
}

/** Two optimizers, each stepped by hand in every batch. */
class ByHand extends Probe {
  more: Parameter[];

  constructor(batches: number, count: number) {
    super({ batches });
    this.automaticOptimization = false;
    this.more = Array.from({ length: count }, () => new Parameter(zeros([1, 4])));
  }

  override async trainingStep(x: Tensor): Promise<null> {
    this.batchesDone++;
    for (const optimizer of [this.optimizers()].flat()) {
      optimizer.zeroGrad();
      let loss = mul(x, this.more[0]).mean();
      for (const weight of this.more.slice(1)) loss = loss.add(mul(x, weight).mean());
      await this.manualBackward(loss);
      optimizer.step();
    }
    return null;
  }

  override configureOptimizers(): SGD[] {
    return this.more.map((weight) => new SGD([weight], { lr: 1e-3 }));
  }
}

/** The rules by the number at the head of their names. */
export const rules: Readonly<Record<string, Rule>> = {
  b01: ({ accumulate, batches, epochs }) =>
    counts({ batches }, { accumulateGradBatches: accumulate, maxEpochs: epochs }),

  b02: async ({ accumulate, batches }) => {
    const gradients: number[] = [], losses: number[] = [];
    const callbacks = hooks({
      onBeforeOptimizerStep: async (_, probe) => void gradients.push((await (probe as Probe).weight.grad!.data())[0]),
      onTrainBatchEnd: async (_, __, outputs) => void losses.push(round(await (outputs as Tensor).item())),
    });
    await fit(new Probe({ batches, body: unit }), { accumulateGradBatches: accumulate, callbacks });
    return { gradients, firstOutputLoss: losses[0], firstLoss: 4 };
  },

  b03: async ({ accumulate, batches, epochs }) => {
    const { globalStep } = await fit(new Probe({ batches }), { accumulateGradBatches: accumulate, maxEpochs: epochs });
    return { globalStep };
  },

  b04: async ({ maxSteps, accumulate, batches }) => {
    const probe = new Probe({ batches });
    const trainer = await fit(probe, { maxSteps, maxEpochs: -1, accumulateGradBatches: accumulate });
    return { batches: probe.batchesDone, globalStep: trainer.globalStep, currentEpoch: trainer.currentEpoch };
  },

  b05: ({ interval, batches }) => checks({ batches }, { valCheckInterval: interval }),
  b06: ({ interval, batches }) => checks({ batches }, { valCheckInterval: interval }),

  b07: async ({ interval, batches, epochs }) => {
    const options = { valCheckInterval: interval, maxEpochs: epochs };
    const perEpoch = await checks({ batches }, options);
    return { perEpoch, acrossEpochs: await checks({ batches }, { ...options, checkValEveryNEpoch: null }) };
  },

  b08: ({ interval, every, batches, epochs }) =>
    checks({ batches }, { valCheckInterval: interval, checkValEveryNEpoch: every, maxEpochs: epochs }),
  b09: ({ every, batches, epochs }) => checks({ batches }, { checkValEveryNEpoch: every, maxEpochs: epochs }),
  b10: ({ interval, accumulate, batches }) =>
    checks({ batches }, { valCheckInterval: interval, accumulateGradBatches: accumulate }),

  b11: ({ value, batches }) =>
    attempt(async () => {
      const probe = new Probe({ batches });
      await fit(probe, { limitTrainBatches: value });
      return { batches: probe.batchesDone };
    }),

  b12: async ({ overfit, batches, epochs }) => {
    const seen: number[] = [];
    const body = async (probe: Probe, x: Tensor) => {
      seen.push(round((await x.data())[0]));
      return plain(probe, x);
    };
    const probe = new Probe({ batches, val: batches, body });
    const all = items(batches).map(({ data }) => [...data]).flat();
    const data = new ArrayDataset([hostTensor(Float32Array.from(all), { dtype: "f32", shape: [batches, 4] })]);
    const options: TrainerOptions = { overfitBatches: overfit, maxEpochs: epochs, numSanityValSteps: 0 };
    const loader = new DataLoader(data, { shuffle: true, transform: ([x]) => x });
    await fit(probe, options, loader as Loader);
    return { items: seen, valBatches: probe.valCount };
  },

  b13: ({ n, batches, maxEpochs }) =>
    inFolder(async (root) => {
      const probe = new Probe({ batches, val: batches });
      const options = { fastDevRun: n, maxEpochs, logger: true, enableCheckpointing: true, defaultRootDir: root };
      const trainer = await fit(probe, options);
      return {
        trainBatches: probe.batchesDone,
        valBatches: probe.valCount,
        globalStep: trainer.globalStep,
        maxEpochs: trainer.maxEpochs,
        files: await filesIn(root),
      };
    }),

  b14: async ({ steps, val }) => {
    const play = async (numSanityValSteps: number) => {
      let seen: [number, number, number] = [0, 0, 0];
      defaultGenerator.manualSeed(0);
      const valBody = (probe: Probe) => {
        probe.log("v", 1);
        rand([3]);
      };
      const onTrainStart = async () => {
        const { callbackMetrics } = probe.trainer;
        seen = [probe.valCount, Object.keys(callbackMetrics).length, await rand([1]).item()];
      };
      const probe = new Probe({ batches: 2, val, valBody });
      await fit(probe, { numSanityValSteps, callbacks: hooks({ onTrainStart }) });
      return seen;
    };
    const [a, b] = [await play(steps), await play(0)];
    return { sanityBatches: a[0], metricsAfter: a[1], randomUnchanged: a[2] === b[2] };
  },

  b15: async ({ at, batches, epochs }) => {
    const probe = new Probe({ batches }), epochEnds: number[] = [];
    const callbacks = hooks({
      onTrainBatchStart: (_, __, ___, batchIdx) => batchIdx === at ? -1 : undefined,
      onTrainEpochEnd: (trainer) => void epochEnds.push(trainer.currentEpoch),
    });
    const { globalStep } = await fit(probe, { maxEpochs: epochs, callbacks });
    return { trained: probe.seen, globalStep, epochEnds, validations: probe.checks };
  },

  b16: async ({ every, batches }) => {
    const backwardAt: number[] = [];
    const body = (probe: Probe, x: Tensor, i: number) => i % every === every - 1 ? null : plain(probe, x);
    const callbacks = hooks({ onBeforeBackward: (trainer) => void backwardAt.push(trainer.batchIdx) });
    const { globalStep } = await fit(new Probe({ batches, body }), { callbacks });
    return { globalStep, backwardAt };
  },

  b17: async ({ optimizers, batches, maxSteps }) => {
    const { globalStep } = await fit(new ByHand(batches, optimizers));
    const second = new ByHand(batches, optimizers);
    const limited = await fit(second, { maxSteps, maxEpochs: -1 });
    return { globalStep, withMaxSteps: { globalStep: limited.globalStep, batches: second.batchesDone } };
  },

  b18: ({ what }) => attempt(() => refusal(what)),

  b19: async ({ at, batches, epochs }) => {
    const body = (probe: Probe, x: Tensor, i: number) => {
      probe.trainer.shouldStop ||= i === at;
      return plain(probe, x);
    };
    const probe = new Probe({ batches, body });
    const { currentEpoch } = await fit(probe, { maxEpochs: epochs });
    return { batches: probe.batchesDone, currentEpoch, validations: probe.checks };
  },

  b20: async ({ minEpochs, maxEpochs, batches }) => {
    const body = (probe: Probe, x: Tensor) => {
      probe.trainer.shouldStop = true;
      return plain(probe, x);
    };
    const probe = new Probe({ batches, body });
    const { currentEpoch } = await fit(probe, { minEpochs, maxEpochs });
    return { batches: probe.batchesDone, currentEpoch };
  },

  ...loggingRules,
  ...checkpointRules,

  b34: async ({ interval, frequency, accumulate, batches, epochs }) => {
    const at: [number, number][] = [];
    class Scheduled extends Probe {
      override configureOptimizers() {
        const optimizer = new SGD([this.weight], { lr: 1 });
        return {
          optimizer,
          lrScheduler: { scheduler: new LambdaLR(optimizer, { lrLambda: () => 1 }), interval, frequency },
        };
      }
      override lrSchedulerStep(...args: Parameters<Probe["lrSchedulerStep"]>) {
        at.push([this.currentEpoch, this.trainer.batchIdx]);
        return super.lrSchedulerStep(...args);
      }
    }
    await fit(new Scheduled({ batches }), { accumulateGradBatches: accumulate, maxEpochs: epochs });
    return at;
  },

  b35: async ({ value, algorithm }) => {
    const seen: (number[] | null)[] = [];
    const onBeforeZeroGrad = async () => {
      const { grad } = probe.weight;
      seen.push(grad === null ? null : [...await grad.data()].map(round));
    };
    const probe = new Probe({ batches: 2, body: unit });
    // Lightning keeps gradients until they are cleared for the next window, so does the trainer.
    await fit(probe, {
      gradientClipVal: value,
      ...algorithm === null ? {} : { gradientClipAlgorithm: algorithm },
      callbacks: hooks({ onBeforeZeroGrad }),
    });
    return seen[1];
  },

  b37: async ({ batches, epochs, more }) => {
    const probe = new Probe({ batches }), trainer = trainerOf({ maxEpochs: epochs }), done: number[] = [];
    for (const maxEpochs of [epochs, epochs, epochs + more]) {
      trainer.maxEpochs = maxEpochs;
      const before = probe.batchesDone;
      await trainer.fit(probe);
      done.push(probe.batchesDone - before);
      for (const optimizer of trainer.optimizers) optimizer.dispose();
    }
    return { first: done[0], second: done[1], third: done[2], currentEpoch: trainer.currentEpoch };
  },

  b38: async ({ every, epochs }) => {
    const built = { train: 0, val: 0 };
    class Builds extends Probe {
      override trainDataloader() {
        built.train++;
        return super.trainDataloader();
      }
      override valDataloader() {
        built.val++;
        return super.valDataloader();
      }
    }
    await fit(new Builds({ batches: 2 }), { maxEpochs: epochs, reloadDataloadersEveryNEpochs: every });
    return built;
  },

  b39: async ({ train, val }) => {
    const batches: Record<string, number>[] = [];
    const body = async (probe: Probe, x: Tensor) => {
      const seen: Record<string, number> = {};
      for (const [name, t] of Object.entries(x as unknown as Record<string, Tensor>)) seen[name] = (await t.data())[0];
      batches.push(seen);
      return plain(probe, (x as unknown as Record<string, Tensor>).a);
    };
    const probe = new Probe({ body, valBody: (probe, _, __, loader) => probe.log("v", loader) });
    const loaders = Object.entries(train as Record<string, number>).map(([name, n]) => [name, loaderOf(n)]);
    const data = { train: Object.fromEntries(loaders), val: (val as number[]).map(loaderOf) };
    const trainer = await fit(probe, {}, data);
    return { batches, metrics: Object.keys(trainer.callbackMetrics).sort() };
  },

  b40: async ({ decay, lr, batches }) => {
    const raw: number[] = [], validation: number[] = [];
    const first = async (probe: Probe) => Number((await probe.weight.data())[0].toFixed(6));
    const valBody = async (probe: Probe) => void validation.push(await first(probe));
    const probe = new Probe({ batches, lr, body: unit, valBody });
    const sees = hooks({ onTrainBatchEnd: async (_, probe) => void raw.push(await first(probe as Probe)) });
    await fit(probe, { callbacks: [new EMAWeightAveraging({ decay }), sees], numSanityValSteps: 0 });
    return { raw, validation, final: await first(probe) };
  },

  b41: async ({ groups }) => {
    const logger = new Rows();
    class Grouped extends Probe {
      readonly spare = Array.from({ length: groups - 1 }, () => new Parameter(zeros([1])));
      override configureOptimizers() {
        return new Adam([this.weight, ...this.spare].map((p, i) => ({ params: [p], lr: 0.1 / (i + 1) })));
      }
    }
    const options = { logger, logEveryNSteps: 1, limitValBatches: 0, callbacks: new LearningRateMonitor() };
    await fit(new Grouped({ batches: 2 }), options);
    return logger.rows;
  },

  b42: ({ items, accumulate, interval }) =>
    attempt(async () => {
      const probe = new Probe({ batches: items, stream: true });
      const { globalStep } = await fit(probe, { accumulateGradBatches: accumulate, valCheckInterval: interval });
      return { globalStep, batches: probe.batchesDone, validations: probe.checks };
    }),

  b44: async ({ evalChild }) => {
    const inside: boolean[][] = [], after: boolean[][] = [];
    class Modes extends Probe {
      readonly child = new Dropout();
    }
    const valBody = () => void inside.push([probe.training, probe.child.training, gradEnabled()]);
    const probe = new Modes({ batches: 2, val: 1, valBody });
    if (evalChild) probe.child.eval();
    const onTrainEpochEnd = () => void after.push([probe.training, probe.child.training]);
    await fit(probe, { numSanityValSteps: 0, callbacks: hooks({ onTrainEpochEnd }) });
    return { duringValidation: inside[0], after: after[0] };
  },

  b46: async ({ accumulate, batches, epochs, maxSteps }) => {
    let steps = 0;
    class Counts extends Probe {
      override configureOptimizers() {
        steps = this.trainer.estimatedSteppingBatches;
        return super.configureOptimizers();
      }
    }
    await fit(new Counts({ batches }), { accumulateGradBatches: accumulate, maxEpochs: epochs, maxSteps });
    return steps;
  },
};
