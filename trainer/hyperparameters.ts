import type { Hyperparameters } from "../data/mod.ts";
import type { Logger } from "./logger.ts";
import type { Run } from "./run.ts";

/**
 * Gives loggers what module and data module were made with, where they saved it.
 *
 * @throws {Error} If both have a name with different values: a logger could show only one of them
 */
export async function logHyperparameters({ module, data }: Run, loggers: readonly Logger[]): Promise<void> {
  const stores = [module, data].flatMap((owner) => owner?.hyperparameters.logged ? [owner.hyperparameters] : []);
  if (stores.length === 0) return;
  const merged: Hyperparameters = {};
  for (const { initial } of stores) {
    for (const [name, value] of Object.entries(initial)) {
      if (name in merged && JSON.stringify(merged[name]) !== JSON.stringify(value)) {
        throw new Error(
          `Cannot log hyperparameters: a name of both module and data module must have one value, ${name} is ` +
            `${JSON.stringify(merged[name])} and ${JSON.stringify(value)}`,
        );
      }
      merged[name] = value;
    }
  }
  for (const logger of loggers) await logger.logHyperparams?.(merged);
}
