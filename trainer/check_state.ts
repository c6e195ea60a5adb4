import type * as z from "zod";
import { CheckpointError } from "./checkpoint_folder.ts";

/**
 * Checks a part of a checkpoint: files come from strangers.
 *
 * @param what Whose state it is, for errors
 * @param schema What it must look like
 * @param state What was read
 * @returns The state
 * @throws {CheckpointError} Naming everything that is wrong
 */
export function checkState<T>(what: string, schema: z.ZodType<T>, state: unknown): T {
  const result = schema.safeParse(state);
  if (result.success) return result.data;
  const wrong = result.error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`).join("; ");
  throw new CheckpointError(`Cannot resume ${what}: its state must be complete, ${wrong}`);
}
