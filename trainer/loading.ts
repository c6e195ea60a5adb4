import { init, type InitOptions } from "../device/mod.ts";
import { checkNames } from "../device/option_names.ts";
import { readCheckpoint } from "./checkpoint.ts";
import type { LightningModule } from "./lightning_module.ts";

/** How {@link LightningModule.loadFromCheckpoint} makes a module. */
export interface LoadFromCheckpointOptions<Hyperparameters = Record<string, unknown>> {
  /** Whether the checkpoint must hold exactly the module's names; default: the module's `strictLoading`. */
  strict?: boolean;
  /** Values that take the place of saved hyperparameters, or that were not saved. */
  hparams?: Partial<NonNullable<Hyperparameters>>;
  /** Which device to open, if none is open yet. */
  device?: InitOptions;
}

/**
 * Makes a module with the hyperparameters that a checkpoint holds, and gives it its weights.
 *
 * @param make Makes it of the constructor's arguments; no class is ever looked up by a name in a file
 * @param path The checkpoint's folder
 * @param options Other hyperparameters, strictness
 */
export async function loadModule<M extends LightningModule>(
  make: (given: unknown[]) => M,
  path: string,
  options: LoadFromCheckpointOptions = {},
): Promise<M> {
  checkNames<LoadFromCheckpointOptions>("load from a checkpoint", options, {
    strict: true,
    hparams: true,
    device: true,
  });
  await init(options.device);
  const checkpoint = await readCheckpoint(path);
  const { module: saved } = checkpoint.hyperparameters;
  const given = saved === null && options.hparams === undefined ? [] : [{ ...saved, ...options.hparams }];
  const module = make(given);
  try {
    await module.configureModel?.();
    await module.onLoadCheckpoint?.(checkpoint);
    module.loadStateDict(checkpoint.stateDict, { strict: options.strict ?? module.strictLoading });
  } catch (error) {
    module.dispose();
    throw error;
  }
  return module;
}
