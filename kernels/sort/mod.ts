/** Sorting. */
export { argsort, sort, type SortOptions, topk, type TopkOptions } from "./sort.ts";
