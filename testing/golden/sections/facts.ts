/** Facts without stored tensors: shapes, result types, layers, initialisers, dropout, calls that must fail. */
import { device, grad, scope, sum, type Tensor } from "../../../mod.ts";
import { type Arguments, call } from "../calls.ts";
import { filled, toDevice } from "../checks.ts";
import { EXACT, worstMismatch } from "../compare.ts";
import { type Json, number, revive, type Row, sizeOf, type StoredDType } from "../format.ts";
import { type Callable, find, findClass, findFunction, findOp } from "../library.ts";
import { Missing, type Result, resultOf } from "../report.ts";
import { idOf, type Section } from "../section.ts";

/** What checks a fact: returns what is wrong, or nothing. */
type Checker = (row: Row) => Promise<string | undefined>;

const CHECKERS: Record<string, Checker> = {
  shape,
  promotion,
  promotionNumber,
  promotionReduce,
  layer,
  initialiser,
  gain,
  dropout,
  error,
};

/** Rows of `facts.json`; counted with the operators. */
export const facts: Section = {
  name: "ops",
  accepts: (row, suite) =>
    typeof row.kind === "string" && (suite.name === "facts" || Object.hasOwn(CHECKERS, row.kind)),
  async run(rows, suite) {
    const results: Result[] = [];
    for (const row of rows) {
      const id = idOf(row, suite);
      try {
        const checker = CHECKERS[String(row.kind)];
        if (checker === undefined) throw new Missing(`fact ${row.kind}`);
        const wrong = await scope(() => checker(row));
        results.push({
          section: "ops",
          id,
          ...wrong === undefined
            ? { outcome: "passed" }
            : { outcome: "failed", detail: `${wrong}: ${JSON.stringify(row)}` },
        });
      } catch (error) {
        results.push(resultOf("ops", id, error));
      }
    }
    await device().sync();
    return results;
  },
};

/** A tensor of a shape and type, filled with one value. */
function made(shape: Json, dtype: StoredDType = "f32", fill = 0, requiresGrad = false): Tensor {
  return toDevice(filled(shape as number[], dtype, fill), requiresGrad);
}

/** Calls an op on tensors made by `make` from named entries. */
async function callMade<T>(row: Row, entries: Record<string, T>, make: (entry: T) => unknown): Promise<Tensor[]> {
  const inputs = Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, make(entry)]));
  return (await call(String(row.op), inputs, revive(row.attrs ?? {}) as Arguments)).outputs;
}

/** Whether `fn`, or reading what it gives, throws. A name that does not exist is no such error. */
async function refuses(fn: () => Tensor[] | Promise<Tensor[]>): Promise<boolean> {
  try {
    await Promise.all((await fn()).map((output) => output.data()));
    return false;
  } catch (error) {
    if (error instanceof Missing) throw error;
    return true;
  }
}

async function shape(row: Row): Promise<string | undefined> {
  const run = () => callMade(row, row.inputShapes as Record<string, Json>, (s) => made(s));
  findOp(String(row.op));
  if (row.error === true) return await refuses(run) ? undefined : "must throw";
  const got = JSON.stringify((await run()).map((output) => output.shape));
  const want = JSON.stringify(row.outputShapes);
  return got === want ? undefined : `shapes are ${got}, want ${want}`;
}

async function error(row: Row): Promise<string | undefined> {
  findOp(String(row.op));
  const run = () =>
    callMade(row, row.inputs as Record<string, Json>, (entry) => {
      if (entry === null || typeof entry !== "object" || Array.isArray(entry)) return revive(entry);
      return made(entry.shape, entry.dtype as StoredDType, Number(entry.fill ?? 0));
    });
  return await refuses(run) ? undefined : `must throw (${row.why})`;
}

/** Compares a result type with the one that is written. */
function sameType(what: string, output: Tensor, want: Json): string[] {
  return output.dtype === want ? [] : [`${what} gives ${output.dtype}, want ${want}`];
}

const joined = (wrong: string[]) => Promise.resolve(wrong.length === 0 ? undefined : wrong.join("; "));

function promotion(row: Row): Promise<string | undefined> {
  const left = made([2], row.left as StoredDType, 1);
  const right = made([2], row.right as StoredDType, 1);
  const scalar = made([], row.right as StoredDType, 1);
  const [add, div] = [findOp("add"), findOp("div")];
  return joined([
    ...sameType("add", add(left, right) as Tensor, row.add),
    ...sameType("div", div(left, right) as Tensor, row.div),
    ...sameType("add of a zero-dimensional tensor", add(left, scalar) as Tensor, row.addZeroDim),
  ]);
}

