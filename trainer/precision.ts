import { autocast } from "../tensor/autocast.ts";

/** How a run's arithmetic is done: what surrounds the steps of the module. */
export interface Precision {
  readonly name: string;
  /** Runs a step. */
  forward<T>(step: () => T): T;
}

/** The arithmetic that an option names. */
export function precisionOf(name: "32-true" | "bf16-mixed"): Precision {
  switch (name) {
    case "32-true":
      return { name, forward: (step) => step() };
    case "bf16-mixed":
      return { name, forward: (step) => autocast("bf16", step) };
  }
}
