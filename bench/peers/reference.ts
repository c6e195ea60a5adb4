// Expected results in 64-bit floats, by the plainest loops: sampled entries for calls, losses for training steps.

import {
  adam,
  batches,
  checkedSteps,
  type Inputs,
  layerNormEps,
  makeInputs,
  shapeOf,
  type Workload,
} from "./workloads.ts";
import { type Model, trainingLosses } from "./reference_models.ts";

/** Expected values at some positions of one output. */
export interface Expected {
  length: number;
  at: number[];
  values: number[];
}

export type ExpectedOutputs = Record<string, Expected>;

const samples = 200;

/** Positions spread over an output, the first and the last among them. */
function positions(length: number, count = samples): number[] {
  if (length <= count) return Array.from({ length }, (_, i) => i);
  const step = (length - 1) / (count - 1);
  // A prime offset avoids hitting the same column of every row.
  return Array.from(
    { length: count },
    (_, i) => i === count - 1 ? length - 1 : Math.floor(i * step + (i * 7919) % Math.floor(step)),
  );
}

function sampled(length: number, value: (index: number) => number, at = positions(length)): Expected {
  return { length, at, values: at.map(value) };
}

/** All entries of some rows. */
function sampledRows(rows: number, cols: number, row: (r: number) => ArrayLike<number>, count = 5): Expected {
  const at: number[] = [], values: number[] = [];
  for (const r of positions(rows, count)) {
    const want = row(r);
    for (let c = 0; c < cols; c++) {
      at.push(r * cols + c);
      values.push(want[c]);
    }
  }
  return { length: rows * cols, at, values };
}

function softmaxRow(x: ArrayLike<number>, start: number, n: number): Float64Array {
  let top = -Infinity, sum = 0;
  for (let i = 0; i < n; i++) top = Math.max(top, x[start + i]);
  const y = Float64Array.from({ length: n }, (_, i) => Math.exp(x[start + i] - top));
  for (let i = 0; i < n; i++) sum += y[i];
  return y.map((v) => v / sum);
}

function moments(x: ArrayLike<number>, start: number, n: number): { mean: number; rstd: number } {
  let mean = 0, square = 0;
  for (let i = 0; i < n; i++) mean += x[start + i] / n;
  for (let i = 0; i < n; i++) square += (x[start + i] - mean) ** 2 / n;
  return { mean, rstd: 1 / Math.sqrt(square + layerNormEps) };
}

/** The tanh form, which all peers can express. */
function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function convolution(w: Workload, inputs: Inputs): ExpectedOutputs {
  const { n, c, hw, k, r, pad, out } = w.size;
  const { x, w: filter, dy } = inputs;
  const dyAt = (b: number, o: number, i: number, j: number) =>
    i < 0 || j < 0 || i >= out || j >= out ? 0 : dy[((b * k + o) * out + i) * out + j];
  const xAt = (b: number, ch: number, i: number, j: number) =>
    i < 0 || j < 0 || i >= hw || j >= hw ? 0 : x[((b * c + ch) * hw + i) * hw + j];
  if (w.op === "convForward") {
    return {
      y: sampled(n * k * out * out, (at) => {
        const j = at % out,
          i = Math.floor(at / out) % out,
          o = Math.floor(at / (out * out)) % k,
          b = Math.floor(at / (out * out * k));
        let sum = 0;
        for (let ch = 0; ch < c; ch++) {
          for (let p = 0; p < r; p++) {
            for (let q = 0; q < r; q++) {
              sum += xAt(b, ch, i + p - pad, j + q - pad) * filter[((o * c + ch) * r + p) * r + q];
            }
          }
        }
        return sum;
      }),
    };
  }
  if (w.op === "convInputGrad") {
    return {
      dx: sampled(n * c * hw * hw, (at) => {
        const j = at % hw,
          i = Math.floor(at / hw) % hw,
          ch = Math.floor(at / (hw * hw)) % c,
          b = Math.floor(at / (hw * hw * c));
        let sum = 0;
        for (let o = 0; o < k; o++) {
          for (let p = 0; p < r; p++) {
            for (let q = 0; q < r; q++) {
              sum += dyAt(b, o, i - p + pad, j - q + pad) * filter[((o * c + ch) * r + p) * r + q];
            }
          }
        }
        return sum;
      }),
    };
  }
  return {
    dw: sampled(k * c * r * r, (at) => {
      const q = at % r, p = Math.floor(at / r) % r, ch = Math.floor(at / (r * r)) % c, o = Math.floor(at / (r * r * c));
      let sum = 0;
      for (let b = 0; b < n; b++) {
        for (let i = 0; i < out; i++) {
          for (let j = 0; j < out; j++) sum += dyAt(b, o, i, j) * xAt(b, ch, i + p - pad, j + q - pad);
        }
      }
      return sum;
    }),
  };
}

