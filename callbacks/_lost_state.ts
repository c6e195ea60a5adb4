import type { Callback } from "../trainer/mod.ts";

/** The error where a checkpoint would lack what a callback frees when its fit is left before the end. */
export function lostState(callback: Callback, what: string): Error {
  return new Error(
    `Cannot save a checkpoint of ${callback.constructor.name}: ${what} must be in it, but went when fit was left before its ` +
      "end; a ModelCheckpoint with saveLast, or with saveOnException, saves it in time; { weightsOnly: true } saves the " +
      "weights as they are",
  );
}
