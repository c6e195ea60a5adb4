// The three training steps in 64-bit floats: forward and backward written out by hand, and PyTorch's AdamW.

import type { Inputs, Workload } from "./workloads.ts";
import { layerNormEps } from "./workloads.ts";

export type Model = "mlp" | "lenet" | "transformer";

interface AdamOptions {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
}

/** A value with its gradient. */
class Value {
  readonly grad: Float64Array;
  constructor(readonly data: Float64Array, readonly shape: number[]) {
    this.grad = new Float64Array(data.length);
  }
}

/** Records what must run, last first, to carry gradients back. */
class Tape {
  readonly #backward: (() => void)[] = [];

  value(shape: number[], backward: (out: Value) => void, fill: (data: Float64Array) => void): Value {
    const out = new Value(new Float64Array(shape.reduce((a, b) => a * b, 1)), shape);
    fill(out.data);
    this.#backward.push(() => backward(out));
    return out;
  }

  backward(): void {
    for (const step of this.#backward.reverse()) step();
  }

  /** y = x wT + b */
  linear(x: Value, w: Value, b?: Value): Value {
    const [n, k] = w.shape, m = x.data.length / k;
    return this.value([m, n], (y) => {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          const g = y.grad[i * n + j];
          if (g === 0) continue;
          if (b) b.grad[j] += g;
          for (let p = 0; p < k; p++) {
            x.grad[i * k + p] += g * w.data[j * k + p];
            w.grad[j * k + p] += g * x.data[i * k + p];
          }
        }
      }
    }, (y) => {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = b ? b.data[j] : 0;
          for (let p = 0; p < k; p++) sum += x.data[i * k + p] * w.data[j * k + p];
          y[i * n + j] = sum;
        }
      }
    });
  }

  pointwise(x: Value, f: (v: number) => number, df: (v: number) => number): Value {
    return this.value(
      x.shape,
      (y) => x.data.forEach((v, i) => x.grad[i] += y.grad[i] * df(v)),
      (y) => x.data.forEach((v, i) => y[i] = f(v)),
    );
  }

  relu(x: Value): Value {
    return this.pointwise(x, (v) => Math.max(0, v), (v) => +(v > 0));
  }

  gelu(x: Value): Value {
    const c = Math.sqrt(2 / Math.PI);
    return this.pointwise(x, (v) => 0.5 * v * (1 + Math.tanh(c * (v + 0.044715 * v ** 3))), (v) => {
      const t = Math.tanh(c * (v + 0.044715 * v ** 3));
      return 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * c * (1 + 3 * 0.044715 * v * v);
    });
  }

  add(a: Value, b: Value): Value {
    return this.value(a.shape, (y) =>
      y.grad.forEach((g, i) => {
        a.grad[i] += g;
        b.grad[i] += g;
      }), (y) => a.data.forEach((v, i) => y[i] = v + b.data[i]));
  }

  reshape(x: Value, shape: number[]): Value {
    return this.value(shape, (y) => y.grad.forEach((g, i) => x.grad[i] += g), (y) => y.set(x.data));
  }

  layerNorm(x: Value, gamma: Value, beta: Value): Value {
    const d = gamma.data.length, m = x.data.length / d;
    const hat = new Float64Array(x.data.length), rstd = new Float64Array(m);
    return this.value([m, d], (y) => {
      for (let r = 0; r < m; r++) {
        let a = 0, b = 0;
        for (let i = 0; i < d; i++) {
          const at = r * d + i, g = y.grad[at];
          gamma.grad[i] += g * hat[at];
          beta.grad[i] += g;
          a += g * gamma.data[i] / d;
          b += g * gamma.data[i] * hat[at] / d;
        }
        for (let i = 0; i < d; i++) {
          const at = r * d + i;
          x.grad[at] += rstd[r] * (y.grad[at] * gamma.data[i] - a - hat[at] * b);
        }
      }
    }, (y) => {
      for (let r = 0; r < m; r++) {
        let mean = 0, square = 0;
        for (let i = 0; i < d; i++) mean += x.data[r * d + i] / d;
        for (let i = 0; i < d; i++) square += (x.data[r * d + i] - mean) ** 2 / d;
        rstd[r] = 1 / Math.sqrt(square + layerNormEps);
        for (let i = 0; i < d; i++) {
          hat[r * d + i] = (x.data[r * d + i] - mean) * rstd[r];
          y[r * d + i] = hat[r * d + i] * gamma.data[i] + beta.data[i];
        }
      }
    });
  }

  embedding(table: Value, ids: ArrayLike<number>): Value {
    const d = table.shape[1];
    return this.value([ids.length, d], (y) => {
      for (let t = 0; t < ids.length; t++) for (let i = 0; i < d; i++) table.grad[ids[t] * d + i] += y.grad[t * d + i];
    }, (y) => {
      for (let t = 0; t < ids.length; t++) for (let i = 0; i < d; i++) y[t * d + i] = table.data[ids[t] * d + i];
    });
  }

  /** Causal attention over packed [batch * context, 3 * d] queries, keys and values. */
  attention(qkv: Value, batch: number, context: number, heads: number): Value {
    const d = qkv.shape[1] / 3, size = d / heads, scale = 1 / Math.sqrt(size);
    const at = (b: number, t: number, part: number, h: number) => (b * context + t) * 3 * d + part * d + h * size;
    const weights = new Float64Array(batch * heads * context * context);
    return this.value([batch * context, d], (y) => {
      for (let b = 0; b < batch; b++) {
        for (let h = 0; h < heads; h++) {
          for (let i = 0; i < context; i++) {
            const row = ((b * heads + h) * context + i) * context,
              out = (b * context + i) * d + h * size,
              q = at(b, i, 0, h);
            const dw = new Float64Array(i + 1);
            let dot = 0;
            for (let j = 0; j <= i; j++) {
              const v = at(b, j, 2, h);
              for (let e = 0; e < size; e++) {
                dw[j] += y.grad[out + e] * qkv.data[v + e];
                qkv.grad[v + e] += y.grad[out + e] * weights[row + j];
              }
              dot += dw[j] * weights[row + j];
            }
            for (let j = 0; j <= i; j++) {
              const k = at(b, j, 1, h), g = weights[row + j] * (dw[j] - dot) * scale;
              for (let e = 0; e < size; e++) {
                qkv.grad[q + e] += g * qkv.data[k + e];
                qkv.grad[k + e] += g * qkv.data[q + e];
              }
            }
          }
        }
      }
    }, (y) => {
      for (let b = 0; b < batch; b++) {
        for (let h = 0; h < heads; h++) {
          for (let i = 0; i < context; i++) {
            const row = ((b * heads + h) * context + i) * context,
              out = (b * context + i) * d + h * size,
              q = at(b, i, 0, h);
            let top = -Infinity, sum = 0;
            for (let j = 0; j <= i; j++) {
              const k = at(b, j, 1, h);
              let score = 0;
              for (let e = 0; e < size; e++) score += qkv.data[q + e] * qkv.data[k + e];
              weights[row + j] = score * scale;
              top = Math.max(top, score * scale);
            }
            for (let j = 0; j <= i; j++) sum += weights[row + j] = Math.exp(weights[row + j] - top);
            for (let j = 0; j <= i; j++) {
              const v = at(b, j, 2, h);
              weights[row + j] /= sum;
              for (let e = 0; e < size; e++) y[out + e] += weights[row + j] * qkv.data[v + e];
            }
          }
        }
      }
    });
  }

  conv2d(x: Value, w: Value, bias: Value, pad: number): Value {
    const [n, c, h] = x.shape, [k, , r] = w.shape, out = h + 2 * pad - r + 1;
    const each = (visit: (y: number, x: number, w: number, o: number) => void) => {
      for (let b = 0; b < n; b++) {
        for (let o = 0; o < k; o++) {
          for (let i = 0; i < out; i++) {
            for (let j = 0; j < out; j++) {
              for (let ch = 0; ch < c; ch++) {
                for (let p = 0; p < r; p++) {
                  const u = i + p - pad;
                  if (u < 0 || u >= h) continue;
                  for (let q = 0; q < r; q++) {
                    const v = j + q - pad;
                    if (v < 0 || v >= h) continue;
                    visit(
                      ((b * k + o) * out + i) * out + j,
                      ((b * c + ch) * h + u) * h + v,
                      ((o * c + ch) * r + p) * r + q,
                      o,
                    );
                  }
                }
              }
            }
          }
        }
      }
    };
    return this.value([n, k, out, out], (y) => {
      each((yi, xi, wi) => {
        x.grad[xi] += y.grad[yi] * w.data[wi];
        w.grad[wi] += y.grad[yi] * x.data[xi];
      });
      y.grad.forEach((g, i) => bias.grad[Math.floor(i / (out * out)) % k] += g);
    }, (y) => {
      for (let i = 0; i < y.length; i++) y[i] = bias.data[Math.floor(i / (out * out)) % k];
      each((yi, xi, wi) => y[yi] += x.data[xi] * w.data[wi]);
    });
  }

  maxPool2(x: Value): Value {
    const [n, c, h] = x.shape, half = h / 2;
    const from = new Int32Array(n * c * half * half);
    return this.value([n, c, half, half], (y) => y.grad.forEach((g, i) => x.grad[from[i]] += g), (y) => {
      for (let plane = 0; plane < n * c; plane++) {
        for (let i = 0; i < half; i++) {
          for (let j = 0; j < half; j++) {
            const at = (plane * half + i) * half + j;
            let best = plane * h * h + 2 * i * h + 2 * j;
            for (const next of [best + 1, best + h, best + h + 1]) if (x.data[next] > x.data[best]) best = next;
            from[at] = best;
            y[at] = x.data[best];
          }
        }
      }
    });
  }

  /** Mean cross-entropy; its gradient starts the backward pass. */
  crossEntropy(logits: Value, labels: ArrayLike<number>): Value {
    const m = labels.length, n = logits.data.length / m;
    const probability = new Float64Array(logits.data.length);
    return this.value([1], () => {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) logits.grad[i * n + j] += (probability[i * n + j] - +(j === labels[i])) / m;
      }
    }, (loss) => {
      for (let i = 0; i < m; i++) {
        let top = -Infinity, sum = 0;
        for (let j = 0; j < n; j++) top = Math.max(top, logits.data[i * n + j]);
        for (let j = 0; j < n; j++) sum += probability[i * n + j] = Math.exp(logits.data[i * n + j] - top);
        for (let j = 0; j < n; j++) probability[i * n + j] /= sum;
        loss[0] -= Math.log(probability[i * n + labels[i]]) / m;
      }
    });
  }
}

