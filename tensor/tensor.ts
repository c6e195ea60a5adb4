import { byteLength, type DType, isHalf } from "./dtype.ts";
import { showShape } from "./errors.ts";
import { format } from "./format.ts";
import { bf16ToF32, f16ToF32 } from "./half.ts";
import type { TensorMethods } from "./methods.ts";
import type { Node } from "./node.ts";
import { track, untrack } from "./scope.ts";
import { normalizeDim, type Shape } from "./shape.ts";
import type { Storage } from "./storage.ts";
import { watching } from "./watcher.ts";

/** Typed arrays that hold a tensor's elements on the host. */
export type HostArray =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** Numbers (or booleans) in as many nested arrays as there are axes. */
export type NestedArray = number | boolean | NestedArray[];

/** Called with a gradient when it is ready; what it returns, if anything, takes the gradient's place. */
export type GradHook = (grad: Tensor) => Tensor | void;

/** What a tensor is made from inside the library. */
export interface TensorParts {
  readonly shape: Shape;
  readonly storage: Storage;
  readonly requiresGrad?: boolean;
  readonly node?: Node | null;
  readonly outputIndex?: number;
  /** The tensor that this one stands for when gradients are accumulated. */
  readonly origin?: Tensor | null;
  /** Internal values (saved for backward) belong to no scope. */
  readonly scoped?: boolean;
}

/** The safety net: a tensor that nobody disposed gives its buffer back when it is collected. */
const collected = new FinalizationRegistry<{ storage: Storage }>(({ storage }) => storage.release());

// The fluent methods are installed by autograd/methods.ts, which every entry point imports, from the functions of the
// same names; their interface merges with the class here because JSR forbids `declare module`.
/** The methods of a tensor: {@link TensorMethods}. */
export interface Tensor extends TensorMethods {}

/**
 * An n-dimensional array on the device: contiguous, row-major, immutable as a value.
 *
 * Make one with `tensor(data)`, `zeros(shape)`, `randn(shape)`, …; compute with functions (`matmul(a, b)`) or methods
 * (`a.matmul(b)`); read it with `await t.data()`, `await t.array()` or `await t.item()`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[1, 2], [3, 4]], { dtype: "f32" });
 * console.log(await a.matmul(a).array()); // [[7, 10], [15, 22]]
 * ```
 */
export class Tensor {
  /** Sizes of the axes, outermost first. */
  readonly shape: Shape;
  /**
   * The elements; shared between a tensor and its reshapes.
   *
   * @internal
   */
  readonly storage: Storage;
  /**
   * The operation that made it, while its gradient can still be asked for.
   *
   * @internal
   */
  readonly node: Node | null;
  /** Which output of `node` it is. */
  readonly outputIndex: number;
  /** The tensor that this one stands for when gradients are accumulated. */
  readonly origin: Tensor | null;
  /** Called with the gradient when it is ready. */
  hooks: GradHook[] | null = null;
  #grad: Tensor | null = null;
  #leafRequiresGrad: boolean;
  #disposed = false;

  /** Users call `tensor(data)` or another creation function instead. */
  constructor(parts: TensorParts) {
    this.shape = parts.shape;
    this.storage = parts.storage;
    this.node = parts.node ?? null;
    this.outputIndex = parts.outputIndex ?? 0;
    this.origin = parts.origin ?? null;
    this.#leafRequiresGrad = parts.requiresGrad ?? false;
    this.node?.retain();
    collected.register(this, { storage: this.storage }, this);
    if (parts.scoped ?? true) track(this);
  }

  /** Element type. */
  get dtype(): DType {
    return this.storage.dtype;
  }

  /** Number of axes. */
  get ndim(): number {
    return this.shape.length;
  }

  /** Number of axes, as {@link ndim}. */
  dim(): number {
    return this.shape.length;
  }

  /**
   * The shape, or the size of one axis.
   *
   * @param dim The axis; negative ones count from the end
   * @returns Sizes outermost first, or one number
   * @throws {RangeError} If there is no such axis
   */
  size(): Shape;
  /** The size of one axis. */
  size(dim: number): number;
  size(dim?: number): Shape | number {
    if (dim === undefined) return this.shape;
    if (this.ndim === 0) throw new RangeError(`Cannot choose axis ${dim} in size: a scalar has no axes`);
    return this.shape[normalizeDim("size", dim, this.ndim)];
  }

  /** Number of elements. */
  get numel(): number {
    return this.storage.numel;
  }

  /** Bytes of the elements on the device. */
  get byteLength(): number {
    return byteLength(this.dtype, this.numel);
  }

  /** The gradient that `backward` accumulated, for leaves. */
  get grad(): Tensor | null {
    watching.by?.gradient(this, "get");
    return this.#grad;
  }

  /** Puts a gradient in place of the present one, which is not freed. */
  set grad(gradient: Tensor | null) {
    watching.by?.gradient(this, "set");
    this.#grad = gradient;
  }

  /**
   * Frees its gradient, if it has one.
   *
   * @example
   * ```ts
   * import { backward, init, tensor } from "@fulgurite/core";
   *
   * await init();
   * const w = tensor([1, 2], { dtype: "f32", requiresGrad: true });
   * backward(w.sum());
   * w.clearGrad();
   * console.log(w.grad); // null
   * ```
   */
  clearGrad(): void {
    watching.by?.gradient(this, "clear");
    this.#grad?.dispose();
    this.#grad = null;
  }

  /** Whether gradients flow to this tensor. */
  get requiresGrad(): boolean {
    if (this.node === null) watching.by?.flag(this);
    return this.node !== null || this.#leafRequiresGrad;
  }

