import { assertThrows } from "@std/assert";
import { einsum, ShapeError, zeros } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, type NDArray } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

/** The sum over all places, one by one; no ellipsis. */
function reference(inputs: NDArray[], { equation }: { equation: string }): NDArray {
  const [left, output] = equation.split("->");
  const labels = left.split(","), sizes = new Map<string, number>();
  labels.forEach((part, k) =>
    [...part].forEach((label, i) => sizes.set(label, Math.max(sizes.get(label) ?? 1, inputs[k].shape[i])))
  );
  const rest = [...sizes.keys()].filter((label) => !output.includes(label));
  return build([...output].map((label) => sizes.get(label)!), (index) => {
    const places = new Map([...output].map((label, i) => [label, index[i]]));
    let total = 0;
    build(rest.map((label) => sizes.get(label)!), (inner) => {
      rest.forEach((label, i) => places.set(label, inner[i]));
      total += labels.reduce(
        (product, part, k) =>
          product * at(inputs[k], [...part].map((label, i) => inputs[k].shape[i] === 1 ? 0 : places.get(label)!)),
        1,
      );
      return 0;
    });
    return total;
  });
}

testOp<{ equation: string }>({
  name: "einsum",
  run: (tensors, { equation }) => einsum(tensors, equation),
  reference,
  cases: [
    { inputs: [[4, 6]], attrs: { equation: "ij->ji" } },
    { inputs: [[5, 5]], attrs: { equation: "ii->" } },
    { inputs: [[3, 4, 3]], attrs: { equation: "iji->ji" } },
    { inputs: [[2, 4, 6], [2, 6, 3]], attrs: { equation: "bij,bjk->bik" } },
    { inputs: [[2, 4, 6], [2, 6, 3]], attrs: { equation: "bij,bjk->kb" } },
    { inputs: [[2, 3, 5, 4], [2, 3, 6, 4]], attrs: { equation: "bhqd,bhkd->bhqk" } },
    { inputs: [[3, 4], [5, 4, 6], [3, 6]], attrs: { equation: "bi,oij,bj->bo" } },
    { inputs: [[4], [7]], attrs: { equation: "i,j->ji" } },
    { inputs: [[4, 1], [4, 7]], attrs: { equation: "ij,ij->i" } },
    { inputs: [[4, 5], [6, 5, 3]], attrs: { equation: "ab,cbd->ac" } },
    { inputs: [[2, 3], [2, 3], [2]], attrs: { equation: "ij,ij,i->j" } },
  ],
});

gpuTest("einsum: what cannot be read, or does not fit, is refused", () => {
  const x = zeros([2, 3]);
  assertThrows(() => einsum([x], "ijk->i"), ShapeError, '"ijk" must name the axes of element 0');
  assertThrows(() => einsum([x, zeros([4, 5])], "ij,jk->ik"), ShapeError, '"j" in "ij,jk->ik" is 3 and 4');
  assertThrows(() => einsum([x], "ij->k"), TypeError, 'not "k"');
  assertThrows(() => einsum([x], "ij->ii"), TypeError, 'not "i"');
  assertThrows(() => einsum([x], "ij,ij->i"), TypeError, "for each of the 1 tensors");
  assertThrows(() => einsum([x], "i1->i"), TypeError, 'not "i1"');
  assertThrows(() => einsum([x], "ij->i->j"), TypeError, "one arrow");
});
