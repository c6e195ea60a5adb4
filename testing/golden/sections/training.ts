/** Whole training runs from stored weights on stored batches: losses, gradient norms, final weights, evaluation. */
import { backward, div, reshape, scope, type Tensor, tensor } from "../../../mod.ts";
import type { Optimizer } from "../../../optim/mod.ts";
import { Precision } from "../../../trainer/precision.ts";
import { type Average, averageOf } from "../averages.ts";
import { type Check, toDevice, verify } from "../checks.ts";
import { close, type Tolerance } from "../compare.ts";
import { beside, readTensors, type Row, type Suite, type Tensors } from "../format.ts";
import { findFunction, findOp } from "../library.ts";
import { buildModel, infer, parameterGroups, type Wired } from "../models.ts";
import { makeOptimizer, makeScheduler, type OptimizerLike, type SchedulerLike } from "../optimizers.ts";
import { type Result, resultOf } from "../report.ts";
import type { Section } from "../section.ts";

/** Rows that are whole runs. */
export const training: Section = {
  name: "training",
  accepts: (row) => typeof row.architecture === "string" && Array.isArray(row.losses),
  async run(rows, suite) {
    const results: Result[] = [];
    for (const row of rows) {
      const id = String(row.id);
      try {
        const wrong = await scope(() => new Run(row, suite).compare());
        results.push({
          section: "training",
          id,
          ...wrong.length === 0 ? { outcome: "passed" } : { outcome: "failed", detail: wrong.join("\n") },
        });
      } catch (error) {
        results.push(resultOf("training", id, error));
      }
    }
    return results;
  },
};

/** The bands of a run. */
interface Bands {
  losses: number[];
  gradNorms: number[];
  final: Tolerance;
  probeStart: Tolerance;
  probeEnd: Tolerance;
  evalLoss: number;
  evalAccuracy: number;
}

/** Inputs and targets of a run, by place in the data. */
interface Data {
  /** Samples at places: the model's input, and its target. */
  at(places: ArrayLike<number>): { x: Tensor; y: Tensor };
  /** Places that are evaluated at the end. */
  all: number[];
  /** Places that are probed. */
  probe: number[];
}

/** What a run came to. */
export interface Course {
  /** The loss of each batch. */
  readonly losses: readonly number[];
  /** The loss of the final weights over all data; `null` where the run was cut short. */
  readonly evalLoss: number | null;
}

/**
 * Goes through a run in a mode of its own choice, without comparing.
 *
 * @param row The run
 * @param suite Its file
 * @param precision The mode
 * @param batches How many batches it takes; default: all
 */
export async function courseOf(
  row: Row,
  suite: Suite,
  precision: Precision,
  batches?: number,
): Promise<Course> {
  return await new Run(row, suite, precision, batches).course();
}

class Run {
  readonly row: Row;
  readonly suite: Suite;
  readonly wrong: string[] = [];
  readonly #precision: Precision;
  readonly #batches: number;

  constructor(
    row: Row,
    suite: Suite,
    precision: Precision = new Precision(row.autocast === "bf16" ? "bf16-mixed" : "32-true"),
    batches = Infinity,
  ) {
    this.row = row;
    this.suite = suite;
    this.#precision = precision;
    this.#batches = batches;
  }

