import { pad, roll } from "../../mod.ts";
import { at, build, type NDArray } from "../../testing/reference.ts";
import { testOp } from "../../testing/test_op.ts";

type Attrs = { pad: readonly number[]; mode?: "constant" | "reflect" | "replicate" | "circular"; value?: number };

function reference([x]: NDArray[], { pad, mode = "constant", value = 0 }: Attrs): NDArray {
  const rank = x.shape.length;
  const before = x.shape.map((_, i) => pad[2 * (rank - 1 - i)] ?? 0);
  const shape = x.shape.map((n, i) => n + before[i] + (pad[2 * (rank - 1 - i) + 1] ?? 0));
  return build(shape, (index) => {
    const places = index.map((q, i) => {
      const p = q - before[i], n = x.shape[i];
      if (mode === "replicate") return Math.min(Math.max(p, 0), n - 1);
      if (mode === "circular") return (p + n) % n;
      if (mode === "reflect") return p < 0 ? -p : p >= n ? 2 * (n - 1) - p : p;
      return p;
    });
    return places.every((p, i) => p >= 0 && p < x.shape[i]) ? at(x, places) : value;
  });
}

testOp<Attrs>({
  name: "pad",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x], { pad: amounts, ...options }) => pad(x, amounts, options),
  reference,
  cases: [
    { inputs: [[5]], attrs: { pad: [1, 2] } },
    { inputs: [[3, 8]], attrs: { pad: [4, 8], value: -1.5 } },
    { inputs: [[2, 3, 4, 4]], attrs: { pad: [0, 0, 1, 2], value: 3 } },
    { inputs: [[2, 3, 4, 5]], attrs: { pad: [2, 1, 1, 3] } },
    { inputs: [[2, 0, 3]], attrs: { pad: [1, 1, 2, 0], value: 1 } },
    { inputs: [[2, 2, 2, 2, 3, 2]], attrs: { pad: [1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 2] } },
    { inputs: [[2, 5, 4]], attrs: { pad: [3, 2, 4, 1], mode: "reflect" } },
    { inputs: [[1, 5]], attrs: { pad: [7, 9], mode: "replicate" } },
    { inputs: [[3, 1, 8]], attrs: { pad: [0, 0, 2, 2], mode: "replicate" } },
    { inputs: [[2, 5, 4]], attrs: { pad: [4, 4, 2, 0], mode: "circular" } },
    { inputs: [[257, 65]], attrs: { pad: [1, 1, 1, 1], mode: "reflect" } },
    { inputs: [[1500, 700]], attrs: { pad: [3, 4, 2, 1] }, large: true },
  ],
});

type Rolled = { shifts: readonly number[]; dims: readonly number[] };

testOp<Rolled>({
  name: "roll",
  dtypes: ["f32", "bf16"],
  run: ([x], { shifts, dims }) => roll(x, shifts, { dims }),
  reference: ([x], { shifts, dims }) =>
    build(x.shape, (index) => {
      const places = [...index];
      dims.forEach((d, k) => places[d] = (((places[d] - shifts[k]) % x.shape[d]) + x.shape[d]) % x.shape[d]);
      return at(x, places);
    }),
  cases: [
    { inputs: [[7]], attrs: { shifts: [3], dims: [0] } },
    { inputs: [[3, 4, 5]], attrs: { shifts: [-1, 12, 1], dims: [0, 2, 2] } },
    { inputs: [[65, 63]], attrs: { shifts: [100], dims: [1] } },
  ],
});
