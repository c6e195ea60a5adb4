/** Operator cases: outputs, gradients and gradients of gradients, for single operators and small graphs. */
import { device, grad, mul, scope, sum, type Tensor } from "../../../mod.ts";
import { type Arguments, call, type Called, groupLists } from "../calls.ts";
import { type Check, type Expected, fromPattern, toDevice, verifyAll } from "../checks.ts";
import type { Tolerance } from "../compare.ts";
import { beside, type OpRow, readTensors, revive, type Sample, type Tensors } from "../format.ts";
import { type Result, resultOf } from "../report.ts";
import type { Section } from "../section.ts";

/** Cases whose results are read together: enough to hide the latency of a read, few enough to bound memory. */
const BATCH_CASES = 24;
const BATCH_ELEMENTS = 1 << 20;

/** Operator cases of any suite. */
export const ops: Section = {
  name: "ops",
  accepts: (row) => typeof row.op === "string" && Array.isArray(row.inputs) && Array.isArray(row.outputs),
  async run(rows, suite) {
    const tensors = await readTensors(beside(suite.path, String(suite.header.tensors)));
    const results: Result[] = [];
    for (const batch of batches(rows as unknown as OpRow[])) results.push(...await runBatch(batch, tensors));
    return results;
  },
};

/** Groups cases so that a group holds few enough elements. */
function* batches(rows: OpRow[]): Iterable<OpRow[]> {
  let batch: OpRow[] = [];
  let elements = 0;
  for (const row of rows) {
    const size = row.inputs.reduce((n, { shape = [] }) => n + shape.reduce((a, b) => a * b, 1), 0);
    if (batch.length > 0 && (batch.length === BATCH_CASES || elements + size > BATCH_ELEMENTS)) {
      yield batch;
      [batch, elements] = [[], 0];
    }
    batch.push(row);
    elements += size;
  }
  if (batch.length > 0) yield batch;
}

/** Runs cases, then reads all their results at once. When the device reports an error, finds the case it belongs to. */
async function runBatch(rows: OpRow[], tensors: Tensors): Promise<Result[]> {
  const recorded: (Check[] | Result)[] = [];
  for (const row of rows) {
    try {
      recorded.push(await scope(() => checksOf(row, tensors)));
    } catch (error) {
      recorded.push(resultOf("ops", row.id, error));
    }
  }
  try {
    const results: Result[] = [];
    const checks = recorded.map((entry) => Array.isArray(entry) ? entry : []);
    const wrong = await verifyAll(checks);
    for (const [i, entry] of recorded.entries()) {
      results.push(Array.isArray(entry) ? judge(rows[i], checks[i], wrong[i]) : entry);
    }
    return results;
  } catch (error) {
    await settle();
    if (rows.length === 1) return [resultOf("ops", rows[0].id, error)];
    const results: Result[] = [];
    for (const row of rows) results.push(...await runBatch([row], tensors));
    return results;
  } finally {
    for (const entry of recorded) if (Array.isArray(entry)) { for (const { tensor } of entry) tensor?.dispose(); }
  }
}

/** Waits until the device has no more to say about what failed. */
async function settle(): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await device().sync();
      return;
    } catch (error) {
      // The failure is already known; what is wanted here is a device that reports none for the next case.
      if (attempt === 2) throw error;
    }
  }
}

/** The result of a case whose tensors have been compared. */
function judge(row: OpRow, checks: Check[], wrong: string[]): Result {
  const base = { section: "ops", id: row.id };
  if (wrong.length > 0) return { ...base, outcome: "failed", detail: wrong.join("\n") };
  const loose = row.tolerance.wgsl;
  if (loose !== undefined && checks.every(({ tolerance }) => tolerance === loose)) {
    return { ...base, outcome: "passed", note: "compared with the loose bound of the WGSL built-in only" };
  }
  return { ...base, outcome: "passed" };
}

/** Records a case and lists what to compare. */
async function checksOf(row: OpRow, tensors: Tensors): Promise<Check[]> {
  const wanted = new Set(Object.keys(row.gradInputs ?? {}));
  const inputs: Arguments = {};
  for (const input of row.inputs) {
    if (input.value !== undefined) inputs[input.name] = revive(input.value);
    else {
      const stored = input.pattern === undefined
        ? tensors(input.tensor as string)
        : fromPattern(input.pattern, input.shape ?? [], input.dtype ?? "f32");
      inputs[input.name] = toDevice(stored, wanted.has(input.name));
    }
  }
  const attrs = revive(row.attrs) as Arguments;
  const called = await (row.op === "graph" ? graph(inputs, attrs) : call(row.op, inputs, attrs));
  try {
    return compareWith(row, called, inputs, tensors);
  } finally {
    for (const leaf of Object.values(called.leaves ?? {})) leaf.dispose();
  }
}