  /** Runs it and gives the losses. */
  async course(): Promise<Course> {
    const { row, suite } = this;
    const tensors = await readTensors(beside(suite.path, String(row.tensors)));
    const { model, optimizer } = this.#build(tensors);
    const scheduler = row.scheduler === undefined ? undefined : makeScheduler(optimizer, row.scheduler as Row);
    try {
      const data = row.data === "text" ? textData(row) : await digits(row, suite);
      const { losses } = await this.#train(model, optimizer, scheduler, undefined, data, tensors);
      if (losses.length < (row.losses as number[]).length) return { losses, evalLoss: null };
      const { x, y } = data.at(data.all);
      const out = this.#precision.forward(() => infer(model, this.#precision.input(x) as Tensor));
      return { losses, evalLoss: await this.#loss(out, y).item() };
    } finally {
      for (const owner of [model, optimizer, this.#precision]) owner.dispose();
    }
  }

  /** The model with its start weights, in the mode's type, and then its optimizer. */
  #build(tensors: Tensors): { model: Wired; optimizer: OptimizerLike } {
    const { row } = this;
    const model = buildModel(row);
    try {
      load(model, row, tensors);
      this.#precision.convert(model);
      const groups = parameterGroups(row, model.namedParameters());
      const { class: name, options } = row.optimizer as Row;
      return { model, optimizer: makeOptimizer(String(name), groups, options as Row) };
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** Runs it and says what is outside its band. */
  async compare(): Promise<string[]> {
    const { row, suite } = this;
    const tensors = await readTensors(beside(suite.path, String(row.tensors)));
    const { model, optimizer } = this.#build(tensors);
    const average = row.ema === undefined ? undefined : averageOf(model, "ema", Number(row.ema));
    try {
      await this.#compare(model, optimizer, average, tensors);
    } finally {
      for (const owner of [model, optimizer, average]) owner?.dispose();
    }
    return this.wrong;
  }

  async #compare(
    model: Wired,
    optimizer: OptimizerLike,
    average: Average | undefined,
    tensors: Tensors,
  ): Promise<void> {
    const { row, suite } = this;
    const scheduler = row.scheduler === undefined ? undefined : makeScheduler(optimizer, row.scheduler as Row);
    const data = row.data === "text" ? textData(row) : await digits(row, suite);
    const bands = row.tolerance as unknown as Bands;
    const probe = data.at(data.probe).x;
    const start = infer(model, probe);
    const { losses, gradNorms } = await this.#train(model, optimizer, scheduler, average, data, tensors);
    this.#band("loss of batch", losses, row.losses as number[], bands.losses);
    this.#band("gradient norm of step", gradNorms, row.gradNorms as number[], bands.gradNorms);

    const probes = row.probe as Row;
    const checks: Check[] = [
      { label: "probe at the start", tensor: start, want: tensors(String(probes.start)), tolerance: bands.probeStart },
      {
        label: "probe at the end",
        tensor: infer(model, probe),
        want: tensors(String(probes.end)),
        tolerance: bands.probeEnd,
      },
    ];
    const state = model.stateDict();
    for (const [name, t] of average?.averages ?? []) state.set(`ema.${name}`, t);
    for (const [name, key] of Object.entries(row.final as Record<string, string>)) {
      const got = state.get(name);
      if (got === undefined) this.wrong.push(`final ${name} does not exist`);
      else checks.push({ label: `final ${name}`, tensor: got, want: tensors(key), tolerance: bands.final });
    }
    this.wrong.push(...await verify(checks));
    await this.#evaluate(model, data, bands);
  }

  /** The loop: accumulate, clip, step, schedule. Losses and norms are read at the end. */
  async #train(
    model: Wired,
    optimizer: OptimizerLike,
    scheduler: SchedulerLike | undefined,
    average: Average | undefined,
    data: Data,
    tensors: Tensors,
  ): Promise<{ losses: number[]; gradNorms: number[] }> {
    const { row } = this;
    const batches = tensors(String(row.batchIndices));
    const [count, size] = batches.shape;
    const every = Number(row.accumulate ?? 1);
    const perEpoch = Number(row.batchesPerEpoch ?? count);
    const clip = findFunction("optim", "clipGradNorm");
    const params = [...model.parameters()];
    const losses: Promise<number>[] = [];
    const gradNorms: Promise<number>[] = [];
    const precision = this.#precision, scaled = optimizer as unknown as Optimizer;
    const detach = precision.attach([scaled]);
    for (let i = 0; i < Math.min(count, this.#batches); i++) {
      const place = i % perEpoch;
      const first = place - place % every;
      const window = row.divideBy === "window" ? Math.min(every, perEpoch - first) : every;
      if (place === first) optimizer.zeroGrad();
      scope(() => {
        const { x, y } = data.at(Array.prototype.slice.call(batches.values, i * size, (i + 1) * size));
        const loss = precision.forward(() => this.#loss(model.forward(precision.input(x) as Tensor), y));
        backward(precision.scale(window === 1 ? loss : div(loss, window)));
        losses.push(loss.item());
      });
      if (place + 1 - first < every && place + 1 !== perEpoch) continue;
      scope(() => {
        precision.unscale(scaled);
        const norm = clip(params, Number(row.clipNorm ?? Infinity)) as Tensor;
        gradNorms.push(norm.item());
        this.#rates(optimizer, gradNorms.length - 1);
        optimizer.step();
        average?.updateParameters(model);
      });
      scheduler?.step();
    }
    detach();
    return { losses: await Promise.all(losses), gradNorms: await Promise.all(gradNorms) };
  }

  /** Compares the rates that a step uses. Without a scheduler only the first is stored. */
  #rates(optimizer: OptimizerLike, step: number): void {
    const lrs = this.row.lrs as number[][];
    const want = lrs[Math.min(step, lrs.length - 1)];
    const got = optimizer.paramGroups.map(({ lr }) => lr);
    if (got.some((lr, group) => !close(lr, want[group], { rtol: 1e-9, atol: 1e-12 }))) {
      this.wrong.push(`rates of step ${step} are [${got}], want [${want}]`);
    }
  }

  #loss(out: Tensor, y: Tensor): Tensor {
    const { loss: kind, labelSmoothing } = this.row;
    const loss = findOp(String(kind));
    if (kind !== "crossEntropy") return loss(out, y) as Tensor;
    const classes = out.shape.at(-1) as number;
    const options = labelSmoothing === undefined ? [] : [{ labelSmoothing }];
    return loss(reshape(out, [-1, classes]), reshape(y, [-1]), ...options) as Tensor;
  }

  async #evaluate(model: Wired, data: Data, bands: Bands): Promise<void> {
    const { x, y } = data.at(data.all);
    const out = infer(model, x);
    const loss = await this.#loss(out, y).item();
    this.#band("evaluation loss", [loss], [Number(this.row.evalLoss)], [bands.evalLoss]);
    if (this.row.evalAccuracy === undefined) return;
    const [scores, targets] = await Promise.all([out.data(), y.data()]);
    const classes = out.shape.at(-1) as number;
    let right = 0;
    for (const [i, target] of targets.entries()) {
      let best = 0;
      for (let c = 1; c < classes; c++) if (scores[i * classes + c] > scores[i * classes + best]) best = c;
      if (best === target) right++;
    }
    const accuracy = right / targets.length;
    this.#band("evaluation accuracy", [accuracy], [Number(this.row.evalAccuracy)], [bands.evalAccuracy]);
  }

  /** Compares numbers with absolute bands, and says which is farthest outside and how many are. */
  #band(label: string, got: number[], want: number[], bands: number[]): void {
    if (got.length !== want.length) {
      this.wrong.push(`${label}: ${got.length} values, want ${want.length}`);
      return;
    }
    const excess = got.map((value, i) => Math.abs(value - want[i]) / bands[i]);
    // Not `> 1`: a NaN is outside too.
    const outside = [...excess.keys()].filter((i) => !(excess[i] <= 1));
    if (outside.length === 0) return;
    const worst = outside.reduce((a, b) => excess[b] > excess[a] || Number.isNaN(excess[b]) ? b : a);
    this.wrong.push(
      `${label} ${worst} is ${got[worst]}, want ${want[worst]} ± ${bands[worst]} ` +
        `(${outside.length} of ${got.length} outside, the first ${outside[0]})`,
    );
  }
}

