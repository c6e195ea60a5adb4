/**
 * The command line of training programs: what `@fulgurite/core/cli` gives.
 *
 * @module
 */
import "./preset.ts";
export * from "./cli/mod.ts";
