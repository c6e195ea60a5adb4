/** Elements of a source reduced into those of another tensor, by index. */
export { indexReduce, scatterReduce, type ScatterReduceOptions, type ScatterReduction } from "./scatter_reduce.ts";
