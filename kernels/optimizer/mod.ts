/** Steps of optimizers: one fused kernel a parameter, whose rule is an entry of a table. */
export type { AdamOptions } from "./adam.ts";
export type { AdadeltaOptions, AdagradOptions, AdamaxOptions, LionOptions, RMSpropOptions } from "./adaptive.ts";
export type { NAdamOptions, RAdamOptions } from "./rectified.ts";
export type { Rule } from "./rule.ts";
export type { SGDOptions } from "./sgd.ts";
