import { assertEquals, assertThrows } from "@std/assert";
import { grad, interpolate, type InterpolateOptions, mul, ShapeError, sum, tensor, zeros } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { at, build, dot, type NDArray, random } from "../../testing/reference.ts";
import { testOp } from "../../testing/test_op.ts";

/** Weights of the places of an axis for each place of the result. */
function rowsOf(n: number, m: number, scale: number, mode: string, aligned: boolean): Map<number, number>[] {
  return Array.from({ length: m }, (_, q) => {
    const row = new Map<number, number>();
    const add = (place: number, weight: number) => {
      const p = Math.min(Math.max(place, 0), n - 1);
      row.set(p, (row.get(p) ?? 0) + weight);
    };
    if (mode === "nearest") add(Math.floor(q * scale), 1);
    else if (mode === "nearest-exact") add(Math.floor((q + 0.5) * scale), 1);
    else if (mode === "bicubic") {
      const p = aligned ? q * scale : (q + 0.5) * scale - 0.5, whole = Math.floor(p);
      for (let t = -1; t < 3; t++) {
        const d = Math.abs(p - whole - t);
        add(whole + t, d <= 1 ? (1.25 * d - 2.25) * d * d + 1 : ((-0.75 * d + 3.75) * d - 6) * d + 3);
      }
    } else {
      const p = aligned ? q * scale : Math.max((q + 0.5) * scale - 0.5, 0), whole = Math.floor(p);
      add(whole, 1 - (p - whole));
      add(whole + 1, p - whole);
    }
    return row;
  });
}

function reference(
  [x]: NDArray[],
  { size, scaleFactor, mode = "nearest", alignCorners = false }: InterpolateOptions,
): NDArray {
  return x.shape.slice(2).reduce((y: NDArray, n, i) => {
    const pick = (v: number | readonly number[]) => typeof v === "number" ? v : v[i];
    const m = size !== undefined ? pick(size) : Math.floor(n * pick(scaleFactor!));
    const scale = alignCorners ? (m > 1 ? (n - 1) / (m - 1) : 0) : size !== undefined ? n / m : 1 / pick(scaleFactor!);
    const rows = rowsOf(n, m, scale, mode, alignCorners), axis = i + 2;
    return build(y.shape.map((s, d) => d === axis ? m : s), (index) => {
      let total = 0;
      for (const [place, weight] of rows[index[axis]]) {
        total += weight * at(y, index.map((k, d) => d === axis ? place : k));
      }
      return total;
    });
  }, x);
}

testOp<InterpolateOptions>({
  name: "interpolate",
  dtypes: ["f32", "bf16"],
  run: ([x], options) => interpolate(x, options),
  reference,
  cases: [
    { inputs: [[2, 3, 4, 5]], attrs: { scaleFactor: 2 } },
    { inputs: [[1, 2, 9, 7]], attrs: { size: [4, 5], mode: "nearest-exact" } },
    { inputs: [[1, 2, 5]], attrs: { size: 8, mode: "linear" } },
    { inputs: [[1, 2, 9]], attrs: { size: 2, mode: "linear", alignCorners: true } },
    { inputs: [[1, 2, 9]], attrs: { size: 1, mode: "linear", alignCorners: true } },
    { inputs: [[1, 2, 4, 5]], attrs: { scaleFactor: [1.5, 2], mode: "bilinear" } },
    { inputs: [[1, 2, 9, 7]], attrs: { size: [4, 3], mode: "bilinear" } },
    { inputs: [[1, 2, 4, 5]], attrs: { size: [9, 11], mode: "bicubic" } },
    { inputs: [[1, 2, 9, 8]], attrs: { size: [4, 3], mode: "bicubic", alignCorners: true } },
    { inputs: [[1, 2, 3, 4, 5]], attrs: { size: [5, 3, 8], mode: "trilinear" } },
    { inputs: [[1, 2, 1, 1]], attrs: { size: [3, 4], mode: "bilinear", alignCorners: true } },
    { inputs: [[1, 1, 65, 8]], attrs: { size: [257, 8], mode: "bilinear" } },
  ],
});

gpuTest("interpolate: gradients differentiate again, area is a mean, what does not fit is refused", async () => {
  const draws = random(17), options: InterpolateOptions = { size: [3, 7], mode: "bicubic" };
  const x = tensor(Float32Array.from({ length: 30 }, draws.normal), { shape: [1, 1, 5, 6], requiresGrad: true });
  const w = tensor(Float32Array.from({ length: 30 }, draws.normal), { shape: [1, 1, 5, 6] });
  const v = tensor(Float32Array.from({ length: 21 }, draws.normal), { shape: [1, 1, 3, 7], requiresGrad: true });
  const [g] = grad([interpolate(x, options)], [x], { gradOutputs: v, createGraph: true });
  const [again] = grad([sum(mul(g!, w))], [v]);
  const [a, b, c, d] = await Promise.all([g!.data(), w.data(), v.data(), again!.data()]);
  assertEquals(Math.abs(dot(a, b) - dot(c, d)) < 1e-4, true);
  assertEquals(await interpolate(tensor([[[1, 3, 5, 8.5]]]), { size: 2, mode: "area" }).array(), [[[2, 6.75]]]);
  const image = zeros([1, 1, 4, 4]);
  assertThrows(() => interpolate(zeros([4, 4]), { size: 2 }), ShapeError, "one to three axes after batch and channels");
  assertThrows(() => interpolate(image, { size: 2, mode: "linear" }), ShapeError, "takes 1 axes");
  assertThrows(() => interpolate(image, {}), TypeError, "exactly one of size and scaleFactor");
  assertThrows(() => interpolate(image, { size: 2, alignCorners: true }), TypeError, "no meaning in mode nearest");
  assertThrows(() => interpolate(image, { scaleFactor: 0.1 }), ShapeError, "leaves at least one place");
  assertThrows(() => interpolate(image, { size: 2, mod: "area" } as never), TypeError, "mode is the nearest");
  assertThrows(() => interpolate(image, { size: 2, mode: "neares" } as never), TypeError, 'area, got "neares"');
  assertThrows(() => interpolate(image, { size: "2" } as never), TypeError, 'size must be a number or a list, got "2"');
});
