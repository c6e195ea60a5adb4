/** What `state.json` holds, its tensors in their places. */
type State = Record<string, unknown>;

/** Turns what a version of the format wrote into what the next one would have written. */
export type Migration = (state: State) => State;

/**
 * For each earlier version of the format the step to the next. A checkpoint of version 1 is read through all of them,
 * in order; weights alone (`training: null`) go the same way.
 */
export const MIGRATIONS: Readonly<Record<number, Migration>> = {
  /** Hyperparameters came in; metrics within an epoch and the loss scaler had been left out where there were none. */
  1: (state) => ({
    ...state,
    training: isState(state.training) ? { metrics: {}, precision: null, ...state.training } : state.training,
    hyperparameters: { module: null, dataModule: null },
  }),
};

/** Version of the format that is written. */
export const CHECKPOINT_VERSION: number = Object.keys(MIGRATIONS).length + 1;

/**
 * The version of a checkpoint, if it is one that can be read.
 *
 * @throws {Error} If it is not
 */
export function checkedVersion(version: unknown): number {
  if (version === CHECKPOINT_VERSION || (typeof version === "number" && MIGRATIONS[version])) return version as number;
  const newer = typeof version === "number" && version > CHECKPOINT_VERSION;
  const hint = newer ? "; a newer release of the library wrote it" : "";
  throw new Error(`its version must be from 1 to ${CHECKPOINT_VERSION}, got ${JSON.stringify(version)}${hint}`);
}

/**
 * Brings what an earlier version wrote to the present form.
 *
 * @param state What `state.json` holds
 * @param version The version that wrote it
 */
export function migrate(state: State, version: number): State {
  for (let from = version; from < CHECKPOINT_VERSION; from++) state = MIGRATIONS[from](state);
  return state;
}

function isState(value: unknown): value is State {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