/** Records the gradients of a case that has been called, and lists what to compare. */
function compareWith(row: OpRow, { outputs, leaves }: Called, inputs: Arguments, tensors: Tensors): Check[] {
  if (outputs.length !== row.outputs.length) {
    throw new TypeError(`Cannot compare ${row.op}: it gave ${outputs.length} outputs, want ${row.outputs.length}`);
  }
  const tolerance = tolerances(row);
  const checks: Check[] = outputs.map((tensor, i) => ({
    label: `output ${i}`,
    tensor,
    want: expected(row.outputs[i], tensors),
    tolerance: tolerance(""),
  }));
  if (row.gradInputs === undefined) return checks;
  const names = Object.keys(row.gradInputs);
  const xs = names.map((name) => (leaves?.[name] ?? inputs[name]) as Tensor);
  const first = gradients(row, outputs, xs, tensors);
  for (const [i, name] of names.entries()) {
    const want = expected(row.gradInputs[name], tensors);
    checks.push({ label: `gradient of ${name}`, tensor: first[i], want, tolerance: tolerance("Grad") });
  }
  if (row.secondOrder !== undefined) checks.push(...secondOrder(row, names, xs, first, tensors));
  return checks;
}

/** First gradients of Σ outputs·gradOutputs; `null` where nothing depends on an input. */
function gradients(row: OpRow, outputs: Tensor[], xs: Tensor[], tensors: Tensors): (Tensor | null)[] {
  const ys: Tensor[] = [];
  const gradOutputs: Tensor[] = [];
  for (const [i, entry] of (row.gradOutputs ?? []).entries()) {
    const output = outputs[i];
    if (entry === null || !output.requiresGrad) continue;
    ys.push(output);
    gradOutputs.push(toDevice(
      typeof entry === "string" ? tensors(entry) : fromPattern(entry.pattern, entry.shape, "f32"),
    ));
  }
  if (ys.length === 0) return xs.map(() => null);
  return grad(ys, xs, { gradOutputs, allowUnused: true, createGraph: row.secondOrder !== undefined });
}

/** Gradients of Σᵢ ⟨∂L/∂xᵢ, vᵢ⟩. */
function secondOrder(row: OpRow, names: string[], xs: Tensor[], first: (Tensor | null)[], tensors: Tensors): Check[] {
  const { vectors, gradInputs } = row.secondOrder!;
  const terms: Tensor[] = [];
  for (const [i, name] of names.entries()) {
    const g = first[i];
    if (g !== null && g.requiresGrad && name in vectors) terms.push(sum(mul(g, toDevice(tensors(vectors[name])))));
  }
  const second = terms.length === 0 ? xs.map(() => null) : grad(terms, xs, { allowUnused: true });
  const tolerance = tolerances(row)("SecondOrder");
  return Object.keys(gradInputs).map((name) => ({
    label: `second gradient of ${name}`,
    tensor: second[names.indexOf(name)],
    want: expected(gradInputs[name], tensors),
    tolerance,
  }));
}

/** The tolerance that a case states for its type, by suffix. `wgsl` counts only where it is all that is stated. */
function tolerances(row: OpRow): (suffix: string) => Tolerance {
  const half = row.inputs.map(({ dtype }) => dtype).find((dtype) => dtype === "f16" || dtype === "bf16");
  const base = half !== undefined && row.tolerance[half] !== undefined ? half : "f32";
  return (suffix) => {
    const found = row.tolerance[base + suffix] ?? row.tolerance.wgsl;
    if (found !== undefined) return found;
    throw new RangeError(`Cannot compare ${row.id}: it states no tolerance ${base}${suffix}`);
  };
}

/** What an output or a gradient should be. */
function expected(entry: string | Sample, tensors: Tensors): Expected {
  if (typeof entry === "string") return tensors(entry);
  const { dtype, values } = tensors(entry.values);
  return { dtype, shape: entry.shape, values, at: tensors(entry.at).values };
}

/** One assignment of a graph. */
interface Step {
  name: string;
  op: string;
  in: Record<string, string | number | (string | number)[]>;
  attrs?: Arguments;
  out?: number;
}

/** Runs the assignments of a graph. */
async function graph(inputs: Arguments, attrs: Arguments): Promise<Called> {
  const values: Arguments = groupLists(inputs);
  const get = (entry: unknown): unknown => {
    if (Array.isArray(entry)) return entry.map(get);
    return typeof entry === "string" ? values[entry] : entry;
  };
  for (const step of attrs.steps as Step[]) {
    const args = Object.fromEntries(Object.entries(step.in).map(([name, entry]) => [name, get(entry)]));
    const { outputs } = await call(step.op, args, step.attrs ?? {});
    values[step.name] = outputs[step.out ?? 0];
  }
  return { outputs: (attrs.returns as string[]).map((name) => values[name] as Tensor) };
}
