/** Sequences against loops in f64, through the same function that the layers use. */
import { lengthsOf, walk, type Weights } from "../../nn/_recurrent.ts";
import type { Tensor } from "../../mod.ts";
import type { OpCase } from "../../testing/test_op.ts";
import { testOpInFamilies } from "../../testing/families.ts";
import { array, at, build, type NDArray } from "../../testing/reference.ts";
import { type CellKind, CELLS } from "./_cells.ts";

interface Attrs {
  kind: CellKind;
  reversed?: boolean;
  axis?: 0 | 1;
  lengths?: number[];
  projected?: boolean;
  apart?: boolean;
}

/** Inputs: x, h0, weightIh, weightHh, biasIh, biasHh, then an LSTM's c0, then a projection. */
function parts([x, h0, weightIh, weightHh, biasIh, biasHh, ...rest]: Tensor[], { kind, projected }: Attrs) {
  const c0 = kind === "lstm" ? rest[0] : null;
  const weights: Weights = { weightIh, weightHh, biasIh, biasHh, weightHr: projected ? rest[1] : null };
  return { x, h0, c0, weights };
}

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));

/** The next state and cell of one row. */
function cell(kind: CellKind, own: number[], other: number[], h: number[], c: number[], size: number) {
  const gate = (g: number, j: number) => own[g * size + j] + other[g * size + j];
  const units = Array.from({ length: size }, (_, j) => j);
  if (kind === "tanh") return { h: units.map((j) => Math.tanh(gate(0, j))), c };
  if (kind === "relu") return { h: units.map((j) => Math.max(0, gate(0, j))), c };
  if (kind === "gru") {
    return {
      h: units.map((j) => {
        const n = Math.tanh(own[2 * size + j] + sigmoid(gate(0, j)) * other[2 * size + j]);
        const z = sigmoid(gate(1, j));
        return (1 - z) * n + z * h[j];
      }),
      c,
    };
  }
  const next = units.map((j) => sigmoid(gate(1, j)) * c[j] + sigmoid(gate(0, j)) * Math.tanh(gate(2, j)));
  return { h: units.map((j) => sigmoid(gate(3, j)) * Math.tanh(next[j])), c: next };
}

const affine = (w: NDArray, v: number[], b?: NDArray) =>
  Array.from({ length: w.shape[0] }, (_, i) => v.reduce((sum, f, k) => sum + f * at(w, [i, k]), b?.data[i] ?? 0));

function reference(inputs: NDArray[], attrs: Attrs): NDArray[] {
  const { kind, reversed = false, axis = 0, lengths, projected = false } = attrs;
  const [x, h0, wIh, wHh, bIh, bHh, c0, wHr] = inputs;
  const [time, batch] = axis === 0 ? x.shape : [x.shape[1], x.shape[0]];
  const hidden = wHh.shape[0] / CELLS[kind].gates, features = h0.shape[1];
  const states: number[][][] = Array.from({ length: time }, () => []);
  const last: { h: number[]; c: number[] }[] = [];
  for (let b = 0; b < batch; b++) {
    const row = (t: NDArray) => Array.from(t.data.subarray(b * t.shape[1], (b + 1) * t.shape[1]));
    let state = { h: row(h0), c: kind === "lstm" ? row(c0) : [] };
    for (let i = 0; i < time; i++) {
      const t = reversed ? time - 1 - i : i;
      if (t >= (lengths?.[b] ?? time)) {
        states[t][b] = new Array(features).fill(0);
        continue;
      }
      const v = Array.from({ length: x.shape[2] }, (_, k) => at(x, axis === 0 ? [t, b, k] : [b, t, k]));
      const next = cell(kind, affine(wIh, v, bIh), affine(wHh, state.h, bHh), state.h, state.c, hidden);
      state = projected ? { h: affine(wHr, next.h), c: next.c } : next;
      states[t][b] = state.h;
    }
    last[b] = state;
  }
  const lead = axis === 0 ? [time, batch] : [batch, time];
  const y = build([...lead, features], ([i, j, k]) => axis === 0 ? states[i][j][k] : states[j][i][k]);
  const rows = (key: "h" | "c") => array([batch, last[0][key].length], last.flatMap((state) => state[key]));
  return kind === "lstm" ? [y, rows("h"), rows("c")] : [y, rows("h")];
}

const gap = { low: -1, high: 1 } as const;

function sequence(attrs: Attrs, [time, batch, inputs, hidden]: number[], features = hidden): OpCase<Attrs> {
  const width = CELLS[attrs.kind].gates * hidden;
  return {
    name: `${JSON.stringify(attrs)} of ${[time, batch, inputs, hidden]}`,
    attrs,
    inputs: [
      attrs.axis === 1 ? [batch, time, inputs] : [time, batch, inputs],
      [batch, features],
      ...[[width, inputs], [width, features], [width], [width]].map((shape) => ({ shape, draw: gap })),
      ...(attrs.kind === "lstm" ? [[batch, hidden]] : []),
      ...(attrs.projected ? [[features, hidden]] : []),
    ],
  };
}

testOpInFamilies<Attrs>({
  name: "recurrent",
  dtypes: ["f32", "bf16"],
  gradDtypes: ["f32"],
  // States in 16 bits are rounded once; what enters them was rounded before.
  tolerance: { bf16: { rtol: 2 ** -7, atol: 2 ** -7 } },
  run: (inputs, attrs) => {
    const { kind, reversed = false, axis = 0, lengths, apart } = attrs;
    const { x, h0, c0, weights } = parts(inputs, attrs);
    const batch = x.shape[1 - axis];
    const rows = lengths === undefined ? null : lengthsOf("test", lengths, batch, x.shape[axis], axis);
    const { y, h, c } = walk(x, h0, c0, weights, { kind, reversed, axis, lengths: rows, apart });
    return c === null ? [y, h] : [y, h, c];
  },
  reference,
  cases: [
    ...(["lstm", "gru", "tanh"] as const).flatMap((kind) => [
      sequence({ kind }, [3, 2, 3, 4]),
      sequence({ kind, reversed: true, axis: 1 }, [3, 5, 2, 9]),
      sequence({ kind, lengths: [1, 4, 2, 3, 4] }, [4, 5, 2, 3]),
      sequence({ kind, reversed: true, axis: 1, lengths: [4, 1, 2] }, [4, 3, 2, 3]),
      sequence({ kind }, [1, 1, 1, 1]),
      sequence({ kind, apart: true, reversed: true, axis: 1, lengths: [3, 1, 2, 3, 2] }, [3, 5, 2, 9]),
      sequence({ kind, apart: true }, [3, 2, 2, 5]),
    ]),
    { ...sequence({ kind: "lstm" }, [2, 9, 5, 65]), large: true },
    { ...sequence({ kind: "gru", apart: true }, [2, 9, 5, 65]), large: true },
    { ...sequence({ kind: "relu" }, [4, 6, 3, 7]), large: true },
    sequence({ kind: "lstm", projected: true }, [3, 2, 3, 4], 2),
    sequence({ kind: "lstm", projected: true, reversed: true, axis: 1, lengths: [2, 3] }, [3, 2, 3, 4], 2),
  ],
}, () => true);
