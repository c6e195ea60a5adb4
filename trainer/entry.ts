import { onInterrupt, onTerminate, writeErr } from "../platform/mod.ts";
import type { Stage } from "../data/mod.ts";
import type { Logger } from "./logger.ts";
import { openLoggers } from "./defaults.ts";
import type { Run } from "./run.ts";

/** How long an interrupted batch may take before the user is told that it is waited for. */
const PATIENCE_MS = 3000;

/** How an entry point ended. */
export type Ending = "finished" | "interrupted";

/**
 * What all entry points have in common: set-up, Ctrl-C, errors, and teardown whatever happens.
 *
 * @param run The run
 * @param stage The entry point
 * @param loggers Opened for fit, finalized at the end
 * @param body What the entry point does
 * @throws Whatever was thrown first, by `body` or by a hook; later errors on the way out are printed
 */
export async function enter(
  run: Run,
  stage: Stage,
  loggers: readonly Logger[],
  body: () => Promise<void>,
): Promise<Ending> {
  const { data, module, hooks, profiler, reporter, saves } = run;
  const errors = new FirstError();
  // The first Ctrl-C (or SIGTERM, as batch systems send it) asks for an orderly end, the next one ends the process.
  let patience: ReturnType<typeof setTimeout> | undefined, ending = false;
  const interrupt = () => {
    stopListening();
    if (ending) return writeErr("Interrupted: the run is ending as it is; Ctrl-C again ends the process at once\n");
    run.interrupt();
    patience = setTimeout(
      () => writeErr("Interrupted: the running batch is not done yet; Ctrl-C again ends the process at once\n"),
      PATIENCE_MS,
    );
  };
  const listening = [onInterrupt(interrupt), onTerminate(interrupt)];
  const stopListening = () => listening.splice(0).forEach((stop) => stop());
  await errors.guard(async () => {
    await profiler?.open?.(stage);
    if (stage === "fit") await openLoggers(loggers);
    await data?.prepareData?.();
    await module.prepareData?.();
    await data?.setup?.(stage);
    await hooks.call("setup", stage);
    await module.configureModel?.();
    run.precision.convert(module);
    await body();
    await reporter.settle();
    await saves.settle();
  });
  clearTimeout(patience);
  ending = true;
  const failed = errors.any;
  if (failed) {
    const { error } = errors;
    await errors.guard(() => reporter.settle());
    await errors.guard(() => saves.settle());
    await errors.guard(() => hooks.callbacks("onException", error));
    await errors.guard(() => data?.onException?.(error));
  }
  await errors.guard(() => run.releaseLoaders());
  for (const undo of run.undo.splice(0)) undo();
  if (!failed || !run.trainer.options.lightningCompat) {
    await errors.guard(() => data?.teardown?.(stage));
    await errors.guard(() => hooks.call("teardown", stage));
  }
  await errors.guard(() => saves.settle());
  const status = errors.any ? "failed" : run.cutShort ? "interrupted" : "success";
  await errors.guard(() => reporter.settle());
  for (const logger of loggers) await errors.guard(() => logger.finalize?.(status));
  await errors.guard(() => profiler?.report(stage, run.trainer.logDir));
  stopListening();
  reporter.leaveHook("");
  if (errors.any) throw errors.error;
  return run.cutShort ? "interrupted" : "finished";
}

/** Runs what has to run in any case, and keeps the first error. */
class FirstError {
  any = false;
  error: unknown = undefined;

  /** Runs a step. A second error is printed, unless it only repeats the first, which is the one that is thrown. */
  async guard(step: () => unknown): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!this.any) [this.any, this.error] = [true, error];
      else if (textOf(error) !== textOf(this.error)) writeErr(`Another error followed: ${textOf(error)}\n`);
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