  /** Asks for gradients of a leaf, or no longer. A computed tensor requires them by its inputs and cannot be told. */
  set requiresGrad(wanted: boolean) {
    if (this.node !== null) {
      if (wanted) return;
      throw new Error(
        `Cannot stop gradients of a result of ${this.node.name}: only leaves can be told, use detach() instead`,
      );
    }
    if (wanted && this.dtype !== "f32" && !isHalf(this.dtype)) {
      throw new TypeError(`Cannot require gradients: only floating-point tensors have them, this one is ${this.dtype}`);
    }
    this.#leafRequiresGrad = wanted;
  }

  /** Whether it was not computed from tensors that require gradients. */
  get isLeaf(): boolean {
    return this.node === null;
  }

  /** Whether `dispose()` was called, or the scope ended. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * The elements, row-major: `Float32Array` for f32, f16 and bf16, `Int32Array`, `Uint32Array`, and `Uint8Array` of 0
   * and 1 for bool.
   *
   * @returns A promise of the elements
   * @throws {KernelError | OutOfMemoryError | DeviceLostError} What went wrong on the device since the last wait
   */
  async data(): Promise<HostArray> {
    const raw = await this.bytes();
    switch (this.dtype) {
      case "f32":
        return new Float32Array(raw);
      case "f16":
        return f16ToF32(new Uint16Array(raw));
      case "bf16":
        return bf16ToF32(new Uint16Array(raw));
      case "i32":
        return new Int32Array(raw);
      case "u32":
        return new Uint32Array(raw);
      case "bool":
        return Uint8Array.from(new Uint32Array(raw));
    }
  }

  /** The elements as they are stored: 2 bytes each for f16 and bf16, otherwise 4. */
  async bytes(): Promise<ArrayBuffer> {
    this.#checkAlive("read");
    if (this.numel === 0) return new ArrayBuffer(0);
    return await this.storage.device.read(this.storage.buffer, this.byteLength);
  }

  /** The elements in nested arrays, one level an axis; booleans for bool. */
  async array(): Promise<NestedArray> {
    const flat = await this.data();
    const bool = this.dtype === "bool";
    let at = 0;
    const nest = (axis: number): NestedArray => {
      if (axis === this.ndim) return bool ? flat[at++] !== 0 : flat[at++];
      return Array.from({ length: this.shape[axis] }, () => nest(axis + 1));
    };
    return nest(0);
  }

  /**
   * The one element as a number.
   *
   * @throws {TypeError} If there is not exactly one element
   */
  async item(): Promise<number> {
    if (this.numel !== 1) {
      throw new TypeError(
        `Cannot read one number: the tensor must have one element, its shape is ${showShape(this.shape)}`,
      );
    }
    return (await this.data())[0];
  }

  /** Values, shape and type in the manner of PyTorch, as a promise (they have to be read). */
  async toString(): Promise<string> {
    return format(await this.data(), this.shape, this.dtype, this.node?.name ?? null, this.requiresGrad);
  }

  /** The same values, cut off from differentiation. */
  detach(): Tensor {
    this.#checkAlive("detach");
    return new Tensor({ shape: this.shape, storage: this.storage.retain() });
  }

  /** Sets {@link requiresGrad} and returns the tensor. */
  requiresGrad_(wanted = true): this {
    this.requiresGrad = wanted;
    return this;
  }

  /**
   * Has `hook` called with this tensor's gradient when backward reaches it; a returned tensor takes its place.
   *
   * @param hook The function
   * @returns A function that removes it
   */
  registerHook(hook: GradHook): () => void {
    if (!this.requiresGrad) throw new Error("Cannot register a hook: the tensor does not require gradients");
    const hooks = this.node === null ? (this.hooks ??= []) : this.node.hooksOf(this.outputIndex);
    hooks.push(hook);
    return () => {
      const at = hooks.indexOf(hook);
      if (at >= 0) hooks.splice(at, 1);
    };
  }

  /** Gives the memory back now; the tensor cannot be used any more. Calling it twice is harmless. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    collected.unregister(this);
    untrack(this);
    this.storage.release();
    this.node?.release();
  }

  /** `using t = …` disposes at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Shape and type, where a text is put together: `Tensor([2, 2], f32)`.
   *
   * @throws {TypeError} Where a number is wanted: `a < b` would compare these texts
   */
  [Symbol.toPrimitive](hint: string): string {
    if (hint !== "number") return this.toJSON();
    throw new TypeError(
      `Cannot take ${this.toJSON()} for a number: operators know no tensors, compute with lt(a, b), mul(a, b) and the like, ` +
        "or read it first, await a.item()",
    );
  }

  /** Shape and type: the elements are on the device, `await tensor.array()` reads them. */
  toJSON(): string {
    return `Tensor(${showShape(this.shape)}, ${this.dtype})`;
  }

  /** Shape and type, for consoles; the values have to be awaited. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Tensor(${showShape(this.shape)}, ${this.dtype}${this.#disposed ? ", disposed" : ""})`;
  }

  #checkAlive(what: string): void {
    if (this.#disposed) throw new Error(`Cannot ${what} a tensor of shape ${showShape(this.shape)}: it is disposed`);
  }
}

/** A second handle on the same value that belongs to no scope: what backward keeps. */
export function keepAlias(t: Tensor): Tensor {
  return new Tensor({
    shape: t.shape,
    storage: t.storage.retain(),
    node: t.node,
    outputIndex: t.outputIndex,
    requiresGrad: t.requiresGrad,
    origin: t.node === null && t.requiresGrad ? t.origin ?? t : null,
    scoped: false,
  });
}
