/**
 * A process that saves checkpoints, for tests that cut it off:
 * `deno run -A testing/save_checkpoints.ts FOLDER FIRST COUNT` saves FOLDER again and again, with the numbers FIRST,
 * FIRST + 1, … in it, and prints each number once it is saved.
 */
import { CHECKPOINT_VERSION, writeCheckpoint } from "../trainer/checkpoint.ts";
import { hostTensor } from "../tensor/host.ts";

const [folder, first, count] = [Deno.args[0], Number(Deno.args[1]), Number(Deno.args[2])];
for (let n = first; n < first + count; n++) {
  const numbers = new Float32Array(20_000).fill(n);
  try {
    await writeCheckpoint(folder, {
      version: CHECKPOINT_VERSION,
      stateDict: new Map([["weight", hostTensor(numbers, { dtype: "f32", shape: [100, 200] })]]),
      training: { n },
      hyperparameters: { module: null, dataModule: null },
      extra: {},
    });
  } catch (error) {
    console.log(`failed ${(error as Error).message}`);
    Deno.exit(1);
  }
  console.log(`saved ${n}`);
}
