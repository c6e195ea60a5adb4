import { show } from "../device/option_names.ts";
import { mul } from "../kernels/elementwise/mod.ts";
import { expand, permute, reshape } from "../kernels/layout/mod.ts";
import { matmul } from "../kernels/matmul/mod.ts";
import { sum } from "../kernels/reduce/mod.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { numel } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { diagonal } from "./shape.ts";

/** A tensor whose axes have names. */
interface Named {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/**
 * Products of tensors, summed over axes, in Einstein's notation: `"ij,jk->ik"` is a matrix product. Letters name axes;
 * those missing after the arrow are summed; without an arrow the letters that appear once remain, in alphabetical
 * order; `...` stands for any axes, which broadcast.
 *
 * Tensors are taken from left to right, two at a time; what is summed becomes a matrix product.
 *
 * @param tensors As many tensors as the equation has parts
 * @param equation The axes of each tensor, and after `->` those of the result
 * @returns The result
 * @throws {ShapeError} If a tensor has other axes than the equation says, or sizes of one letter differ
 * @throws {TypeError} If the equation cannot be read
 *
 * @example
 * ```ts
 * import { einsum, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[1, 2], [3, 4]], { dtype: "f32" });
 * console.log(await einsum([a, a], "ij,jk->ik").array()); // [[7, 10], [15, 22]]
 * console.log(await einsum([a], "ii->").array()); // 5
 * ```
 */
export function einsum(tensors: readonly Tensor[], equation: string): Tensor {
  if (typeof equation !== "string" || !Array.isArray(tensors)) {
    throw new TypeError(
      `Cannot multiply in einsum: it takes a list of tensors, then the equation, got ${show(tensors)} and ${
        show(equation)
      }`,
    );
  }
  tensorsOf("einsum", "multiply", tensors);
  const { inputs, output } = parse(tensors, equation);
  checkSizes(tensors, inputs, equation);
  const named = tensors.map((tensor, i) => withoutRepeats({ tensor, labels: inputs[i] }));
  let result = named[0];
  for (let k = 1; k < named.length; k++) {
    const wanted = new Set([...output, ...named.slice(k + 1).flatMap(({ labels }) => labels)]);
    result = contract(result, named[k], wanted, k);
  }
  return inOrder(summed(result, new Set(output)), output);
}

function fail(equation: string, rule: string): never {
  throw new TypeError(`Cannot read the equation in einsum: ${rule}, got "${equation}"`);
}

/** Names of the axes that an ellipsis stands for, counted from the last; they cannot be letters. */
const broadcastLabel = (fromEnd: number) => `.${fromEnd}`;

function parse(tensors: readonly Tensor[], equation: string): { inputs: string[][]; output: string[] } {
  const sides = equation.replace(/\s/g, "").split("->");
  const parts = sides[0].split(",");
  if (sides.length > 2) fail(equation, "there may be one arrow");
  if (parts.length !== tensors.length || tensors.length === 0) {
    fail(equation, `it must have a part for each of the ${tensors.length} tensors`);
  }
  for (const part of [...parts, ...sides.slice(1)]) {
    if (!/^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/.test(part)) {
      fail(equation, `axes are named by letters and one "...", not "${part}"`);
    }
  }
  let widest = 0;
  const inputs = parts.map((part, i) => {
    const [before, after] = part.split("...");
    const rank = tensors[i].ndim, letters = before.length + (after?.length ?? 0);
    if (after === undefined ? letters !== rank : letters > rank) {
      throw new ShapeError(
        "einsum",
        `Cannot multiply in einsum: "${part}" must name the axes of element ${i}, current shapes are ${
          showShapes(tensors.map(({ shape }) => shape))
        }`,
        tensors.map(({ shape }) => shape),
      );
    }
    if (after === undefined) return [...before];
    const hidden = rank - letters;
    widest = Math.max(widest, hidden);
    return [...before, ...Array.from({ length: hidden }, (_, k) => broadcastLabel(hidden - 1 - k)), ...after];
  });
  const hidden = Array.from({ length: widest }, (_, k) => broadcastLabel(widest - 1 - k));
  if (sides.length === 2) {
    const [before, after] = sides[1].split("...");
    const output = after === undefined ? [...before] : [...before, ...hidden, ...after];
    const known = new Set(inputs.flat());
    const strange = output.find((label, i) => !known.has(label) || output.indexOf(label) !== i);
    if (strange !== undefined) {
      fail(equation, `each axis of the result must be one of the tensors', once, not "${strange}"`);
    }
    return { inputs, output };
  }
  const all = inputs.flat().filter((label) => !label.startsWith("."));
  const once = all.filter((label) => all.indexOf(label) === all.lastIndexOf(label));
  return { inputs, output: [...hidden, ...once.sort()] };
}

function checkSizes(tensors: readonly Tensor[], inputs: readonly string[][], equation: string): void {
  const sizes = new Map<string, number>();
  inputs.forEach((labels, i) =>
    labels.forEach((label, axis) => {
      const size = tensors[i].shape[axis], held = sizes.get(label) ?? 1;
      if (size !== 1 && held !== 1 && size !== held) {
        const shapes = tensors.map(({ shape }) => shape);
        throw new ShapeError(
          "einsum",
          `Cannot multiply in einsum: sizes of one letter must be equal or 1, "${label}" in "${equation}" is ${held} and ` +
            `${size}, current shapes are ${showShapes(shapes)}`,
          shapes,
        );
      }
      sizes.set(label, size === 1 ? held : size);
    })
  );
}

/** The diagonal of axes with one name. */
function withoutRepeats({ tensor, labels }: Named): Named {
  const first = labels.findIndex((label, i) => labels.indexOf(label, i + 1) >= 0);
  if (first < 0) return { tensor, labels };
  const second = labels.indexOf(labels[first], first + 1);
  const size = Math.max(tensor.shape[first], tensor.shape[second]);
  const square = expand(tensor, tensor.shape.map((n, i) => i === first || i === second ? size : n));
  const rest = labels.filter((_, i) => i !== first && i !== second);
  return withoutRepeats({ tensor: diagonal(square, { dim1: first, dim2: second }), labels: [...rest, labels[first]] });
}

/** Sums the axes that nobody wants. */
function summed({ tensor, labels }: Named, wanted: ReadonlySet<string>): Named {
  const dim = labels.flatMap((label, i) => wanted.has(label) ? [] : [i]);
  if (dim.length === 0) return { tensor, labels };
  return { tensor: sum(tensor, { dim }), labels: labels.filter((label) => wanted.has(label)) };
}

/** The axes in a given order; those that are missing get size 1. */
function inOrder({ tensor, labels }: Named, order: readonly string[]): Tensor {
  const present = order.filter((label) => labels.includes(label));
  const sorted = permute(tensor, present.map((label) => labels.indexOf(label)));
  if (present.length === order.length) return sorted;
  return reshape(sorted, order.map((label) => labels.includes(label) ? tensor.shape[labels.indexOf(label)] : 1));
}

/** The product of what came so far with the tensor at a place of the list, summed over the axes that nobody wants. */
function contract(a: Named, b: Named, wanted: ReadonlySet<string>, place: number): Named {
  const has = ({ labels }: Named, label: string) => labels.includes(label);
  const sizeIn = ({ tensor, labels }: Named, label: string) => tensor.shape[labels.indexOf(label)];
  // What only one of them has, or has as the only size that is not 1, is summed before multiplying.
  const needed = (own: Named, other: Named) =>
    new Set(
      own.labels.filter((label) =>
        wanted.has(label) || (has(other, label) && sizeIn(own, label) === sizeIn(other, label))
      ),
    );
  [a, b] = [summed(a, needed(a, b)), summed(b, needed(b, a))];
  const common = a.labels.filter((label) => has(b, label));
  const batch = common.filter((label) => wanted.has(label)), inner = common.filter((label) => !wanted.has(label));
  const rows = a.labels.filter((label) => !has(b, label)), columns = b.labels.filter((label) => !has(a, label));
  const labels = [...batch, ...rows, ...columns];
  if (inner.length === 0) return { tensor: mul(inOrder(a, labels), inOrder(b, labels)), labels };
  if (rows.length === 0 && columns.length === 0) {
    const order = [...batch, ...inner];
    return summed({ tensor: mul(inOrder(a, order), inOrder(b, order)), labels: order }, wanted);
  }
  if (!isFloat(a.tensor.dtype) || !isFloat(b.tensor.dtype)) {
    const before = place === 1 ? "element 0" : `the product of elements 0 to ${place - 1}`;
    throw new TypeError(
      `Cannot multiply in einsum: factors of a matrix product must be floating, ${before} is ${a.tensor.dtype} and ` +
        `element ${place} ${b.tensor.dtype}`,
    );
  }
  // [batch, rows, inner] · [batch, inner, columns], with rows, inner and columns as one axis each.
  const left = inOrder(a, [...batch, ...rows, ...inner]), right = inOrder(b, [...batch, ...inner, ...columns]);
  const lead = batch.length, rowSizes = left.shape.slice(lead, lead + rows.length);
  const innerSize = numel(left.shape.slice(lead + rows.length));
  const columnSizes = right.shape.slice(lead + inner.length);
  const product = matmul(
    reshape(left, [...left.shape.slice(0, lead), numel(rowSizes), innerSize]),
    reshape(right, [...right.shape.slice(0, lead), innerSize, numel(columnSizes)]),
  );
  return { tensor: reshape(product, [...product.shape.slice(0, lead), ...rowSizes, ...columnSizes]), labels };
}