/** Gives a model the start weights of a run. */
function load(model: Wired, row: Row, tensors: Tensors): void {
  const names = (row.stateDict as [string, number[]][]).map(([name]) => name);
  const got = [...model.stateDict().keys()];
  if (got.join() !== names.join()) {
    throw new RangeError(`Cannot load ${row.id}: the model has [${got.join(", ")}], the run [${names.join(", ")}]`);
  }
  model.loadStateDict(Object.fromEntries(names.map((name) => [name, toDevice(tensors(`init/${name}`))])));
}

/** Rows of the digits. */
async function digits(row: Row, suite: Suite): Promise<Data> {
  const { header } = suite;
  const tensors = await readTensors(beside(suite.path, String(header.data)));
  const keys = header[String(row.data)] as Record<string, string>;
  const [x, y] = [tensors(keys.x), tensors(keys.y)];
  const [count, width] = x.shape;
  return {
    all: Array.from({ length: count }, (_, i) => i),
    probe: [3, 10, 17, 24],
    at(places) {
      const rows = new Float32Array(places.length * width);
      for (let i = 0; i < places.length; i++) {
        for (let j = 0; j < width; j++) rows[i * width + j] = x.values[places[i] * width + j];
      }
      const images = tensor(rows, { shape: [places.length, width] });
      if (row.target === "input") return { x: images, y: images };
      return { x: images, y: tensor(Int32Array.from(places, (place) => y.values[place])) };
    },
  };
}

/** Windows of a text; targets are one character further. */
function textData(row: Row): Data {
  const order = new Map([...String(row.vocab)].map((character, i) => [character, i]));
  const ids = Int32Array.from([...String(row.text)], (character) => order.get(character) ?? -1);
  const context = Number(row.context);
  const windows = (places: ArrayLike<number>, shift: number) => {
    const values = new Int32Array(places.length * context);
    for (let i = 0; i < places.length; i++) {
      for (let t = 0; t < context; t++) values[i * context + t] = ids[places[i] + t + shift];
    }
    return tensor(values, { shape: [places.length, context] });
  };
  const all: number[] = [];
  for (let place = 0; place < ids.length - context - 1; place += 7) all.push(place);
  return { all, probe: [3], at: (places) => ({ x: windows(places, 0), y: windows(places, 1) }) };
}