type Forward = (tape: Tape, p: Record<string, Value>, x: ArrayLike<number>, y: ArrayLike<number>, w: Workload) => Value;

const image = (x: ArrayLike<number>, shape: number[]) => new Value(Float64Array.from(x), shape);

const forwards: Record<Model, Forward> = {
  mlp(tape, p, x, y, w) {
    let h = image(x, [w.size.batch, 784]);
    h = tape.relu(tape.linear(h, p["fc1.weight"], p["fc1.bias"]));
    h = tape.relu(tape.linear(h, p["fc2.weight"], p["fc2.bias"]));
    return tape.crossEntropy(tape.linear(h, p["fc3.weight"], p["fc3.bias"]), y);
  },
  lenet(tape, p, x, y, w) {
    let h = image(x, [w.size.batch, 1, 28, 28]);
    h = tape.maxPool2(tape.relu(tape.conv2d(h, p["conv1.weight"], p["conv1.bias"], 2)));
    h = tape.maxPool2(tape.relu(tape.conv2d(h, p["conv2.weight"], p["conv2.bias"], 0)));
    h = tape.reshape(h, [w.size.batch, 400]);
    h = tape.relu(tape.linear(h, p["fc1.weight"], p["fc1.bias"]));
    h = tape.relu(tape.linear(h, p["fc2.weight"], p["fc2.bias"]));
    return tape.crossEntropy(tape.linear(h, p["fc3.weight"], p["fc3.bias"]), y);
  },
  transformer(tape, p, x, y, w) {
    const { layers, heads, context, batch } = w.size;
    const place = Array.from({ length: batch * context }, (_, i) => i % context);
    let h = tape.add(tape.embedding(p["tok.weight"], x), tape.embedding(p["pos.weight"], place));
    for (let i = 0; i < layers; i++) {
      const q = (name: string) => p[`h${i}.${name}`];
      let a = tape.linear(tape.layerNorm(h, q("ln1.weight"), q("ln1.bias")), q("qkv.weight"), q("qkv.bias"));
      a = tape.linear(tape.attention(a, batch, context, heads), q("proj.weight"), q("proj.bias"));
      h = tape.add(h, a);
      let f = tape.linear(tape.layerNorm(h, q("ln2.weight"), q("ln2.bias")), q("fc.weight"), q("fc.bias"));
      f = tape.linear(tape.gelu(f), q("out.weight"), q("out.bias"));
      h = tape.add(h, f);
    }
    return tape.crossEntropy(tape.linear(tape.layerNorm(h, p["lnf.weight"], p["lnf.bias"]), p["head.weight"]), y);
  },
};

