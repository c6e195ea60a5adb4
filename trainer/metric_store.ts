import { show } from "../device/option_names.ts";
import type { StateDict } from "../data/mod.ts";
import { Metric } from "../metrics/mod.ts";
import { tensor } from "../tensor/create.ts";
import type { DType } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import type { HostTensor } from "../tensor/host.ts";
import { keep } from "../tensor/scope.ts";
import { showOperand } from "../tensor/operands.ts";
import { Tensor } from "../tensor/tensor.ts";
import { toHostAll } from "../tensor/to_host.ts";
import { combined, free, isReduction, type Logged, ours, over, own, times, wide } from "./_logged.ts";
import { type Loggable, type LogOptions, type Reduction, whenLogged } from "./log.ts";
import type { NamedValue } from "./named_values.ts";

/** What is fixed of a logged value: its name, where it appears, and how it is reduced. */
interface Kind {
  readonly name: string;
  /** What the loader adds to the name, or nothing. */
  readonly suffix: string;
  /** Which loader's batches it comes from, where there is more than one; without it, of none of its own. */
  readonly loader?: number;
  readonly onStep: boolean;
  readonly onEpoch: boolean;
  readonly progBar: boolean;
  readonly logger: boolean;
  readonly reduceFx: Reduction;
}

interface Entry extends Kind {
  /** The metric that was logged, if it was one: then the epoch's value is what it computes. */
  readonly metric: Metric | null;
  /** The latest value. */
  last: Logged;
  /** Whether there is one: a metric may have none yet. */
  known: boolean;
  /** Weighted sum, sum, least or greatest so far. */
  total: Logged;
  weight: number;
  /** Whether a value came since the last step row. */
  fresh: boolean;
}

/** How much of an entry there is. */
type Sum = Pick<Entry, "total" | "weight">;

/** What a value is told apart by, of several evaluation loaders. */
export interface LoaderPlace {
  /** What the loader adds to names, or nothing. */
  readonly suffix: string;
  /** Its number; without it, values are of no loader of their own. */
  readonly loader?: number;
}

/**
 * The values logged in one loop. They stay on the device: sums grow there as pointwise chains, and nothing is read
 * before someone asks for numbers.
 */
export class MetricStore {
  readonly #entries = new Map<string, Entry>();
  /** Which value has each name of a row. */
  readonly #names = new Map<string, string>();
  /** Values that rest on the host, to the bit; the entries have them back before anything is done with them. */
  #resting: { readonly entry: Entry; readonly slot: "last" | "total"; readonly value: HostTensor<DType> }[] = [];
  /** What grew since the {@link mark}, as it was there. */
  readonly #before = new Map<Entry, Sum>();

  /**
   * Takes a value.
   *
   * @param hook The hook that logs it
   * @param place Of which loader
   * @param batchSize Items in the batch, asked for where an average needs it
   */
  log(
    name: string,
    given: Loggable,
    options: LogOptions,
    hook: string,
    place: LoaderPlace,
    batchSize: () => number,
  ): void {
    const metric = given instanceof Metric ? given : null;
    const value: Logged | null = given instanceof Metric ? given.latest : given;
    if (value !== null || metric === null) checkOne(name, value);
    const { batchSize: weight } = options;
    if (weight !== undefined && !(Number.isFinite(weight) && weight >= 0)) {
      throw new TypeError(`Cannot log ${name}: batchSize must be a number from 0 on, got ${show(weight)}`);
    }
    const entry = this.#entryOf(name, place, options, hook, metric);
    free(entry.last);
    entry.last = 0;
    entry.known = value !== null;
    if (value === null) return;
    noGrad(() => {
      entry.last = own(value);
      if (entry.onEpoch && metric === null) {
        this.#accumulate(entry, value, entry.reduceFx === "mean" ? weight ?? batchSize() : 1);
      }
    });
    entry.fresh = true;
  }

  #accumulate(entry: Entry, value: Logged, weight: number): void {
    const before = { total: entry.total, weight: entry.weight }, weighted = times(wide(value), weight);
    entry.total = entry.weight === 0 ? own(weighted) : combined(entry.total, entry.reduceFx, weighted);
    entry.weight += weight;
    if (this.#before.has(entry)) free(before.total);
    else this.#before.set(entry, before);
  }

