import { any, argmax, gt, logicalOr, lt, ne, reshape, sigmoid, softmax, to, where } from "../kernels/mod.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape, showShapes } from "../tensor/errors.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Throws unless inputs are tensors. */
export function checkTensors(metric: string, inputs: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(inputs)) {
    if (!(value instanceof Tensor)) {
      throw new TypeError(`Cannot update ${metric}: ${name} must be a tensor, got ${typeof value}`);
    }
  }
}

/** Throws unless shapes are equal. */
export function checkSameShape(metric: string, preds: Tensor, target: Tensor): void {
  checkTensors(metric, { preds, target });
  if (sameShape(preds.shape, target.shape)) return;
  throw new ShapeError(
    metric,
    `Cannot update ${metric}: preds and target must have the same shape, current shapes are ${
      showShapes([preds.shape, target.shape])
    }`,
    [preds.shape, target.shape],
  );
}

/** Labels as i32. */
export function labels(metric: string, name: string, t: Tensor): Tensor {
  if (isFloat(t.dtype)) {
    throw new TypeError(`Cannot update ${metric}: ${name} must hold labels (i32, u32 or bool), it is ${t.dtype}`);
  }
  return t.dtype === "i32" ? t : to(t, "i32");
}

/** Throws where labels that came from the host are known to lie outside; those made on the device are not read back. */
export function checkLabels(
  metric: string,
  name: string,
  { storage: { bounds } }: Tensor,
  classes: number,
  ignoreIndex: number | null,
): void {
  if (bounds === null) return;
  for (const value of [bounds.min, bounds.max]) {
    if ((value >= 0 && value < classes) || value === ignoreIndex) continue;
    throw new RangeError(`Cannot update ${metric}: ${name} must hold labels from 0 to ${classes - 1}, got ${value}`);
  }
}

/** Scores as f32 probabilities: logits, known by a value outside of 0 to 1, go through a sigmoid or a softmax. */
export function probabilities(preds: Tensor, normalise: "sigmoid" | "softmax"): Tensor {
  const scores = floats(preds);
  const logits = any(logicalOr(lt(scores, 0), gt(scores, 1)));
  return where(logits, normalise === "sigmoid" ? sigmoid(scores) : softmax(scores, { dim: 1 }), scores);
}

/** Values as f32. */
export function floats(t: Tensor): Tensor {
  return t.dtype === "f32" ? t : to(t, "f32");
}

/** Where a target counts; `null` if it does everywhere. */
export function counted(target: Tensor, ignoreIndex: number | null): Tensor | null {
  return ignoreIndex === null ? null : ne(target, ignoreIndex);
}

/** Classes of predictions and targets in one row each: the class with the best score, where there are scores. */
export function classes(
  metric: string,
  preds: Tensor,
  target: Tensor,
  numClasses: number,
  ignoreIndex: number | null,
): { preds: Tensor; target: Tensor } {
  checkTensors(metric, { preds, target });
  const truth = labels(metric, "target", target);
  checkLabels(metric, "target", target, numClasses, ignoreIndex);
  if (preds.ndim === target.ndim + 1) {
    checkScores(metric, preds, target, numClasses);
    return { preds: flat(argmax(preds, { dim: 1 })), target: flat(truth) };
  }
  checkSameShape(metric, preds, target);
  const guess = labels(metric, "preds", preds);
  checkLabels(metric, "preds", preds, numClasses, ignoreIndex);
  return { preds: flat(guess), target: flat(truth) };
}

/** Throws unless scores are of shape [N, C, …] for targets of shape [N, …]. */
export function checkScores(metric: string, preds: Tensor, target: Tensor, numClasses: number): void {
  checkTensors(metric, { preds, target });
  const { shape } = preds, rest = [shape[0], ...shape.slice(2)];
  if (!isFloat(preds.dtype)) {
    throw new TypeError(`Cannot update ${metric}: scores must be floats, they are ${preds.dtype}`);
  }
  if (preds.ndim === target.ndim + 1 && shape[1] === numClasses && sameShape(rest, target.shape)) return;
  throw new ShapeError(
    metric,
    `Cannot update ${metric}: scores must have shape [N, ${numClasses}, …] and target [N, …], current shapes are ${
      showShapes([shape, target.shape])
    }`,
    [shape, target.shape],
  );
}

/** Scores of shape [N, C, …] as rows [N·…, C]. */
export function rowsOfScores(preds: Tensor): Tensor {
  const { shape, ndim } = preds;
  if (ndim === 2) return preds;
  return preds.movedim(1, -1).reshape([preds.numel / shape[1], shape[1]]);
}

/** All elements in one row. */
export function flat(t: Tensor): Tensor {
  return t.ndim === 1 ? t : reshape(t, [t.numel]);
}

/** Targets 0 and 1 with predictions of the same shape; scores become probabilities. */
export function binaryInputs(
  metric: string,
  preds: Tensor,
  target: Tensor,
  ignoreIndex: number | null,
): { preds: Tensor; target: Tensor; scored: boolean } {
  checkSameShape(metric, preds, target);
  const truth = labels(metric, "target", target);
  checkLabels(metric, "target", target, 2, ignoreIndex);
  if (isFloat(preds.dtype)) return { preds: probabilities(preds, "sigmoid"), target: truth, scored: true };
  checkLabels(metric, "preds", preds, 2, ignoreIndex);
  return { preds: labels(metric, "preds", preds), target: truth, scored: false };
}

/** The same, of shape [N, L, …]. */
export function multilabelInputs(
  metric: string,
  preds: Tensor,
  target: Tensor,
  numLabels: number,
  ignoreIndex: number | null,
): { preds: Tensor; target: Tensor; scored: boolean } {
  const inputs = binaryInputs(metric, preds, target, ignoreIndex);
  if (preds.ndim >= 2 && preds.shape[1] === numLabels) return inputs;
  throw new ShapeError(
    metric,
    `Cannot update ${metric}: preds and target must have shape [N, ${numLabels}, …], the shape is ${
      showShape(preds.shape)
    }`,
    [preds.shape],
  );
}

/** Where predictions say yes. */
export function positives({ preds, scored }: { preds: Tensor; scored: boolean }, threshold: number): Tensor {
  return scored ? gt(preds, threshold) : ne(preds, 0);
}

/** The axes of a shape but the second. */
export function allButSecond(t: Tensor): number[] {
  return t.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
}
