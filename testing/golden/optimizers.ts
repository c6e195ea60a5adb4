/** Optimizers and schedulers built from their rows. */
import type { Tensor } from "../../mod.ts";
import { evaluateExpression } from "./expression.ts";
import { type Json, revive, type Row } from "./format.ts";
import { findClass } from "./library.ts";

/** A group of parameters with its options. */
export interface GroupLike {
  params: readonly Tensor[];
  lr: number;
  momentum?: number;
  betas?: readonly number[];
}

/** What the runner needs of an optimizer. */
export interface OptimizerLike {
  readonly paramGroups: readonly GroupLike[];
  step(closure?: () => Tensor): unknown;
  zeroGrad(): void;
  stateDict(): unknown;
  loadStateDict(state: unknown): void;
  /** Frees its state, which belongs to no scope. */
  dispose(): void;
}

/** What the runner needs of a scheduler. */
export interface SchedulerLike {
  step(metric?: number): void;
  getLastLr(): readonly number[];
  stateDict(): Record<string, unknown>;
  loadStateDict(state: Record<string, unknown>): void;
}

/** Optimizers that the fixtures compute in another way than PyTorch's class of the same name. */
const CLASSES: Record<string, string> = { MuonExact: "Muon" };

/** An optimizer by PyTorch's class name. */
export function makeOptimizer(name: string, params: unknown, options: Row): OptimizerLike {
  const make = findClass<OptimizerLike>("optim", CLASSES[name] ?? name);
  return new make(params, revive(options));
}

/** Options that hold formulas. */
const FORMULAS = ["lrLambda", "scaleFn"];

/** Options of a scheduler with formulas turned into functions. */
function schedulerOptions(options: Row): Record<string, unknown> {
  const entries = Object.entries(options).map(([key, value]): [string, unknown] => {
    if (!FORMULAS.includes(key)) return [key, revive(value)];
    return [
      key,
      Array.isArray(value) ? value.map((f) => evaluateExpression(String(f))) : evaluateExpression(String(value)),
    ];
  });
  return Object.fromEntries(entries);
}

/** A scheduler by PyTorch's class name, with its parts. */
export function makeScheduler(optimizer: OptimizerLike, row: Row): SchedulerLike {
  const make = findClass<SchedulerLike>("optim", String(row.scheduler));
  const options = schedulerOptions((row.options ?? {}) as Row);
  const parts = row.parts as Json[] | undefined;
  if (parts !== undefined) options.schedulers = parts.map((part) => makeScheduler(optimizer, part as Row));
  return new make(optimizer, options);
}