/** Loss of each of the first `steps` steps, before its update. */
export function trainingLosses(
  model: Model,
  w: Workload,
  inputs: Inputs,
  options: AdamOptions,
  batches: number,
  steps: number,
  shapeOf: (w: Workload, name: string) => number[],
): number[] {
  const names = w.parameters!;
  const weights = names.map((name) => Float64Array.from(inputs[name]));
  const first = weights.map((p) => new Float64Array(p.length)), second = weights.map((p) => new Float64Array(p.length));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const part = (name: "x" | "y") => {
      const size = inputs[name].length / batches, b = step % batches;
      return inputs[name].subarray(b * size, (b + 1) * size);
    };
    const tape = new Tape();
    const values = weights.map((data, i) => new Value(data, shapeOf(w, names[i])));
    const loss = forwards[model](
      tape,
      Object.fromEntries(names.map((name, i) => [name, values[i]])),
      part("x"),
      part("y"),
      w,
    );
    losses.push(loss.data[0]);
    if (step === steps - 1) break;
    tape.backward();
    const { lr, beta1, beta2, eps, weightDecay } = options;
    const c1 = 1 - beta1 ** (step + 1), c2 = 1 - beta2 ** (step + 1);
    values.forEach(({ data, grad }, i) => {
      const m = first[i], v = second[i];
      for (let j = 0; j < data.length; j++) {
        m[j] = beta1 * m[j] + (1 - beta1) * grad[j];
        v[j] = beta2 * v[j] + (1 - beta2) * grad[j] * grad[j];
        data[j] -= lr * weightDecay * data[j] + lr * (m[j] / c1) / (Math.sqrt(v[j] / c2) + eps);
      }
    });
  }
  return losses;
}