function chain(w: Workload, inputs: Inputs): ExpectedOutputs {
  let x = Float64Array.from(inputs.x);
  for (let s = 0; s < w.size.length; s++) {
    if (w.op === "chainMatmul") {
      x = Float64Array.from({ length: 64 }, (_, at) => {
        let sum = 0;
        for (let k = 0; k < 8; k++) sum += x[(at >> 3) * 8 + k] * inputs.w[k * 8 + (at & 7)];
        return sum;
      });
    } else x = s % 2 ? x.map((v, i) => v + inputs.b[i]) : x.map((v, i) => v * inputs.a[i]);
  }
  return { x: sampled(64, (i) => x[i]) };
}

/** Expected outputs of a workload. */
export function reference(w: Workload): ExpectedOutputs {
  const inputs = makeInputs(w);
  const { rows, cols } = w.size;
  const { x, dy } = inputs;
  switch (w.op) {
    case "matmul":
    case "matmulF16": {
      const { m, k, n, batch } = w.size;
      return {
        c: sampled(batch * m * n, (at) => {
          const j = at % n, i = Math.floor(at / n) % m, b = Math.floor(at / (m * n));
          let sum = 0;
          for (let p = 0; p < k; p++) sum += inputs.a[(b * m + i) * k + p] * inputs.b[(b * k + p) * n + j];
          return sum;
        }),
      };
    }
    case "convForward":
    case "convInputGrad":
    case "convWeightGrad":
      return convolution(w, inputs);
    case "geluChain":
      return { y: sampled(rows * cols, (i) => gelu(x[i] * inputs.a[i % cols] + inputs.b[i % cols]) + x[i]) };
    case "biasRelu":
      return { y: sampled(rows * cols, (i) => Math.max(0, x[i] + inputs.b[i % cols])) };
    case "softmax":
      return { y: sampledRows(rows, cols, (r) => softmaxRow(x, r * cols, cols)) };
    case "softmaxGrad":
      return {
        dx: sampledRows(rows, cols, (r) => {
          const y = softmaxRow(x, r * cols, cols);
          const dot = y.reduce((sum, v, i) => sum + v * dy[r * cols + i], 0);
          return y.map((v, i) => v * (dy[r * cols + i] - dot));
        }),
      };
    case "layerNorm":
      return {
        y: sampledRows(rows, cols, (r) => {
          const { mean, rstd } = moments(x, r * cols, cols);
          return Float64Array.from(
            { length: cols },
            (_, i) => (x[r * cols + i] - mean) * rstd * inputs.gamma[i] + inputs.beta[i],
          );
        }),
      };
    case "layerNormGrad": {
      const dgamma = new Float64Array(cols), dbeta = new Float64Array(cols);
      for (let r = 0; r < rows; r++) {
        const { mean, rstd } = moments(x, r * cols, cols);
        for (let i = 0; i < cols; i++) {
          dgamma[i] += dy[r * cols + i] * (x[r * cols + i] - mean) * rstd;
          dbeta[i] += dy[r * cols + i];
        }
      }
      return {
        dx: sampledRows(rows, cols, (r) => {
          const { mean, rstd } = moments(x, r * cols, cols);
          const hat = Float64Array.from({ length: cols }, (_, i) => (x[r * cols + i] - mean) * rstd);
          const g = Float64Array.from({ length: cols }, (_, i) => dy[r * cols + i] * inputs.gamma[i]);
          const a = g.reduce((sum, v) => sum + v, 0) / cols;
          const b = g.reduce((sum, v, i) => sum + v * hat[i], 0) / cols;
          return g.map((v, i) => rstd * (v - a - hat[i] * b));
        }),
        dgamma: sampled(cols, (i) => dgamma[i]),
        dbeta: sampled(cols, (i) => dbeta[i]),
      };
    }
    case "sumRows":
      return {
        y: sampled(cols, (i) => {
          let sum = 0;
          for (let r = 0; r < rows; r++) sum += x[r * cols + i];
          return sum;
        }),
      };
    case "sumCols":
      return {
        y: sampled(rows, (r) => {
          let sum = 0;
          for (let i = 0; i < cols; i++) sum += x[r * cols + i];
          return sum;
        }),
      };
    case "crossEntropyGrad": {
      const { logits, labels } = inputs;
      let loss = 0;
      for (let r = 0; r < rows; r++) loss -= Math.log(softmaxRow(logits, r * cols, cols)[labels[r]]) / rows;
      return {
        loss: { length: 1, at: [0], values: [loss] },
        dlogits: sampledRows(
          rows,
          cols,
          (r) => softmaxRow(logits, r * cols, cols).map((v, i) => (v - +(i === labels[r])) / rows),
        ),
      };
    }
    case "embedding": {
      const { tokens, dim } = w.size;
      return { y: sampled(tokens * dim, (at) => inputs.table[inputs.ids[Math.floor(at / dim)] * dim + at % dim]) };
    }
    case "embeddingGrad": {
      const { tokens, vocab, dim } = w.size;
      const sum = new Float64Array(vocab * dim);
      for (let t = 0; t < tokens; t++) for (let i = 0; i < dim; i++) sum[inputs.ids[t] * dim + i] += dy[t * dim + i];
      return { dtable: { length: sum.length, at: [...sum.keys()], values: [...sum] } };
    }
    case "mlpStep":
    case "lenetStep":
    case "transformerStep": {
      const model: Model = w.op === "mlpStep" ? "mlp" : w.op === "lenetStep" ? "lenet" : "transformer";
      const losses = trainingLosses(
        model,
        w,
        inputs,
        { ...adam, weightDecay: model === "transformer" ? adam.weightDecay : 0 },
        batches,
        checkedSteps,
        shapeOf,
      );
      return { losses: { length: losses.length, at: losses.map((_, i) => i), values: losses } };
    }
    case "chainEager":
    case "chainPointwise":
    case "chainMatmul":
      return chain(w, inputs);
  }
}

/**
 * Compares outputs with expected values and returns the greatest error, relative to the root mean square of what was
 * expected. Throws when something is missing, has the wrong length, or is not a number.
 */
export function compare(
  expected: ExpectedOutputs,
  outputs: Record<string, ArrayLike<number>>,
): { error: number; output: string } {
  let worst = { error: 0, output: "" };
  for (const [name, want] of Object.entries(expected)) {
    const got = outputs[name];
    if (!got) throw new Error(`Output ${name} is missing`);
    if (got.length !== want.length) {
      throw new Error(`Output ${name} must have ${want.length} elements, has ${got.length}`);
    }
    for (let i = 0; i < got.length; i++) {
      if (!Number.isFinite(got[i])) throw new Error(`Output ${name}[${i}] is ${got[i]}`);
    }
    const scale = Math.sqrt(want.values.reduce((sum, v) => sum + v * v, 0) / want.values.length) || 1;
    want.at.forEach((at, i) => {
      const error = Math.abs(got[at] - want.values[i]) / scale;
      if (error > worst.error) worst = { error, output: `${name}[${at}] is ${got[at]}, expected ${want.values[i]}` };
    });
  }
  return worst;
}
