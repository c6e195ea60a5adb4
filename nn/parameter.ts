import { isOpen } from "../device/mod.ts";
import { isFloat } from "../tensor/dtype.ts";
import { numel, type Shape } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * A tensor that a module learns: a leaf that requires gradients and outlives every scope. Optimizers change its value
 * in place.
 *
 * @example
 * ```ts
 * import { init, type Tensor, zeros } from "@fulgurite/core";
 * import { Module, Parameter } from "@fulgurite/core/nn";
 *
 * await init();
 * class Shift extends Module<[x: Tensor], Tensor> {
 *   by = new Parameter(zeros([3]));
 *   forward(x: Tensor): Tensor {
 *     return x.add(this.by);
 *   }
 * }
 * console.log([...new Shift().stateDict().keys()]); // ["by"]
 * ```
 */
export class Parameter extends Tensor {
  /**
   * Takes over the storage of a value.
   *
   * @param value What it starts with; the parameter takes over its storage
   * @param options Whether gradients are wanted; default true
   * @throws {TypeError} If the value is not floating-point
   */
  constructor(value: Tensor, { requiresGrad = true }: { requiresGrad?: boolean } = {}) {
    if (requiresGrad && !isFloat(value.dtype)) {
      throw new TypeError(`Cannot make a Parameter: its value must be floating-point, got ${value.dtype}`);
    }
    super({ shape: value.shape, storage: owned(value), requiresGrad, scoped: false });
  }
}

/**
 * A tensor that belongs to a module and is not learned: running statistics, masks, tables. It outlives every scope.
 *
 * @example
 * ```ts
 * import { init, ones } from "@fulgurite/core";
 * import { Buffer } from "@fulgurite/core/nn";
 *
 * await init();
 * const mask = new Buffer(ones([4, 4]), { persistent: false }); // not part of stateDict()
 * console.log(mask.shape); // [4, 4]
 * ```
 */
export class Buffer extends Tensor {
  /** Whether it is part of `stateDict()`. */
  readonly persistent: boolean;

  /**
   * Takes over the storage of a value.
   *
   * @param value Its value; the buffer takes over its storage
   * @param options Whether it is part of `stateDict()`; default true
   */
  constructor(value: Tensor, { persistent = true }: { persistent?: boolean } = {}) {
    super({ shape: value.shape, storage: owned(value), scoped: false });
    this.persistent = persistent;
  }
}

/** A parameter in f32 whose values are still to be given, by an initialiser. */
export function emptyParameter(shape: Shape): Parameter {
  const value = new Tensor({ shape, storage: new Storage(numel(shape), "f32", "parameter"), scoped: false });
  const parameter = new Parameter(value);
  value.dispose();
  return parameter;
}

/** The storages of parameters and buffers, which they keep as long as they live. */
const states = new WeakSet<Storage>();

/** Whether a tensor has the memory of a parameter or buffer, which a training step may change: one of them, or a view. */
export function sharesState({ storage }: Tensor): boolean {
  return states.has(storage);
}

/** The storage of a value, computed now: what a parameter starts with must not wait in a chain. */
function owned({ numel, storage }: Tensor): Storage {
  if (numel > 0 && isOpen()) void storage.buffer;
  states.add(storage);
  return storage.retain();
}
