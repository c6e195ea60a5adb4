import { checkNames } from "../../device/option_names.ts";
import { type DType, isFloat, isHalf } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { mul, neg, sub } from "../elementwise/arithmetic.ts";
import { pointwise } from "../elementwise/define.ts";
import { transpose } from "../layout/views.ts";
import { sum } from "../reduce/sum.ts";
import { family } from "../_family.ts";
import { heldItems, itemKernel, laneGroup, pack, type Rows, rowsOf, rowWidth, sharesRows } from "../_rows.ts";
import { launch } from "../_run.ts";
import { softmax as lanesKernel, softmaxGrad, softmaxGradTree, softmaxTree } from "../_wgsl.ts";

/** The axis whose elements become shares of 1. */
export interface SoftmaxOptions {
  /** The axis. */
  dim: number;
}

interface Attrs {
  readonly dim: number;
}

interface GradAttrs extends Attrs {
  /** The type of the input, whose gradient it is. */
  readonly dtype: DType;
}

/** What softmax and its logarithm change in the kernels. */
const LOG = {
  forward: {
    prepare: "fn prepare(total: Row) -> Row { return log(total); }",
    finish: "fn finish(v: Item, prepared: Row) -> Item { return v - prepared; }",
  },
  grad: {
    term: "fn term(y: Item, dy: Item) -> Item { return dy; }",
    result: "fn result(y: Item, dy: Item, sum: Row) -> Item { return dy - exp(y) * sum; }",
  },
};

function forward(x: Tensor, rows: Rows, log: boolean, y: Tensor): void {
  const packed = pack(rows, isHalf(y.dtype));
  const { rows: count, length, inner } = packed;
  const kernel = itemKernel(packed);
  const functions = { ...kernel.functions, ...(log ? LOG.forward : {}) };
  if (sharesRows(rows)) {
    const width = rowWidth(length);
    const held = heldItems(length, width, packed);
    launch(softmaxTree, { x, y }, { rows: count, length }, Math.ceil(count * width / 256), {
      aliases: { ...kernel.aliases, ...held.aliases },
      functions,
      overrides: { width, ...held.overrides },
    });
    return;
  }
  const group = laneGroup(count);
  launch(lanesKernel, { x, y }, { rows: count, length, inner }, Math.ceil(count / group), {
    aliases: kernel.aliases,
    functions,
    overrides: { group },
  });
}

function backward(y: Tensor, dy: Tensor, rows: Rows, log: boolean, dx: Tensor): void {
  const packed = pack(rows, isHalf(dx.dtype));
  const { rows: count, length, inner } = packed;
  const kernel = itemKernel(packed);
  const functions = { ...kernel.functions, ...(log ? LOG.grad : {}) };
  if (sharesRows(rows)) {
    const width = rowWidth(length);
    const held = heldItems(length, width, packed, 2);
    launch(softmaxGradTree, { y, dy, dx }, { rows: count, length }, Math.ceil(count * width / 256), {
      aliases: { ...kernel.aliases, ...held.aliases },
      functions,
      overrides: { width, ...held.overrides },
    });
    return;
  }
  const group = laneGroup(count);
  launch(softmaxGrad, { y, dy, dx }, { rows: count, length, inner }, Math.ceil(count / group), {
    aliases: kernel.aliases,
    functions,
    overrides: { group },
  });
}

const axis = (x: Tensor, dim: number): Rows => rowsOf(x.shape, dim);

const softmaxOp: Op<Attrs> = {
  name: "softmax",
  precision: "full",
  half: "any",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  forward: ([x], { dim }, [y]) => forward(x!, axis(x!, dim), false, y),
  saves: { outputs: [0] },
  grad: (dy, { y, inputs }, { dim }) => [apply(softmaxGradOp, [y, dy], { dim, dtype: inputs[0]!.dtype })],
};

/** dx of (y, dy). It is linear and symmetric in dy, so its own gradient there is itself. */
const softmaxGradOp: Op<GradAttrs> = {
  name: "softmaxGrad",
  half: "any",
  infer: ([y], { dtype }) => ({ shape: y!.shape, dtype }),
  forward: ([y, dy], { dim }, [dx]) => backward(y!, dy!, axis(y!, dim), false, dx),
  saves: { inputs: [0, 1] },
  grad: (g, { x, needs }, { dim }) => {
    const y = x(0), dy = x(1);
    const total = (t: Tensor) => sum(t, { dim, keepdim: true });
    return [
      needs[0] ? sub(mul(g, sub(dy, total(mul(dy, y)))), mul(dy, total(mul(y, g)))) : null,
      needs[1] ? apply(softmaxGradOp, [y, g], { dim, dtype: dy.dtype }) : null,
    ];
  },
};

