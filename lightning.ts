/**
 * The trainer with its defaults: what `@fulgurite/core/trainer` gives.
 *
 * @module
 */
import "./preset.ts";
export * from "./trainer/mod.ts";
