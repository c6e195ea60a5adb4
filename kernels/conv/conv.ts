import { autocastDType } from "../../tensor/autocast.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { apply, applyAll, type GradContext, type Inputs, type Op, type Spec } from "../../tensor/op.ts";
import { numel } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { to } from "../elementwise/cast.ts";
import { reshape } from "../layout/reshape.ts";
import { expand } from "../layout/views.ts";
import { productType } from "../matmul/matmul.ts";
import { sum } from "../reduce/sum.ts";
import { type Geometry, imageShape, kernelShape, resultShape } from "./_geometry.ts";
import { recordWeight } from "./_record.ts";
import { Slide, type SlideAttrs } from "./_slide.ts";

/*
 * Three maps that are each other's gradients: with y = conv(x, w), the gradient of x is spread(dy, w), that of w is
 * weight(x, dy), and theirs are made of the same three.
 */

/** conv(x, w) + bias, or backwards spread(dy, w) + bias: one kernel, with what follows it. Sums are f32. */
const slideOp: Op<SlideAttrs> = {
  name: "conv",
  half: "native",
  infer: ([x, w], { geometry, backwards }) => ({
    shape: backwards ? imageShape(geometry) : resultShape(geometry),
    dtype: productType([x!, w!]),
  }),
  lazy: ([x, w, bias], attrs) => new Slide([x!, w!], bias, attrs),
  saves: (_, needs) => ({ inputs: [...(needs[1] ? [0] : []), ...(needs[0] ? [1] : [])] }),
  grad: (dy, context, { geometry, backwards }) => {
    const { x, needs, inputs } = context;
    const dx = needs[0] ? to(slide(dy, x(1), null, geometry, !backwards, true), inputs[0]!.dtype) : null;
    return [dx, ...(backwards ? spreadGradients : convGradients)(dy, context, geometry)];
  },
};

/** The gradients of weight and bias of a convolution: one pass makes both. */
function convGradients(
  dy: Tensor,
  { x, needs, inputs }: GradContext,
  geometry: Geometry,
): [Tensor | null, Tensor | null] {
  const { shape, dtype } = inputs[1]!;
  // Without channels there is no kernel to run, but a bias still.
  if (!needs[1] || !needs[2] || numel(shape) === 0) {
    return [
      needs[1] ? weight(x(0), dy, geometry, dtype) : null,
      needs[2] ? to(channelSums(dy), inputs[2]!.dtype) : null,
    ];
  }
  const [dw, db] = applyAll(weightOp, [x(0), dy], { geometry, dtype, sums: true });
  return [dw, to(db, inputs[2]!.dtype)];
}

/** Those of a transposed convolution, in which image and result have changed places. */
function spreadGradients(
  d: Tensor,
  { x, needs, inputs }: GradContext,
  geometry: Geometry,
): [Tensor | null, Tensor | null] {
  return [
    needs[1] ? weight(d, x(0), geometry, inputs[1]!.dtype) : null,
    needs[2] ? to(channelSums(d), inputs[2]!.dtype) : null,
  ];
}

/** The sum over everything but channels. */
function channelSums(t: Tensor): Tensor {
  return sum(t, { dim: t.shape.map((_, axis) => axis).filter((axis) => axis !== 1) });
}

/**
 * The gradient of a convolution's kernel, of some type, and where wanted the sums of `dy` over everything but channels.
 */
interface WeightAttrs {
  readonly geometry: Geometry;
  readonly dtype: Spec["dtype"];
  readonly sums: boolean;
}

const weightOp: Op<WeightAttrs, readonly Spec[]> = {
  name: "convGrad",
  half: "native",
  infer: (_, { geometry, dtype, sums }) => [
    { shape: kernelShape(geometry), dtype },
    ...(sums ? [{ shape: [geometry.outChannels], dtype: "f32" } as const] : []),
  ],
  forward: ([x, dy], { geometry }, [dw, db]) => recordWeight(x!, dy!, { y: dw, sums: db ?? null }, geometry),
  saves: { inputs: [0, 1] },
  // Both are linear in x and in dy.
  grad: (_, { x, dys: [dw, db], needs, inputs: [image, dy] }, { geometry }): Inputs => [
    needs[0] && dw !== null ? to(slide(x(1), dw, null, geometry, true, true), image!.dtype) : null,
    !needs[1] ? null : to(
      dw === null
        ? expand(reshape(db!, [db!.numel, ...new Array(geometry.axes).fill(1)]), dy!.shape)
        : slide(x(0), dw, db ?? null, geometry, false, true),
      dy!.dtype,
    ),
  ],
};

function weight(x: Tensor, dy: Tensor, geometry: Geometry, dtype: Spec["dtype"]): Tensor {
  return applyAll(weightOp, [x, dy], { geometry, dtype, sums: false })[0];
}

function slide(
  x: Tensor,
  w: Tensor,
  bias: Tensor | null,
  geometry: Geometry,
  backwards: boolean,
  passing: boolean,
): Tensor {
  return apply(slideOp, [x, w, bias], { geometry, backwards, passing });
}

/** Rounds operands to autocast's type; the bias is added to f32 sums as it is. */
function rounded(t: Tensor): Tensor {
  const half = autocastDType();
  return half === null ? t : to(t, half);
}

/** A bias that is no floating number yet. */
function floating(bias: Tensor | null): Tensor | null {
  return bias === null || isFloat(bias.dtype) ? bias : to(bias, "f32");
}

/** The convolution of images with a kernel. */
export function convolve(x: Tensor, w: Tensor, bias: Tensor | null, geometry: Geometry): Tensor {
  return slide(rounded(x), rounded(w), floating(bias), geometry, false, false);
}

/** The transposed convolution, which is the gradient of a convolution's images. */
export function spread(x: Tensor, w: Tensor, bias: Tensor | null, geometry: Geometry): Tensor {
  return slide(rounded(x), rounded(w), floating(bias), geometry, true, false);
}