function promotionNumber(row: Row): Promise<string | undefined> {
  const left = made([2], row.left as StoredDType, 1);
  const number = row.number === "integer" ? 2 : 2.5;
  return joined([
    ...sameType("add", findOp("add")(left, number) as Tensor, row.add),
    ...sameType("div", findOp("div")(left, number) as Tensor, row.div),
  ]);
}

async function promotionReduce(row: Row): Promise<string | undefined> {
  const wrong: string[] = [];
  let missing: Missing | undefined;
  const { kind: _, input, ...ops } = row;
  for (const [op, want] of Object.entries(ops)) {
    if (op === "id" || op === "note" || op === "extra") continue;
    try {
      const fn = findOp(op);
      const run = () => [fn(made([2, 2], input as StoredDType, 1), ...op === "cumsum" ? [{ dim: 0 }] : []) as Tensor];
      if (want !== "error") wrong.push(...sameType(op, run()[0], want));
      else if (!await refuses(run)) wrong.push(`${op} must throw`);
    } catch (error) {
      // One op that does not exist yet must not hide what the others give.
      if (!(error instanceof Missing)) throw error;
      missing ??= error;
    }
  }
  if (wrong.length === 0 && missing !== undefined) throw missing;
  return joined(wrong);
}

/** What the runner needs of a layer. */
interface LayerLike {
  stateDict(): Map<string, Tensor>;
  namedParameters(): Iterable<[string, Tensor]>;
  namedBuffers(): Iterable<[string, Tensor]>;
  dispose(): void;
}

/** How the elements of a fresh parameter are distributed. */
interface Distribution {
  distribution: string;
  low?: number;
  high?: number;
  mean?: number;
  std?: number;
  value?: number;
  gain?: number;
  rows?: boolean;
  values?: Json;
  zeroRow?: number;
}

async function layer(row: Row): Promise<string | undefined> {
  const make = findClass<LayerLike>("nn", String(row.class));
  const options = row.options as Row;
  const args: unknown[] = [...row.args as Json[]];
  if (Object.keys(options).length > 0) args.push(options);
  const module = new make(...args);
  try {
    return await layerAs(module, row);
  } finally {
    module.dispose();
  }
}

/** Compares a fresh layer with what is written of it. */
async function layerAs(module: LayerLike, row: Row): Promise<string | undefined> {
  const entries = [...module.stateDict()];
  // PyTorch counts batches in 64 bits, which do not exist on the device.
  const got = entries.map(([name, t]) => [name, [...t.shape], t.dtype]);
  const want = (row.stateDict as [string, number[], string][]).map((
    [name, s, t],
  ) => [name, s, t === "i64" ? "i32" : t]);
  const wrong: string[] = [];
  const same = (what: string, a: unknown, b: unknown) => {
    if (JSON.stringify(a) !== JSON.stringify(b)) wrong.push(`${what} ${JSON.stringify(a)}, want ${JSON.stringify(b)}`);
  };
  same("stateDict", got, want);
  same("parameters", [...module.namedParameters()].map(([name]) => name), row.parameters);
  same("buffers", [...module.namedBuffers()].map(([name]) => name), row.buffers);
  same(
    "parameter count",
    [...module.namedParameters()].reduce((n, [, t]) => n + sizeOf(t.shape), 0),
    row.numParameters,
  );
  for (const [name, distribution] of Object.entries(row.init as unknown as Record<string, Distribution>)) {
    const t = new Map(entries).get(name);
    if (t === undefined) continue;
    const off = drawnAs(await t.data(), t.shape, distribution);
    if (off !== undefined) wrong.push(`${name} ${off}`);
  }
  return joined(wrong);
}

/** What shows that elements were not drawn from a distribution, or undefined. */
function drawnAs(data: ArrayLike<number>, shape: readonly number[], want: Distribution): string | undefined {
  let values = Array.from(data);
  if (want.zeroRow !== undefined) {
    const width = sizeOf(shape.slice(1));
    const row = values.splice(want.zeroRow * width, width);
    if (row.some((v) => v !== 0)) return `row ${want.zeroRow} must be zeros`;
  }
  values = values.map(Number);
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const std = n > 1 ? Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1)) : 0;
  const low = Math.min(...values), high = Math.max(...values);
  const shown = `mean ${mean}, deviation ${std}, range [${low}, ${high}], want ${JSON.stringify(want)}`;
  const fits = (expected: number) => n < 200 || Math.abs(std / expected - 1) < 0.25;
  const { low: from = -Infinity, high: to = Infinity } = want;
  const within = low >= from - 1e-6 * Math.abs(from) && high <= to + 1e-6 * Math.abs(to);
  switch (want.distribution) {
    case "uniform":
      return within && fits((to - from) / Math.sqrt(12)) ? undefined : shown;
    case "normal":
      return fits(want.std ?? 1) && (n < 200 || Math.abs(mean - (want.mean ?? 0)) < 6 * (want.std ?? 1) / Math.sqrt(n))
        ? undefined
        : shown;
    case "truncatedNormal":
      // Far bounds leave a normal distribution; near ones are seen by the range.
      return within && (to < 3 * (want.std ?? 1) || fits(want.std ?? 1)) ? undefined : shown;
    case "constant":
      return low === want.value && high === want.value ? undefined : shown;
    case "orthogonal":
      return orthogonal(values, shape, want) ? undefined : `is not orthogonal, ${shown}`;
    case "given":
      return worstMismatch(values, flatten(want.values ?? []), EXACT) ===
          undefined
        ? undefined
        : shown;
    default:
      throw new Missing(`distribution ${want.distribution}`);
  }
}

