/** Averaged weights over a scripted sequence. */
import { Missing } from "./report.ts";

/** Runs a row; returns what is wrong. */
export function averagedModel(): Promise<string[]> {
  return Promise.reject(new Missing("optim.AveragedModel"));
}
