/**
 * The command line of training programs: subcommands, YAML configurations, and classes by name from a registry.
 *
 * @module
 */
export { type Instantiated, LightningCLI } from "./lightning_cli.ts";
export type { Link, Program } from "./program.ts";
export { anyOptions, type OptionsSchema, type Registered, registered, type Registry } from "./registry.ts";
export { standardCallbacks, standardLoggers } from "./standard.ts";
export { standardOptimizers } from "./standard_optimizers.ts";
export { standardSchedulers } from "./standard_schedulers.ts";
