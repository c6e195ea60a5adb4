/**
 * How the benches time: batches of iterations between two waits, so that recording, submitting and waiting are shared.
 */
import { device, init, scope, type Tensor } from "../mod.ts";

/** What an iteration amounts to; one of both names the rate. */
export interface Work {
  /** Floating-point operations. */
  flops?: number;
  /** Bytes that have to be read and written at least. */
  bytes?: number;
}

/** Least milliseconds of a sample. */
const SAMPLE = 60;
const SAMPLES = 5;

/** Makes sure that tensors are computed and not only described. */
export function compute(...tensors: (Tensor | null)[]): void {
  for (const t of tensors) if (t !== null) void t.storage.buffer;
}

/** Milliseconds of one iteration: the median of samples of many. */
async function median(step: () => void): Promise<number> {
  const sample = async (count: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < count; i++) scope(step);
    await device().sync();
    return performance.now() - start;
  };
  await sample(2);
  const count = Math.max(1, Math.ceil(SAMPLE / await sample(1)));
  const times: number[] = [];
  for (let i = 0; i < SAMPLES; i++) times.push(await sample(count) / count);
  return times.sort((a, b) => a - b)[SAMPLES >> 1];
}

function rate({ flops, bytes }: Work, milliseconds: number): string {
  if (flops !== undefined) return `${(flops / milliseconds / 1e6).toPrecision(3)} GFLOP/s`;
  if (bytes !== undefined) return `${(bytes / milliseconds / 1e6).toPrecision(3)} GB/s`;
  return `${(1000 / milliseconds).toPrecision(3)} a second`;
}

/**
 * Registers a bench whose name tells the rate, measured over batches; the table's time is that of a single iteration
 * with a submit and a wait of its own.
 *
 * @param group What it is compared with
 * @param name What is timed, with its sizes
 * @param work What an iteration amounts to
 * @param make Prepares inputs and returns an iteration
 */
export async function bench(group: string, name: string, work: Work, make: () => () => void): Promise<void> {
  await init();
  const step = make();
  const milliseconds = await median(step);
  Deno.bench({
    group,
    name: `${name}: ${milliseconds.toPrecision(3)} ms, ${rate(work, milliseconds)}`,
    n: 10,
    warmup: 2,
    fn: async () => {
      scope(step);
      await device().sync();
    },
  });
}
