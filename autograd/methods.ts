/**
 * Gives tensors their methods. It is imported for that by `mod.ts` of this folder and of those to its right from which
 * tensors reach a user, so that methods are there whatever is imported first.
 *
 * @module
 */
import * as kernels from "../kernels/mod.ts";
import * as ops from "../ops/mod.ts";
import { methodNames, type TensorMethods } from "../tensor/methods.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { toHost } from "../tensor/to_host.ts";
import { backward } from "./backward.ts";

/** Any function whose first parameter takes a tensor; tests/methods_test.ts holds the types of the others. */
type OfTensor = (x: Tensor, ...rest: never) => unknown;

const functions: { readonly [name in keyof TensorMethods]: OfTensor } = { ...kernels, ...ops, backward, keep, toHost };

for (const name of methodNames) {
  const compute = functions[name] as (x: Tensor, ...rest: unknown[]) => unknown;
  // Written as a method so that it can be told by its name in a stack trace, and is no constructor.
  const { [name]: value } = {
    [name](this: Tensor, ...rest: unknown[]): unknown {
      return compute(this, ...rest);
    },
  };
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}
