import type { DType } from "../../tensor/dtype.ts";
import { numel, sameShape, type Shape, stridesOf } from "../../tensor/shape.ts";
import type { Pending, Storage } from "../../tensor/storage.ts";
import type { ParamType } from "../_source.ts";
import { kernelKey, writeFinish } from "./codegen.ts";
import { eachField, usesCoordinates } from "./params.ts";
import { type Layout, layoutOf } from "./layout.ts";
import type { Plan } from "./plan.ts";

/**
 * Work of another kind, such as a matrix product, that waits for its consumer and has its results in registers before
 * they are stored: a chain behind it can be computed there.
 */
export abstract class Producer implements Pending {
  abstract readonly shape: Shape;

  abstract record(into: Storage): void;

  abstract release(): void;

  /**
   * Records the work together with the chain behind it.
   *
   * @param finish The chain
   * @param into Where the chain's results go; its buffer is ready
   * @param own The storage that waits for the work's own results
   * @returns Whether it was done; `false`, with nothing recorded, where the kernel cannot take the chain in
   */
  abstract recordThrough(finish: Finish, into: Storage, own: Storage): boolean;
}

/** Operations of a chain that is short. */
const LIGHT_STEPS = 12;

/** A chain as the end of the kernel that makes one of its inputs, the host. */
export class Finish {
  /** Tells its text from others'. */
  readonly key: string;
  /** Type of the chain's results. */
  readonly dtype: DType;
  /** Whether the chain draws random numbers, which come four at a time. */
  readonly drawn: boolean;
  /**
   * Whether its text is short and finds inputs without coordinates. Kernels that write a result out for each of a
   * hundred registers, as those of software adapters do, take a minute to compile with anything else.
   */
  readonly light: boolean;
  /** The inputs but the host, by the names that the text binds them to, in order. */
  readonly inputs: Readonly<Record<string, Storage>>;
  /** The parameters that the text reads. */
  readonly params: { readonly types: Record<string, ParamType>; readonly values: Record<string, number> };
  readonly #plan: Plan;
  readonly #layout: Layout;
  readonly #host: number;

  /**
   * @param plan The chain
   * @param host Which of its leaves the kernel makes
   * @param dtype The type of its results
   */
  constructor(plan: Plan, host: number, dtype: DType) {
    this.#plan = plan;
    this.#host = host;
    this.dtype = dtype;
    this.#layout = layoutOf(plan.shape, plan.leaves);
    this.key = `${host} ${kernelKey(plan, this.#layout, dtype)}`;
    this.drawn = plan.draws.length > 0;
    this.light = plan.steps.length <= LIGHT_STEPS && !usesCoordinates(this.#layout);
    this.inputs = Object.fromEntries(
      plan.leaves.flatMap(({ storage }, k) => k === host ? [] : [[`b${k}`, storage] as const]),
    );
    this.params = { types: {}, values: {} };
    eachField(plan, this.#layout, (name, type, value) => {
      this.params.types[name] = type;
      this.params.values[name] = value;
    });
  }

  /**
   * WGSL that binds the inputs and declares `finish(at, x)`, which makes the chain's element number `at` (with `quads`
   * the four from there on) of the host's. Shared functions are left to the caller.
   */
  text(binding: number, quads: boolean): string {
    return writeFinish(this.#plan, this.#layout, this.dtype, this.#host, binding, quads);
  }
}

/** The first leaf of a chain that is being made by a {@link Producer} and read element by element, and nowhere else. */
export function hostOf({ leaves, shape }: Plan): { host: number; producer: Producer } | null {
  for (let host = 0; host < leaves.length; host++) {
    const { storage, strides, offset } = leaves[host];
    const producer = storage.pending;
    if (
      producer instanceof Producer && offset === 0 && storage.numel === numel(shape) &&
      sameShape(strides, stridesOf(shape)) && leaves.every((leaf, k) => k === host || leaf.storage !== storage)
    ) return { host, producer };
  }
  return null;
}
