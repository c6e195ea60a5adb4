/**
 * A data set and what reads it in one module, with nothing between: what must not start workers without end.
 *
 * @module
 */
import { defineDataset } from "../data/define_dataset.ts";
import { DataLoader } from "../data/loader.ts";

const squares = defineDataset(import.meta.url, "squares", () => ({ length: 4, get: (i: number) => i * i }));

for await (const _ of new DataLoader(squares(), { numWorkers: 1 })) break;