const logSoftmaxOp: Op<Attrs> = {
  name: "logSoftmax",
  precision: "full",
  half: "any",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  forward: ([x], { dim }, [y]) => forward(x!, axis(x!, dim), true, y),
  saves: { outputs: [0] },
  grad: (dy, { y, inputs }, { dim }) => [apply(logSoftmaxGradOp, [y, dy], { dim, dtype: inputs[0]!.dtype })],
};

const logSoftmaxGradOp: Op<GradAttrs> = {
  name: "logSoftmaxGrad",
  half: "any",
  infer: ([y], { dtype }) => ({ shape: y!.shape, dtype }),
  forward: ([y, dy], { dim }, [dx]) => backward(y!, dy!, axis(y!, dim), true, dx),
  saves: { inputs: [0, 1] },
  grad: (g, { x, needs }, { dim }) => {
    const shares = shareOf([x(0)]);
    const total = (t: Tensor) => sum(t, { dim, keepdim: true });
    const weighted = mul(shares, g);
    return [
      needs[0] ? neg(mul(weighted, total(x(1)))) : null,
      needs[1] ? sub(g, total(weighted)) : null,
    ];
  },
};

const shareOf = pointwise({
  name: "logSoftmaxGrad",
  f: "exp(x)",
  reads: [["y"]],
  grads: [(dy, { y }) => mul(dy, y)],
});

function along(op: Op<Attrs>, x: Tensor, options: SoftmaxOptions): Tensor {
  const { name } = op;
  if (options === undefined) throw new TypeError(`Cannot compute ${name}: it needs an axis, say { dim: -1 }`);
  checkNames(`compute ${name}`, options, { dim: "required" });
  const { dim } = options;
  checkTensors(name, x);
  if (!isFloat(x.dtype)) {
    throw new TypeError(`Cannot compute ${name}: elements must be floating-point numbers, they are ${x.dtype}`);
  }
  const d = normalizeDim(name, dim, x.ndim);
  const { outer, length, inner } = axis(x, d);
  // On a GPU a few long columns are slow; as rows they are shared by many invocations.
  if (family() === "groups" && inner > 1 && outer * inner < 1024 && length >= 1024) {
    const last = x.ndim - 1;
    return transpose(apply(op, [transpose(x, d, last)], { dim: last }), d, last);
  }
  return apply(op, [x], { dim: d });
}

/**
 * Shares of 1 along an axis: exp(x) / Σ exp(x). The largest element is subtracted first, so that nothing overflows. An
 * element of −∞ gets 0; a row of −∞ alone gives NaN.
 *
 * @param x Any shape, floating-point
 * @param options The axis
 * @returns A tensor of the same shape
 * @throws {RangeError} If the axis does not exist
 * @throws {TypeError} If the elements are integers or booleans
 *
 * @example
 * ```ts
 * import { init, softmax, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[0, 0], [1, 1]], { dtype: "f32" });
 * console.log(await softmax(x, { dim: 1 }).array()); // [[0.5, 0.5], [0.5, 0.5]]
 * ```
 */
export function softmax(x: Tensor, options: SoftmaxOptions): Tensor {
  return along(softmaxOp, x, options);
}

/**
 * The logarithm of {@link softmax}: x − log Σ exp(x), exact where softmax itself would round to 0.
 *
 * @param x Any shape, floating-point
 * @param options The axis
 * @returns A tensor of the same shape
 * @throws {RangeError} If the axis does not exist
 * @throws {TypeError} If the elements are integers or booleans
 *
 * @example
 * ```ts
 * import { init, logSoftmax, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logSoftmax(tensor([0, 1000], { dtype: "f32" }), { dim: 0 }).array()); // [-1000, 0]
 * ```
 */
export function logSoftmax(x: Tensor, options: SoftmaxOptions): Tensor {
  return along(logSoftmaxOp, x, options);
}
