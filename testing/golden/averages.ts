/** Averaged weights: the runs' moving average, and scripted sequences. */
import { type Tensor, zeros } from "../../mod.ts";
import { Buffer, Module, Parameter } from "../../nn/mod.ts";
import { toDevice } from "./checks.ts";
import { describeMismatch, type Tolerance, worstMismatch } from "./compare.ts";
import { type Row, stackEntry, type StoredTensor, type Tensors } from "./format.ts";
import { findClass } from "./library.ts";

/** What the runner needs of an averaged model. */
export interface Average {
  /** The averages by the model's names. */
  readonly averages: ReadonlyMap<string, Tensor>;
  /** How many updates were averaged, a tensor without axes. */
  readonly nAveraged: Tensor;
  updateParameters(model: Module): void;
  dispose(): void;
}

/** An average of a model: `ema` with a decay, or `swa`. */
export function averageOf(model: Module, kind: string, decay?: number, useBuffers = false): Average {
  const make = findClass<Average>("optim", "AveragedModel");
  return new make(model, { decay: kind === "ema" ? decay : null, useBuffers });
}

/** One parameter and one buffer. */
class Tiny extends Module<[], never> {
  weight: Parameter = new Parameter(zeros([3]));
  stat: Buffer = new Buffer(zeros([2]));

  forward(): never {
    throw new Error("Cannot run a model that only holds values");
  }
}

/** Runs a scripted sequence of weights and buffers; returns what is wrong. */
export async function averagedModel(row: Row, tensors: Tensors): Promise<string[]> {
  const model = new Tiny();
  const average = averageOf(model, String(row.average), Number(row.decay), row.useBuffers === true);
  const sequence = row.sequence as Record<string, string>;
  const stacks = Object.fromEntries(Object.entries(sequence).map(([name, key]) => [name, tensors(key)]));
  const read: Record<"weight" | "stat", Promise<ArrayLike<number>>[]> = { weight: [], stat: [] };
  for (let step = 0; step < Number(row.steps); step++) {
    const value = (stack: StoredTensor): Tensor => toDevice(stackEntry(stack, step));
    model.loadStateDict({ weight: value(stacks.weight), stat: value(stacks.stat) });
    average.updateParameters(model);
    for (const name of ["weight", "stat"] as const) read[name].push(average.averages.get(name)!.data());
  }
  const wrong: string[] = [];
  for (const [name, want] of [["weight", stacks.avgWeight], ["stat", stacks.avgStat]] as const) {
    const got = (await Promise.all(read[name])).flatMap((values) => Array.from(values));
    const worst = worstMismatch(got, want.values, row.tolerance as unknown as Tolerance);
    if (worst !== undefined) wrong.push(`average of ${name} [step, …] ${describeMismatch(worst, want.shape)}`);
  }
  const updates = await average.nAveraged.item();
  if (updates !== row.nAveraged) wrong.push(`nAveraged is ${updates}, want ${row.nAveraged}`);
  average.dispose();
  model.dispose();
  return wrong;
}
