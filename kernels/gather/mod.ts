/** Looking elements up by index, and writing or adding them there. */
export { embedding, type EmbeddingOptions } from "./embedding.ts";
export { gather, type GatherOptions, takeAlongDim } from "./gather.ts";
export { indexAdd, type IndexAddOptions, indexSelect, type IndexSelectOptions } from "./index_select.ts";
export { nonzero } from "./nonzero.ts";
export { scatter, scatterAdd, type ScatterOptions } from "./scatter.ts";
