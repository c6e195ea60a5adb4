import { device, isOpen } from "../device/mod.ts";
import { autocastDType, autocastInputs } from "./autocast.ts";
import { type DType, isFloat, isHalf, promote } from "./dtype.ts";
import { waitsForDevice } from "./before_device.ts";
import { showShape } from "./errors.ts";
import { gradEnabled } from "./grad_mode.ts";
import { Node, type OutputSpec } from "./node.ts";
import { observing } from "./observer.ts";
import { checkTensors } from "./operands.ts";
import { numel } from "./shape.ts";
import { type Pending, Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** Shape and type of a result. */
export type Spec = OutputSpec;

/** How an op behaves under autocast: in 16 bits, in f32, or in what its inputs have. */
export type Precision = "half" | "full" | "follow";

/** Inputs of an op; an optional one may be `null`. */
export type Inputs = readonly (Tensor | null)[];

/** Positions of the inputs and outputs that are kept for backward. */
export interface Saves {
  /** Positions of the inputs. */
  readonly inputs?: readonly number[];
  /** Positions of the outputs. */
  readonly outputs?: readonly number[];
}

/** What a gradient function may look at. */
export interface GradContext {
  /** An input that the op saves (`saves.inputs`). */
  x(index: number): Tensor;
  /** An output that the op saves (`saves.outputs`). */
  output(index: number): Tensor;
  /** Output 0. */
  readonly y: Tensor;
  /** Gradients of all outputs; `null` for those that nothing depends on. */
  readonly dys: readonly (Tensor | null)[];
  /** Which inputs want a gradient: work for others can be left out. */
  readonly needs: readonly boolean[];
  /** Shapes and types of the inputs. */
  readonly inputs: readonly (Spec | null)[];
  /** Shapes and types of the outputs. */
  readonly outputs: readonly Spec[];
}

/** The parts that all ops have. `Result` is `Spec` for one output, `readonly Spec[]` for several. */
export interface Op<Attrs, Result = Spec> {
  /** Its name, for errors, reports and labels of the GPU's tools. */
  readonly name: string;
  /** Behaviour under autocast; default `"follow"`. */
  readonly precision?: Precision;
  /**
   * `"native"`: the kernel reads and writes f16 and bf16 itself, as its rule for types says. `"any"`: also any mixture
   * of them with f32, so that nothing is converted in front of it even where autocast wants f32. `"reads"`: it reads
   * any, and its floating results are f32, rounded once to what the rule says. Default `"cast"`: inputs are converted
   * to f32 and floating results rounded once to the promoted type.
   */
  readonly half?: "native" | "any" | "reads" | "cast";
  /** Shapes and types of the results; throws for inputs that do not fit. */
  infer(x: Inputs, attrs: Attrs): Result;
  /** Records the kernels that fill `y` (never called when all outputs are empty). */
  forward?(x: Inputs, attrs: Attrs, y: readonly Tensor[]): void;
  /**
   * Instead of `forward`: describes the work that makes output `index` for later, so that it can be fused.
   *
   * @internal
   */
  lazy?(x: Inputs, attrs: Attrs, spec: Spec, index: number): Pending;
  /** Instead of `forward`: the result shares the first input's storage. */
  readonly alias?: true;
  /** What backward will read: positions of inputs and outputs, given which inputs want a gradient. */
  readonly saves?: Saves | ((attrs: Attrs, needs: readonly boolean[]) => Saves);
  /** Gradients by input, `null` where there is none; or `null` for an op without gradients. */
  readonly grad: ((dy: Tensor, context: GradContext, attrs: Attrs) => Inputs) | null;
}

/** Functions of the kernels that `apply` needs; the elementwise kernels put them here. */
export const primitives: { cast(x: Tensor, dtype: DType): Tensor; zeros(spec: Spec): Tensor } = {
  cast: () => {
    throw new Error("Cannot cast: the elementwise kernels are not loaded");
  },
  zeros: () => {
    throw new Error("Cannot make zeros: the elementwise kernels are not loaded");
  },
};

/** Runs an op with one output. */
export function apply<Attrs>(op: Op<Attrs>, x: Inputs, attrs: Attrs): Tensor {
  return run(op as Op<Attrs, Spec | readonly Spec[]>, x, attrs)[0];
}

/** Runs an op with several outputs. */
export function applyAll<Attrs>(op: Op<Attrs, readonly Spec[]>, x: Inputs, attrs: Attrs): Tensor[] {
  return run(op as Op<Attrs, Spec | readonly Spec[]>, x, attrs);
}

function run<Attrs>(op: Op<Attrs, Spec | readonly Spec[]>, given: Inputs, attrs: Attrs): Tensor[] {
  checkTensors(op.name, ...given);
  for (const x of given) {
    if (x?.disposed) throw new Error(`Cannot use a tensor in ${op.name}: it is disposed`);
  }
  // A view needs no device.
  if (!op.alias) checkDevice("compute", op.name, given);
  const { precision = "follow", half = "cast" } = op;
  const direct = half === "any" || half === "reads";
  // Where autocast wants f32, a kernel that reads 16 bits gives f32 results without a conversion in front.
  const widened = direct && precision === "full" && autocastDType() !== null;
  const x = widened ? given : autocastInputs(precision, given, primitives.cast);
  const halves = half !== "native" && x.some((t) => t !== null && isHalf(t.dtype));
  if (halves && !direct) return runInF32(op, x, attrs);
  if (!halves) return runWith(op, x, attrs, specsOf(op, x, attrs));
  const specs = specsOf(op, x, attrs);
  const wide = () => specs.map(({ shape, dtype }): Spec => ({ shape, dtype: isHalf(dtype) ? "f32" : dtype }));
  if (widened) return runWith(op, x, attrs, wide());
  if (half === "any") return runWith(op, x, attrs, specs);
  return runWith(op, x, attrs, wide()).map((y, i) => primitives.cast(y, specs[i].dtype));
}

function specsOf<Attrs>(op: Op<Attrs, Spec | readonly Spec[]>, x: Inputs, attrs: Attrs): readonly Spec[] {
  const inferred = op.infer(x, attrs);
  return Array.isArray(inferred) ? inferred : [inferred as Spec];
}

/** Runs an op for results of given shapes and types. */
function runWith<Attrs>(
  op: Op<Attrs, Spec | readonly Spec[]>,
  x: Inputs,
  attrs: Attrs,
  specs: readonly Spec[],
): Tensor[] {
  const differentiable = gradEnabled() && x.some((t) => t !== null && t.requiresGrad);
  const node = differentiable && op.grad !== null && specs.some((spec) => isFloat(spec.dtype))
    ? new Node(op as unknown as Op<unknown, unknown>, attrs, x, specs)
    : null;
  const lazy = op.lazy !== undefined && isOpen();
  const outputs = specs.map((spec, outputIndex) => {
    const count = numel(spec.shape);
    const storage = op.alias
      ? x[0]!.storage.retain()
      : new Storage(count, spec.dtype, op.name, lazy && count > 0 ? op.lazy!(x, attrs, spec, outputIndex) : null);
    return new Tensor({ shape: spec.shape, storage, node: isFloat(spec.dtype) ? node : null, outputIndex });
  });
  if (lazy) { for (const y of outputs) registerReaders(x, y); }
  else if (!op.alias && specs.some((spec) => numel(spec.shape) > 0)) {
    try {
      const waits = waitsForDevice([...x, ...outputs], (held) => compute(op, held, attrs, specs));
      if (!waits) op.forward?.(x, attrs, outputs);
    } catch (error) {
      // After a refused allocation nothing may wait for the garbage collector: not what was made, nor what was saved.
      for (const y of outputs) y.dispose();
      throw error;
    }
  }
  node?.saveOutputs(outputs);
  observing.by?.applied(op as unknown as Op<never, unknown>, x, outputs, attrs);
  return outputs;
}

/**
 * Throws unless all operands live on the open device, where results come to be.
 *
 * @param verb What is to be done with them, for example `"compute"`
 * @param of The operation
 * @param operands Its tensors
 */
export function checkDevice(verb: string, of: string, operands: Inputs): void {
  if (!isOpen()) return;
  const open = device();
  for (let i = 0; i < operands.length; i++) {
    const x = operands[i];
    if (x === null || x.storage.device === open) continue;
    throw new TypeError(
      `Cannot ${verb} ${of}: operands must be on one device, the open one; operand ${i} of shape ${
        showShape(x.shape)
      } is on ` +
        `a device that was closed or replaced (${x.storage.device.info.adapter})`,
    );
  }
}

/** What {@link run} put off: fills the outputs, which stand after the inputs. */
function compute<Attrs, Result>(op: Op<Attrs, Result>, held: Inputs, attrs: Attrs, specs: readonly Spec[]): void {
  const x = held.slice(0, -specs.length), y = held.slice(-specs.length) as Tensor[];
  if (op.lazy === undefined) return op.forward?.(x, attrs, y);
  for (const [index, spec] of specs.entries()) {
    const pending = op.lazy(x, attrs, spec, index);
    pending.record(y[index].storage);
    pending.release();
  }
}

/** A later write in place to an input must know that the chain has not read it yet. */
function registerReaders(x: Inputs, y: Tensor): void {
  if (y.storage.pending === null) return;
  for (const t of x) if (t !== null) t.storage.addReader(y.storage);
}

/** An op whose kernels know no 16-bit types: wide inputs, one rounding at the end. */
function runInF32<Attrs>(op: Op<Attrs, Spec | readonly Spec[]>, x: Inputs, attrs: Attrs): Tensor[] {
  const floats = x.filter((t): t is Tensor => t !== null && isFloat(t.dtype));
  const target = promote(floats.map((t) => ({ dtype: t.dtype, rank: 1 })));
  const wide = x.map((t) => t !== null && isHalf(t.dtype) ? primitives.cast(t, "f32") : t);
  return run(op, wide, attrs).map((y) => y.dtype === "f32" && target !== "f32" ? primitives.cast(y, target) : y);
}
