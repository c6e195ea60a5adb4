/** What is logged: names, weights, rows, and what is refused. */
import { ArrayDataset, DataLoader, type Loader } from "../../../data/mod.ts";
import type { LogOptions } from "../../../lightning.ts";
import { mul, type Tensor, zeros } from "../../../mod.ts";
import { hostTensor } from "../../../tensor/host.ts";
import { Missing } from "../report.ts";
import type { Rule } from "./behaviours.ts";
import { attempt, fit, hooks, items, plain, Probe, Rows, trainerOf } from "./probe.ts";

/** A loss that changes nothing. */
function still(probe: Probe, x: Tensor): Tensor {
  return mul(plain(probe, x), 0);
}

/** Logs something in the training step. */
function logging(...values: [name: string, value: unknown, options?: LogOptions][]): Probe {
  const body = (probe: Probe, x: Tensor) => {
    for (const [name, value, options] of values) probe.log(name, value as number, options);
    return plain(probe, x);
  };
  return new Probe({ batches: 2, body });
}

class LogsInEpochEnd extends Probe {
  override onTrainEpochEnd(): void {
    this.log("a", 1, { onStep: true });
  }
}

class LogsInPredict extends Probe {
  override predictStep(): void {
    this.log("a", 1);
  }
}

const twice: Readonly<Record<string, () => Probe>> = {
  "twice with the same arguments": () => logging(["a", 1, { onEpoch: true }], ["a", 4, { onEpoch: true }]),
  "twice with different arguments": () => logging(["a", 1], ["a", 1, { progBar: true }]),
  "a vector": () => logging(["a", zeros([2])]),
  "neither step nor epoch": () => logging(["a", 1, { onStep: false, onEpoch: false }]),
  "a string": () => logging(["a", "text"]),
  "on step in an epoch hook": () => new LogsInEpochEnd({ batches: 2 }),
};

/** Rules 21 to 27. */
export const loggingRules: Readonly<Record<string, Rule>> = {
  b21: async ({ batches }) => {
    const body = (probe: Probe, x: Tensor) => {
      probe.log("both", 1, { onStep: true, onEpoch: true, progBar: true });
      probe.log("plain", 1);
      probe.log("epoch_only", 1, { onStep: false, onEpoch: true });
      probe.log("hidden", 1, { logger: false });
      return still(probe, x);
    };
    const valBody = (probe: Probe, _: Tensor, i: number) => {
      probe.log("v_both", i, { onStep: true, onEpoch: true });
      probe.log("v", i);
    };
    let first: string[] | null = null;
    const onTrainBatchEnd = hooks({
      onTrainBatchEnd: async (trainer) => {
        await trainer.refreshMetrics();
        first ??= Object.keys(trainer.callbackMetrics);
      },
    });
    const trainer = await fit(new Probe({ batches, body, valBody }), { callbacks: onTrainBatchEnd });
    const { callbackMetrics, loggedMetrics, progressBarMetrics } = trainer;
    const names = (metrics: object) => Object.keys(metrics).sort();
    return {
      // Values of an epoch that has only begun are there, too; Lightning shows them at its end.
      callbackAfterFirstBatch: first!.filter((name) => name !== "epoch_only" && name !== "both_epoch").sort(),
      callback: names(callbackMetrics),
      logged: names(loggedMetrics),
      progressBar: names(progressBarMetrics),
    };
  },

  b22: async ({ items: count, batchSize }) => {
    const kinds: Record<string, LogOptions> = {
      mean: {},
      mean1: { batchSize: 1 },
      sum: { reduceFx: "sum" },
      max: { reduceFx: "max" },
      min: { reduceFx: "min" },
    };
    const body = (probe: Probe, x: Tensor, i: number) => {
      for (const [name, options] of Object.entries(kinds)) {
        probe.log(name, i, { onStep: false, onEpoch: true, ...options });
      }
      return still(probe, x);
    };
    const all = Float32Array.from(items(count).flatMap(({ data }) => [...data]));
    const data = new ArrayDataset([hostTensor(all, { dtype: "f32", shape: [count, 4] })]);
    const loader = new DataLoader(data, { batchSize, transform: ([x]) => x });
    const { callbackMetrics } = await fit(new Probe({ body }), { limitValBatches: 0 }, loader as Loader);
    return { ...callbackMetrics };
  },

  b23: async ({ every, batches, epochs }) => {
    const logger = new Rows();
    const body = (probe: Probe, x: Tensor, i: number) => {
      probe.log("s", i);
      probe.log("e", 1, { onStep: false, onEpoch: true });
      return still(probe, x);
    };
    const probe = new Probe({ batches, val: 1, body, valBody: (probe) => probe.log("v", 1) });
    await fit(probe, { logger, logEveryNSteps: every, maxEpochs: epochs });
    return logger.rows;
  },

  b24: async ({ accumulate, batches }) => {
    const logger = new Rows();
    const body = (probe: Probe, x: Tensor, i: number) => {
      probe.log("s", i);
      return still(probe, x);
    };
    const options = { logger, logEveryNSteps: 1, accumulateGradBatches: accumulate, limitValBatches: 0 };
    await fit(new Probe({ batches, body }), options);
    return logger.rows;
  },

  b25: async ({ batches, val, epochs }) => {
    const logger = new Rows();
    const valBody = (probe: Probe, _: Tensor, i: number) => probe.log("v", i, { onStep: true, onEpoch: true });
    await fit(new Probe({ batches, val, valBody }), { logger, logEveryNSteps: 2, maxEpochs: epochs });
    return logger.rows;
  },

  b26: async ({ offset, batches }) => {
    const logger = new Rows();
    const body = (probe: Probe, x: Tensor, i: number) => {
      probe.log("step", offset + i);
      probe.log("s", 1);
      return still(probe, x);
    };
    await fit(new Probe({ batches, body }), { logger, logEveryNSteps: 1, limitValBatches: 0 });
    return logger.rows;
  },

  b27: ({ what }) =>
    attempt(async () => {
      if (what === "in a predict hook") return await trainerOf().predict(new LogsInPredict(), items(1));
      const make = twice[what];
      if (make === undefined) throw new Missing(`logging ${what}`);
      return { ...(await fit(make(), { limitValBatches: 0 })).callbackMetrics };
    }),
};
