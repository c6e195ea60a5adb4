/**
 * Primitive operations, one folder each.
 *
 * @module
 */
export * from "./elementwise/mod.ts";
export * from "./layout/mod.ts";
export * from "./reduce/mod.ts";
