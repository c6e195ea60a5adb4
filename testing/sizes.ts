/** Runs operations at the sizes where kernels break: nothing, one, and a prime that takes more workgroups than fit. */
import { type Device, init, isOpen, openDevice, scope, setDevice, type Tensor } from "../mod.ts";
import { type Family, withFamily } from "../kernels/_family.ts";
import type { NDArray } from "./reference.ts";
import { type Draw, type InputSpec, opSpec, runCase } from "./test_op.ts";

/** An operation whose tensors grow with one size. */
export interface SizeRow {
  /** The function's name, and what tells several rows of it apart. */
  readonly name: string;
  /** Shapes of its inputs at a size. */
  inputs(n: number): readonly (readonly number[] | InputSpec)[];
  run(inputs: Tensor[], n: number): Tensor | readonly Tensor[];
  /** The same in f64; at size 0 what PyTorch gives for nothing. */
  reference(inputs: NDArray[], n: number): NDArray | readonly NDArray[];
  readonly draw?: Draw;
  /** Whether gradients are checked; default true. */
  readonly grad?: boolean;
  /** Parts of the error with which size 0 is refused, if it is. */
  readonly refuses?: readonly string[];
  /** A prime that takes more workgroups than {@link ROW_OF_GROUPS} squared; default {@link MANY}. */
  readonly many?: number;
  /** `false` where no kernel of its own runs: results that share memory, or are read by the host. */
  readonly folds?: boolean;
}

/**
 * Workgroups in a row of the dispatches here. WebGPU's limit is 65,535, and a second row would take millions of
 * elements; what folds dispatches does not know which of the two it obeys.
 */
const ROW_OF_GROUPS = 2;
/** Prime, and more than the invocations of four workgroups can do. */
export const MANY = 4099;

/** What dispatches of a device took. */
interface Seen {
  /** The most rows of workgroups. */
  rows: number;
  /** Kernels that exceeded the limit, or had no workgroups at all. */
  readonly wrong: Set<string>;
}

/** Runs something on a device whose dispatches hold few workgroups in a row. */
export async function onNarrowDevice(fn: (device: Device, seen: Seen) => Promise<void>): Promise<void> {
  if (!isOpen()) await init();
  const device = await openDevice({}, { maxComputeWorkgroupsPerDimension: ROW_OF_GROUPS });
  const first = setDevice(device), seen: Seen = { rows: 0, wrong: new Set() };
  const { recorder } = device, { dispatch } = recorder;
  recorder.dispatch = (pipeline, buffers, params, groups) => {
    seen.rows = Math.max(seen.rows, groups[1] * groups[2]);
    const [x, y, z] = groups;
    // What does not fit into a plane goes to z, where nothing can exceed the real limit.
    if (x > ROW_OF_GROUPS || y > ROW_OF_GROUPS || x * y * z === 0) {
      seen.wrong.add(`${pipeline.label} [${groups.join(", ")}]`);
    }
    dispatch.call(recorder, pipeline, buffers, params, groups);
  };
  try {
    await fn(device, seen);
  } finally {
    setDevice(first);
    await device.sync();
    device.destroy();
  }
}

/** What is wrong with a row at its sizes, in words. */
export async function checkRow(row: SizeRow, seen: Seen, families: readonly Family[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const n of [0, 1, row.many ?? MANY]) {
    const known: Reference[] = [];
    for (const family of families) {
      seen.rows = 0;
      seen.wrong.clear();
      const found = await withFamily(family, () => scope(() => checkSize(row, n, known)));
      if (n > 1 && row.folds !== false && seen.rows <= ROW_OF_GROUPS) found.push("no dispatch was folded twice");
      for (const kernel of seen.wrong) found.push(`workgroups that do not fit: ${kernel}`);
      wrong.push(...found.map((what) => `${row.name} of size ${n} (${family}): ${what}`));
    }
  }
  return wrong;
}

type Reference = ReturnType<SizeRow["reference"]>;

/** Inputs are drawn alike in each family, so what the reference gave in one, call by call, is taken in the next. */
async function checkSize(row: SizeRow, n: number, known: Reference[]): Promise<string[]> {
  let calls = 0;
  const spec = opSpec({
    name: row.name,
    run: (inputs: Tensor[]) => row.run(inputs, n),
    reference: (inputs: NDArray[]) => known[calls++] ??= row.reference(inputs, n),
    draw: row.draw,
    grad: row.grad,
    cases: [{ inputs: row.inputs(n) }],
  });
  if (n > 0 || row.refuses === undefined) {
    return await runCase(spec, spec.cases[0], "f32").catch((error) => [String(error)]);
  }
  try {
    await runCase(spec, spec.cases[0], "f32");
    return ["it must be refused"];
  } catch (error) {
    const { message } = error as Error;
    return row.refuses.flatMap((part) =>
      message.includes(part) ? [] : [`its error must say "${part}", it is: ${message}`]
    );
  }
}
