/** What tells the kinds of recurrent layers apart, as functions of the kernels. */

/** How a state becomes the next. */
export type CellKind = "lstm" | "gru" | "tanh" | "relu";

/** Sizes and functions of a kind. */
export interface Cell {
  /** Gates, each as wide as the state. */
  readonly gates: number;
  /** Values that a unit keeps of a step for backward. */
  readonly saves: number;
  /** Whether a cell goes from step to step beside the state. */
  readonly cell: boolean;
  /** Whether the input's gradient of the last gate is not that of the state's product. */
  readonly own: boolean;
  /** `cell` of recurrent.wgsl and `slope` of recurrent_grad.wgsl, where they are not those of the files. */
  readonly forward: Readonly<Record<string, string>>;
  readonly backward: Readonly<Record<string, string>>;
}

const SIGNATURE = "fn cell(own: Gates, other: Gates, h: vec4f, c: vec4f) -> Step";
const SLOPE = "fn slope(saved: Saved, h: vec4f, c: vec4f) -> Slope";

/** h = f(own + other), with its slope in terms of h. */
function simple(f: string, slope: string): Cell {
  return {
    gates: 1,
    saves: 1,
    cell: false,
    own: false,
    forward: {
      cell: `${SIGNATURE} {
  let v = own[0] + other[0];
  let next = ${f};
  return Step(next, c, Saved(next, vec4f(), vec4f(), vec4f(), vec4f()));
}`,
    },
    backward: {
      slope: `${SLOPE} {
  let y = saved[0];
  return Slope(Gates(${slope}, vec4f(), vec4f(), vec4f()), vec4f(), vec4f(), vec4f());
}`,
    },
  };
}

/** The kinds, with PyTorch's order of gates: input, forget, cell, output; reset, update, new. */
export const CELLS: Readonly<Record<CellKind, Cell>> = {
  // Hochreiter and Schmidhuber, "Long short-term memory", 1997.
  lstm: { gates: 4, saves: 5, cell: true, own: false, forward: {}, backward: {} },
  // Cho and others, "Learning phrase representations using RNN encoder-decoder", 2014; reset after the product.
  gru: {
    gates: 3,
    saves: 5,
    cell: false,
    own: true,
    forward: {
      cell: `${SIGNATURE} {
  let r = each_sigmoid(own[0] + other[0]);
  let z = each_sigmoid(own[1] + other[1]);
  let n = each_tanh(own[2] + r * other[2]);
  return Step(n + z * (h - n), c, Saved(r, z, n, other[2], h));
}`,
    },
    backward: {
      slope: `${SLOPE} {
  let r = saved[0];
  let z = saved[1];
  let n = saved[2];
  let dn = h * (1.0 - z) * (1.0 - n * n);
  let gates = Gates(dn * saved[3] * r * (1.0 - r), h * (saved[4] - n) * z * (1.0 - z), dn * r, vec4f());
  return Slope(gates, dn, h * z, vec4f());
}`,
    },
  },
  tanh: simple("each_tanh(v)", "h * (1.0 - y * y)"),
  relu: simple("select(max(v, vec4f()), v, v != v)", "select(vec4f(), h, y > vec4f())"),
};