/** The numbers of nested lists. */
function flatten(nested: Json): number[] {
  return Array.isArray(nested) ? nested.flatMap(flatten) : [number(nested)];
}

/** Whether rows (or columns) are orthogonal and of length `gain`. */
function orthogonal(values: number[], shape: readonly number[], { gain = 1, rows = true }: Distribution): boolean {
  const n = shape[0], m = values.length / n;
  const [count, length] = rows ? [n, m] : [m, n];
  const entry = (vector: number, i: number) => rows ? values[vector * m + i] : values[i * m + vector];
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < count; b++) {
      let product = 0;
      for (let i = 0; i < length; i++) product += entry(a, i) * entry(b, i);
      if (Math.abs(product - (a === b ? gain * gain : 0)) > 1e-4) return false;
    }
  }
  return true;
}

/** A function of `nn.init`, by PyTorch's name without the trailing underscore. */
function initFunction(name: string): Callable {
  const namespace = find("nn", "init");
  const fn = (namespace !== null && typeof namespace === "object" ? Reflect.get(namespace, name) : undefined) ??
    find("nn", name);
  if (typeof fn !== "function") throw new Missing(`nn.init.${name}`);
  return fn as Callable;
}

async function initialiser(row: Row): Promise<string | undefined> {
  const fn = initFunction(String(row.name));
  const options = row.options as Row;
  const target = made(row.shape);
  const result = fn(target, ...Object.keys(options).length > 0 ? [options] : []);
  const t = (result ?? target) as Tensor;
  return drawnAs(await t.data(), t.shape, row as unknown as Distribution);
}

function gain(row: Row): Promise<string | undefined> {
  const fn = initFunction("calculateGain");
  const got = Number(fn(row.nonlinearity, ...row.param === null ? [] : [row.param]));
  const want = Number(row.gain);
  return joined(Math.abs(got - want) <= 1e-9 * want ? [] : [`gain is ${got}, want ${want}`]);
}

async function dropout(row: Row): Promise<string | undefined> {
  const fn = findOp(String(row.op));
  const { p, keptFraction, tolerance, keptValue, wholeChannels } = row as Record<string, number>;
  findFunction("fulgurite", "manualSeed")(11);
  const x = made(row.shape, "f32", 1, true);
  const y = fn(x, { p, training: true }) as Tensor;
  const [dx] = grad([sum(y)], [x], { allowUnused: true });
  const still = fn(x, { p, training: false }) as Tensor;
  const read = [y, dx ?? made(row.shape), still].map(async (t) => [...await t.data()]);
  const [values, gradient, identity] = await Promise.all(read);
  const wrong: string[] = [];
  const kept = values.reduce((n: number, v: number) => n + (v !== 0 ? 1 : 0), 0) / values.length;
  if (Math.abs(kept - keptFraction) > tolerance + 1e-12) {
    wrong.push(`keeps ${kept}, want ${keptFraction} ± ${tolerance}`);
  }
  const off = values.find((v: number) => v !== 0 && Math.abs(v - keptValue) > 1e-6 * keptValue);
  if (off !== undefined) wrong.push(`keeps a value ${off}, want ${keptValue}`);
  if (worstMismatch(gradient, values, { rtol: 1e-6, atol: 0 }) !== undefined) {
    wrong.push("the gradient of the sum must equal the output");
  }
  if (identity.some((v: number) => v !== 1)) wrong.push("must be the identity when not training");
  if (wholeChannels) {
    const [a, b] = row.shape as number[];
    const length = values.length / (a * b);
    if (values.some((v: number, i: number) => v !== values[Math.floor(i / length) * length])) {
      wrong.push("must drop whole channels");
    }
  }
  return joined(wrong);
}
