import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { conv2d, type Conv2dOptions, ShapeError, zeros } from "../../mod.ts";
import { testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { at, build, type NDArray, type Random, random } from "../../testing/reference.ts";
import type { OpCase } from "../../testing/test_op.ts";

type Attrs = Omit<Conv2dOptions, "bias">;

const pair = (value: Attrs["stride"] | Attrs["padding"], otherwise: number): [number, number] => {
  if (value === undefined) return [otherwise, otherwise];
  if (typeof value === "number") return [value, value];
  if (typeof value === "string") throw new Error("the reference takes numbers only");
  return [value[0], value[1]];
};

/** The definition, in f64: y[n, k, i, j] = Σ x[n, c, i·s + u·d − p, …] w[k, c, u, v]. */
function direct([x, w]: NDArray[], attrs: Attrs = {}): NDArray {
  const [n, , height, width] = x.shape, [outputs, depth, kh, kw] = w.shape;
  const stride = pair(attrs.stride, 1), padding = pair(attrs.padding, 0), dilation = pair(attrs.dilation, 1);
  const groups = attrs.groups ?? 1;
  const size = (length: number, kernel: number, axis: 0 | 1) =>
    Math.floor((length + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1) / stride[axis]) + 1;
  return build([n, outputs, size(height, kh, 0), size(width, kw, 1)], ([image, k, i, j]) => {
    const first = Math.floor(k / (outputs / groups)) * depth;
    let total = 0;
    for (let c = 0; c < depth; c++) {
      for (let u = 0; u < kh; u++) {
        const row = i * stride[0] + u * dilation[0] - padding[0];
        if (row < 0 || row >= height) continue;
        for (let v = 0; v < kw; v++) {
          const column = j * stride[1] + v * dilation[1] - padding[1];
          if (column >= 0 && column < width) total += at(x, [image, first + c, row, column]) * at(w, [k, c, u, v]);
        }
      }
    }
    return total;
  });
}

const shapes = (x: number[], w: number[], attrs: Attrs = {}): OpCase<Attrs> => ({ inputs: [x, w], attrs });

/** A convolution of any kind whose output is not empty. */
function anyConvolution({ uniform }: Random): OpCase<Attrs> {
  const pick = (least: number, most: number) => least + Math.floor(uniform() * (most - least + 1));
  const groups = [1, 1, 2, 3][pick(0, 3)];
  const kernel = [pick(1, 4), pick(1, 4)], dilation: [number, number] = [pick(1, 2), pick(1, 2)];
  const padding: [number, number] = [pick(0, 2), pick(0, 2)];
  const size = kernel.map((k, i) => Math.max(1, dilation[i] * (k - 1) + 1 - 2 * padding[i]) + pick(0, 7));
  const x = [pick(1, 3), groups * pick(1, 3), ...size];
  return shapes(x, [groups * pick(1, 4), x[1] / groups, ...kernel], {
    stride: [pick(1, 3), pick(1, 3)],
    padding,
    dilation,
    groups,
  });
}

const drawn = random(20);
testOpInFamilies<Attrs>({
  name: "conv2d",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x, w], attrs) => conv2d(x, w, attrs),
  reference: (inputs, attrs) => direct(inputs, attrs),
  cases: [
    { ...shapes([2, 3, 9, 11], [5, 3, 3, 3], { padding: 1 }), name: "3×3" },
    { ...shapes([1, 1, 28, 28], [6, 1, 5, 5], { padding: 2 }), name: "one channel" },
    { ...shapes([2, 8, 7, 7], [16, 8, 1, 1]), name: "1×1" },
    { ...shapes([2, 6, 8, 8], [6, 1, 3, 3], { padding: 1, groups: 6 }), name: "depthwise" },
    { ...shapes([1, 2, 3, 3], [4, 2, 3, 3]), name: "one position" },
    shapes([0, 2, 5, 5], [3, 2, 3, 3]),
    { ...shapes([2, 16, 33, 31], [33, 16, 3, 3], { padding: 1 }), large: true, name: "several tiles" },
  ],
  tolerance: { f32: { rtol: 1e-5, atol: 1e-4 } },
}, ({ name }) => name !== undefined);

testOpInFamilies<Attrs>({
  name: "conv2d of random shapes",
  run: ([x, w], attrs) => conv2d(x, w, attrs),
  reference: (inputs, attrs) => direct(inputs, attrs),
  cases: Array.from({ length: 60 }, () => anyConvolution(drawn)),
  tolerance: { f32: { rtol: 1e-5, atol: 1e-4 } },
}, () => true);

gpuTest("conv2d says what does not fit", () => {
  const x = zeros([1, 4, 5, 5]);
  const error = assertThrows(() => conv2d(x, zeros([2, 3, 3, 3])), ShapeError);
  assertEquals(error.shapes, [[1, 4, 5, 5], [2, 3, 3, 3]]);
  assertStringIncludes(error.message, "conv2d");
  assertThrows(() => conv2d(x, zeros([2, 4, 7, 7])), ShapeError);
  assertThrows(() => conv2d(x, zeros([3, 2, 3, 3]), { groups: 2 }), Error);
  assertThrows(() => conv2d(x, zeros([2, 4, 3, 3]), { stride: 0 }), RangeError);
});
