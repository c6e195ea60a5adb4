/** Metric values streamed over batches: of each batch alone, and of all so far. */
import { isHostTensor, scope, Tensor, tensor } from "../../../mod.ts";
import { Metric } from "../../../metrics/mod.ts";
import { describeMismatch, type Tolerance, worstMismatch } from "../compare.ts";
import {
  beside,
  type Json,
  readTensors,
  revive,
  type Row,
  type StoredTensor,
  type Suite,
  type Tensors,
} from "../format.ts";
import { findClass } from "../library.ts";
import { Missing, type Result, resultOf } from "../report.ts";
import type { Section } from "../section.ts";

/** Rows about metrics. */
export const metrics: Section = {
  name: "metrics",
  accepts: (row) => typeof row.metric === "string",
  async run(rows, suite) {
    const tensors = await tensorsOf(suite);
    const results: Result[] = [];
    for (const row of rows) {
      const id = String(row.id);
      try {
        const wrong = await scope(() => follow(row, tensors));
        results.push({
          section: "metrics",
          id,
          ...wrong === undefined ? { outcome: "passed" } : { outcome: "failed", detail: wrong },
        });
      } catch (error) {
        results.push(resultOf("metrics", id, error));
      }
    }
    return results;
  },
};

/** The tensors of a suite: in a file beside it, or in its header. */
async function tensorsOf({ path, header }: Suite): Promise<Tensors> {
  if (typeof header.tensors === "string") return await readTensors(beside(path, header.tensors));
  const inputs = (header.inputs ?? {}) as unknown as Record<string, StoredTensor>;
  return (key) => ({ ...inputs[key], values: revive(inputs[key].values as Json) as number[] });
}

/** What a batch of a row holds: a tensor by its key, or texts. */
function input(value: Json, tensors: Tensors, text: boolean): unknown {
  if (typeof value !== "string" || text) return value;
  const { dtype, shape, values } = tensors(value);
  return tensor(Float64Array.from(values), { dtype, shape });
}

/** What is wrong with a row, or undefined. */
async function follow(row: Row, tensors: Tensors): Promise<string | undefined> {
  const name = String(row.metric).split(".").at(-1)!;
  const { options } = row as unknown as { options: Row };
  const made = new (findClass<unknown>("metrics", name))(...Object.keys(options).length > 0 ? [options] : []);
  if (!(made instanceof Metric)) throw new Missing(`metric ${row.metric}`);
  const metric = made as unknown as Metric<unknown[], unknown>;
  try {
    const batches = row.batches as Row[], text = row.data === "text";
    for (const [i, batch] of batches.entries()) {
      const inputs = Object.values(batch).map((value) => input(value, tensors, text));
      const wrong = await compare(metric.forward(...inputs), (row.perBatch as Json[])[i], row, `batch ${i}`) ??
        await compare(metric.compute(), (row.running as Json[])[i], row, `batches 0 to ${i}`);
      if (wrong !== undefined) return wrong;
    }
    const copy = metric.clone();
    metric.reset();
    const wrong = await compare(copy.compute(), row.final, row, "a clone");
    copy.dispose();
    if (wrong !== undefined) return wrong;
    metric.update(...Object.values(batches[0]).map((value) => input(value, tensors, text)));
    return await compare(metric.compute(), (row.perBatch as Json[])[0], row, "the first batch after a reset");
  } finally {
    metric.dispose();
  }
}

async function compare(value: unknown, want: Json, row: Row, where: string): Promise<string | undefined> {
  const got = await numbers(value), expected = flatten(want);
  if (got.length !== expected.length) return `${where}: got ${got.length} numbers, want ${expected.length}`;
  const worst = worstMismatch(got, expected, row.tolerance as unknown as Tolerance);
  return worst === undefined ? undefined : `${where}: ${describeMismatch(worst, [expected.length])}`;
}

/** All numbers of a result: a tensor, or curves. */
async function numbers(value: unknown): Promise<number[]> {
  const known = await value;
  if (known instanceof Tensor) return Array.from(await known.data());
  if (ArrayBuffer.isView(known)) return Array.from(known as Float32Array);
  if (Array.isArray(known)) return (await Promise.all(known.map(numbers))).flat();
  if (isHostTensor(known)) return Array.from(known.data as Float32Array);
  return (await Promise.all(Object.values(known as object).map(numbers))).flat();
}

function flatten(value: Json): number[] {
  const known = revive(value);
  return Array.isArray(known) ? known.flatMap(flatten) : [Number(known)];
}