  #entryOf(name: string, place: LoaderPlace, options: LogOptions, hook: string, metric: Metric | null): Entry {
    const { suffix, loader } = place;
    // Without a suffix loaders share the name, but not the value.
    const key = `${hook}.${name}${suffix === "" && loader !== undefined ? `#${loader}` : suffix}`;
    const { onStep, onEpoch } = whenLogged(name, hook, options);
    const { progBar = false, logger = true, reduceFx = "mean" } = options;
    this.#wake();
    const known = this.#entries.get(key);
    if (known === undefined) {
      const entry: Entry = {
        ...{ name, ...place, onStep, onEpoch, progBar, logger, reduceFx },
        ...{ metric, last: 0, known: false, total: 0, weight: 0, fresh: false },
      };
      if (!isReduction(reduceFx)) {
        throw new TypeError(
          `Cannot log ${name}: reduceFx must be "mean", "sum", "min" or "max", got ${JSON.stringify(reduceFx)}`,
        );
      }
      this.#claim(entry);
      this.#entries.set(key, entry);
      return entry;
    }
    const same = known.onStep === onStep && known.onEpoch === onEpoch && known.progBar === progBar &&
      known.logger === logger && known.reduceFx === reduceFx;
    if (!same) throw new Error(`Cannot log ${name} in ${hook}: it was logged there with other options before`);
    if (known.metric !== metric) throw new Error(`Cannot log ${name} in ${hook}: another metric had this name before`);
    return known;
  }

  /** Takes the names of an entry; what several hooks log under one name is one value. */
  #claim({ name, suffix, onStep, onEpoch }: Kind): void {
    if (typeof name !== "string" || name === "") {
      throw new TypeError(`Cannot log ${show(name)}: the name must be a text that is not empty`);
    }
    const endings = onStep && onEpoch ? ["_step", "_epoch", ""] : [""], whose = name + suffix;
    for (const taken of endings.map((ending) => name + ending + suffix)) {
      const owner = this.#names.get(taken) ?? whose;
      if (owner !== whose) {
        throw new Error(
          `Cannot log ${whose}: its name ${taken} is taken by ${owner}, which is logged by step and epoch`,
        );
      }
      this.#names.set(taken, whose);
    }
  }

  /** The metric objects that were logged. */
  get metrics(): Metric[] {
    return [...this.#entries.values()].flatMap(({ metric }) => metric ?? []);
  }

  /** Whether {@link stepValues} has any. */
  get hasStepValues(): boolean {
    for (const { onStep, fresh } of this.#entries.values()) if (onStep && fresh) return true;
    return false;
  }

  /** Values of the current batch, under the names of step rows; each is given once. */
  stepValues(): NamedValue[] {
    this.#wake();
    const values: NamedValue[] = [];
    for (const entry of this.#entries.values()) {
      if (!entry.onStep || !entry.fresh) continue;
      entry.fresh = false;
      values.push(named(entry, entry.onEpoch ? "_step" : "", entry.last));
    }
    return values;
  }

  /** Whether {@link progressValues} has any. */
  get hasProgressValues(): boolean {
    for (const { onStep, progBar } of this.#entries.values()) if (onStep && progBar) return true;
    return false;
  }

  /** Latest values that the progress bar shows, under the names of step rows. */
  progressValues(): NamedValue[] {
    this.#wake();
    const shown = [...this.#entries.values()].filter(({ onStep, progBar }) => onStep && progBar);
    return shown.map((entry) => named(entry, entry.onEpoch ? "_step" : "", entry.last));
  }

  /** Values of the epoch so far, under the names of epoch rows. */
  epochValues(): NamedValue[] {
    this.#wake();
    const entries = [...this.#entries.values()].filter((entry) => entry.onEpoch);
    return entries.map((entry) => named(entry, entry.onStep ? "_epoch" : "", reduced(entry)));
  }

  /**
   * All values under all names that callbacks may watch.
   *
   * @param steps Whether values of single batches are among them
   */
  callbackValues(steps = true): NamedValue[] {
    this.#wake();
    const values: NamedValue[] = [];
    for (const entry of this.#entries.values()) {
      const both = entry.onStep && entry.onEpoch;
      if (entry.onStep && steps && entry.known) values.push(named(entry, both ? "_step" : "", entry.last));
      if (!entry.onEpoch) continue;
      const value = reduced(entry);
      values.push(named(entry, both ? "_epoch" : "", value));
      if (both) values.push({ ...named(entry, "", value), progBar: false, logger: false, alias: true });
    }
    return values;
  }

  /** Notes the place that {@link goBack} goes back to. */
  mark(): void {
    for (const { total } of this.#before.values()) free(total);
    this.#before.clear();
  }

  /** Forgets what was logged since the {@link mark}; what metrics have taken in stays. */
  goBack(): void {
    this.#wake();
    for (const [entry, before] of this.#before) {
      free(entry.total);
      Object.assign(entry, before);
    }
    for (const [key, entry] of this.#entries) {
      if (this.#before.get(entry)?.weight !== 0) continue;
      free(entry.last);
      this.#entries.delete(key);
    }
    this.#before.clear();
  }

  /** Forgets everything, metrics too: a new epoch begins. */
  reset(): void {
    this.mark();
    for (const entry of this.#entries.values()) {
      entry.metric?.reset();
      free(entry.last);
      free(entry.total);
    }
    this.#entries.clear();
    this.#names.clear();
    this.#resting = [];
  }

  /** Takes all values off the device, until something is logged or read. */
  async moveToHost(): Promise<void> {
    this.mark();
    const slots = [...this.#entries.values()].flatMap((entry) => [
      { entry, slot: "last" as const, value: entry.last },
      { entry, slot: "total" as const, value: entry.total },
    ]);
    const onDevice = slots.filter((slot): slot is typeof slot & { value: Tensor } => slot.value instanceof Tensor);
    const read = await toHostAll(onDevice.map(({ value }) => value));
    for (const [i, { entry, slot, value }] of onDevice.entries()) {
      value.dispose();
      entry[slot] = NaN;
      this.#resting.push({ entry, slot, value: read[i] });
    }
  }

  #wake(): void {
    for (const { entry, slot, value } of this.#resting) entry[slot] = keep(tensor(value));
    this.#resting = [];
  }

  /**
   * What was gathered so far, for a checkpoint within an epoch.
   *
   * @param metrics The metrics that there are, by name; what they remember is saved with the module
   * @param marked Whether as it was at the {@link mark}
   */
  stateDict(metrics: ReadonlyMap<string, Metric>, marked: boolean): StateDict {
    const names = new Map([...metrics].map(([name, metric]) => [metric, name]));
    const before = (entry: Entry) => marked ? this.#before.get(entry) : undefined;
    const resting = (of: Entry) =>
      this.#resting.filter(({ entry }) => entry === of).map(({ slot, value }) => [slot, value]);
    const saved = (entry: Entry) => ({
      ...entry,
      ...Object.fromEntries(resting(entry)),
      ...before(entry),
      metric: entry.metric === null ? null : names.get(entry.metric),
    });
    const entries = [...this.#entries].filter(([, entry]) => before(entry)?.weight !== 0);
    return Object.fromEntries(entries.map(([key, entry]) => [key, saved(entry)]));
  }

  /** Goes on from what {@link stateDict} gave; tensors may be on the host. */
  loadStateDict(state: StateDict, metrics: ReadonlyMap<string, Metric>): void {
    this.reset();
    for (const [key, { metric: name = null, ...saved }] of Object.entries(state as Record<string, SavedEntry>)) {
      const metric = name === null ? null : metrics.get(name) ?? missing(name);
      this.#entries.set(key, { ...saved, metric, last: ours(saved.last), total: ours(saved.total) });
    }
  }
}

/** An entry in a checkpoint: a metric is known by its name in the module. */
type SavedEntry = Omit<Entry, "metric"> & { readonly metric?: string | null };

function missing(name: string): never {
  throw new Error(`Cannot go on with the metrics of a checkpoint: the module has no metric ${name}`);
}

/** Throws unless a value is one number. */
function checkOne(name: string, value: unknown): void {
  if (value instanceof Tensor ? value.numel === 1 : typeof value === "number") return;
  throw new TypeError(
    `Cannot log ${name}: a value must be a number or a tensor with one element, got ${showOperand(value)}`,
  );
}

function named(entry: Entry, ending: string, value: Logged): NamedValue {
  const { name, suffix, progBar, logger, loader } = entry;
  return { name: name + ending + suffix, value, progBar, logger, ...loader === undefined ? {} : { loader } };
}

function reduced(entry: Entry): Logged {
  if (entry.metric !== null) {
    const value = entry.metric.compute();
    checkOne(entry.name, value);
    return value;
  }
  return entry.reduceFx === "mean" ? over(entry.total, entry.weight) : entry.total;
}
