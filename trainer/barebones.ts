import { writeErr } from "../platform/mod.ts";
import type { ResolvedOptions, TrainerOptions } from "./options.ts";

/** What `barebones` leaves out, and what says that it is wanted all the same. */
const LEFT_OUT: { readonly [K in keyof TrainerOptions]: (value: unknown) => boolean } = {
  enableCheckpointing: Boolean,
  logger: Boolean,
  enableProgressBar: Boolean,
  enableModelSummary: Boolean,
  logEveryNSteps: Boolean,
  numSanityValSteps: Boolean,
  fastDevRun: Boolean,
  detectAnomaly: Boolean,
  profiler: Boolean,
};

/**
 * Throws unless options go together.
 *
 * @param given What the user said
 * @param checked All options
 * @throws {TypeError} Naming those that do not
 */
export function checkTogether(given: TrainerOptions, { barebones, deterministic, benchmark }: ResolvedOptions): void {
  if (deterministic === "warn" && benchmark) {
    writeErr(
      "Warning: with benchmark a run need not repeat bit for bit, since what is fastest differs from run to run\n",
    );
  }
  if (deterministic === true && benchmark) {
    throw new TypeError(
      "Cannot make a Trainer: benchmark must be false with deterministic: true, since what is fastest differs from run to " +
        "run, got true",
    );
  }
  if (!barebones) return;
  const wanted = Object.entries(LEFT_OUT).filter(([name, isWanted]) => isWanted(given[name as keyof TrainerOptions]));
  if (wanted.length === 0) return;
  const list = wanted.map(([name]) => name).join(", ");
  throw new TypeError(
    `Cannot make a Trainer: barebones leaves out what is asked for by ${list}, leave one or the other out`,
  );
}

/** Options of a trainer that does nothing but train. */
export function barely(options: ResolvedOptions): ResolvedOptions {
  return {
    ...options,
    enableCheckpointing: false,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    logEveryNSteps: 0,
    numSanityValSteps: 0,
    fastDevRun: false,
  };
}
