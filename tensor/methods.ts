/**
 * The fluent methods of a tensor: each is the function of the same name with the tensor as its first argument.
 * `mod.ts` installs them.
 */
// deno-lint-ignore no-empty-interface -- filled as ops are added
export interface TensorMethods {}
