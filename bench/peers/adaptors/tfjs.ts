// TensorFlow.js 4.22, core API on the WebGPU backend. Images are NHWC, as its kernels want them.

// deno-lint-ignore-file no-explicit-any -- the library types what it is given more narrowly than what it takes
import type { Adaptor, Build, Case, Outputs } from "../adaptor.ts";
import { notAvailable } from "../adaptor.ts";
import { adam, batches, type Inputs, layerNormEps, shapeOf, type Workload } from "../workloads.ts";
import { fromHWIO, fromNHWC, toHWIO, toNHWC, transpose } from "./layout.ts";

type TF = typeof import("@tensorflow/tfjs-core");
type Tensor = import("@tensorflow/tfjs-core").Tensor;
type Variable = import("@tensorflow/tfjs-core").Variable;

let tf: TF;
let backend: any;

async function init(): Promise<void> {
  tf = await import("@tensorflow/tfjs-core");
  // Registers the gradients (the core's own register_all_gradients module cannot be imported without a bundler).
  await import("@tensorflow/tfjs-layers");
  await import("@tensorflow/tfjs-backend-webgpu");
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  if (!await tf.setBackend("webgpu")) throw new Error("tfjs did not start its WebGPU backend");
  backend = tf.backend();
}

/** Submits what tfjs has recorded (it batches 15 dispatches) and waits for the queue. */
async function sync(): Promise<void> {
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  await backend.queue.onSubmittedWorkDone();
}

const float = (w: Workload, inputs: Inputs, name: string): Tensor =>
  tf.tensor(inputs[name] as Float32Array, shapeOf(w, name), "float32");
const int = (w: Workload, inputs: Inputs, name: string): Tensor =>
  tf.tensor(inputs[name] as Int32Array, shapeOf(w, name), "int32");

/** A pure function, its result thrown away after each call. */
function call(
  f: () => Record<string, Tensor>,
  convert: (name: string, data: Float32Array, shape: number[]) => Float32Array = (_, data) => data,
): Case {
  return {
    run: () => tf.dispose(tf.tidy(f) as any),
    sync,
    async outputs() {
      const results = tf.tidy(f);
      const out: Outputs = {};
      for (const [name, tensor] of Object.entries(results)) {
        out[name] = convert(name, await tensor.data() as Float32Array, tensor.shape);
      }
      tf.dispose(results as any);
      return out;
    },
  };
}

const matmul: Build = (w, inputs) => {
  const a = float(w, inputs, "a"), b = float(w, inputs, "b");
  return call(() => ({ c: tf.matMul(a, b) }));
};

const nhwc = (w: Workload, inputs: Inputs, name: string): Tensor => {
  const [n, c, h, width] = shapeOf(w, name);
  return tf.tensor(toNHWC(inputs[name], [n, c, h, width]), [n, h, width, c]);
};
const hwio = (w: Workload, inputs: Inputs, name: string): Tensor => {
  const [o, i, h, width] = shapeOf(w, name);
  return tf.tensor(toHWIO(inputs[name], [o, i, h, width]), [h, width, i, o]);
};

const convForward: Build = (w, inputs) => {
  const x = nhwc(w, inputs, "x") as any, filter = hwio(w, inputs, "w") as any;
  return call(() => ({ y: tf.conv2d(x, filter, 1, w.size.pad) }), (_, data, shape) => fromNHWC(data, shape));
};

const convInputGrad: Build = (w, inputs) => {
  const dy = nhwc(w, inputs, "dy") as any, filter = hwio(w, inputs, "w") as any;
  const { n, c, hw, pad } = w.size;
  return call(
    () => ({ dx: tf.conv2dTranspose(dy, filter, [n, hw, hw, c], 1, pad) }),
    (_, data, shape) => fromNHWC(data, shape),
  );
};

/** There is no public function for this gradient: this is the kernel that the gradient of conv2d calls. */
const convWeightGrad: Build = (w, inputs) => {
  const x = nhwc(w, inputs, "x"), dy = nhwc(w, inputs, "dy");
  const { k, c, r, pad } = w.size;
  const attrs: any = { strides: 1, pad, dataFormat: "NHWC", dimRoundingMode: undefined, filterShape: [r, r, c, k] };
  return call(
    () => ({ dw: tf.engine().runKernel("Conv2DBackpropFilter", { x, dy }, attrs) as Tensor }),
    (_, data, shape) => fromHWIO(data, shape),
  );
};

/** x * sigmoid(2c (x + 0.044715 x^3)): equal to the tanh form, in fewer kernels. */
function gelu(x: Tensor, constants: Record<string, Tensor>): Tensor {
  return tf.mul(x, tf.sigmoid(tf.mul(x, tf.add(tf.mul(tf.square(x), constants.cubic), constants.linear))));
}

/** Scalars are uploaded once; a number in an expression would be uploaded at each use. */
function geluConstants(): Record<string, Tensor> {
  const c = 2 * Math.sqrt(2 / Math.PI);
  return { linear: tf.keep(tf.scalar(c)), cubic: tf.keep(tf.scalar(c * 0.044715)) };
}

const geluChain: Build = (w, inputs) => {
  const x = float(w, inputs, "x"), a = float(w, inputs, "a"), b = float(w, inputs, "b"), constants = geluConstants();
  return call(() => ({ y: tf.add(gelu(tf.add(tf.mul(x, a), b), constants), x) }));
};

const biasRelu: Build = (w, inputs) => {
  const x = float(w, inputs, "x"), b = float(w, inputs, "b");
  return call(() => ({ y: tf.relu(tf.add(x, b)) }));
};

const softmax: Build = (w, inputs) => {
  const x = float(w, inputs, "x");
  return call(() => ({ y: tf.softmax(x) }));
};

const softmaxGrad: Build = (w, inputs) => {
  const x = float(w, inputs, "x"), dy = float(w, inputs, "dy");
  const grad = tf.grad((x) => tf.softmax(x as Tensor));
  return call(() => ({ dx: grad(x, dy) }));
};

function normalise(x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, layerNormEps))), gamma), beta);
}

const layerNorm: Build = (w, inputs) => {
  const x = float(w, inputs, "x"), gamma = float(w, inputs, "gamma"), beta = float(w, inputs, "beta");
  return call(() => ({ y: normalise(x, gamma, beta) }));
};

const layerNormGrad: Build = (w, inputs) => {
  const x = float(w, inputs, "x"),
    gamma = float(w, inputs, "gamma"),
    beta = float(w, inputs, "beta"),
    dy = float(w, inputs, "dy");
  const grads = tf.grads((x, gamma, beta) => normalise(x as Tensor, gamma as Tensor, beta as Tensor));
  return call(() => {
    const [dx, dgamma, dbeta] = grads([x, gamma, beta], dy);
    return { dx, dgamma, dbeta };
  });
};

const sum = (axis: number): Build => (w, inputs) => {
  const x = float(w, inputs, "x");
  return call(() => ({ y: tf.sum(x, axis) }));
};

function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, logits.shape[1]!), logits);
}

const crossEntropyGrad: Build = (w, inputs) => {
  const logits = float(w, inputs, "logits"), labels = int(w, inputs, "labels");
  const gradient = tf.valueAndGrad((logits) => crossEntropy(logits as Tensor, labels));
  return call(() => {
    const { value, grad } = gradient(logits);
    return { loss: value, dlogits: grad };
  });
};

const embedding: Build = (w, inputs) => {
  const table = float(w, inputs, "table"), ids = int(w, inputs, "ids");
  return call(() => ({ y: tf.gather(table, ids as any) }));
};

/** The op that the gradient of gather calls. */
const embeddingGrad: Build = (w, inputs) => {
  const ids = int(w, inputs, "ids") as any, dy = float(w, inputs, "dy");
  return call(() => ({ dtable: tf.unsortedSegmentSum(dy, ids, w.size.vocab) }));
};

/**
 * tf.fused.matMul and tf.fused.conv2d were tried: they fuse no activation under a gradient, and the steps got slower.
 */
function affine(x: Tensor, p: Record<string, Variable>, name: string): Tensor {
  return tf.add(tf.matMul(x, p[`${name}.weight`]), p[`${name}.bias`]);
}

/** A training step: `loss` is evaluated, differentiated and applied by the optimizer. */
function training(
  w: Workload,
  inputs: Inputs,
  prepare: (name: string, data: Float32Array, shape: number[]) => Tensor,
  batch: (index: number) => [Tensor, Tensor],
  loss: (p: Record<string, Variable>, x: Tensor, y: Tensor) => Tensor,
  weightDecay = 0,
): Case {
  const parameters: Record<string, Variable> = {};
  for (const name of w.parameters!) {
    const initial = prepare(name, inputs[name] as Float32Array, shapeOf(w, name));
    parameters[name] = tf.variable(initial, true, name);
    initial.dispose();
  }
  const list = Object.values(parameters);
  const data = Array.from({ length: batches }, (_, i) => batch(i));
  const optimizer = tf.train.adam(adam.lr, adam.beta1, adam.beta2, adam.eps);
  const decay = weightDecay ? tf.scalar(1 - adam.lr * weightDecay) : null;
  let last: Tensor | null = null;
  return {
    run(step) {
      last?.dispose();
      const [x, y] = data[step % batches];
      if (!decay) {
        last = optimizer.minimize(() => loss(parameters, x, y) as any, true, list);
        return;
      }
      // tfjs has no AdamW: decoupled decay, as a user would write it, between the gradients and the update.
      const { value, grads } = tf.variableGrads(() => loss(parameters, x, y) as any, list);
      tf.tidy(() => list.forEach((p) => p.assign(tf.mul(p, decay))));
      optimizer.applyGradients(grads as any);
      tf.dispose(grads as any);
      last = value;
    },
    sync,
    async outputs() {
      return { loss: await last!.data() as Float32Array };
    },
  };
}

function part(inputs: Inputs, name: "x" | "y", index: number): any {
  const size = inputs[name].length / batches;
  return inputs[name].slice(index * size, (index + 1) * size);
}

const mlpStep: Build = (w, inputs) => {
  const { batch } = w.size;
  return training(
    w,
    inputs,
    (_, data, shape) =>
      shape.length === 2 ? tf.tensor(transpose(data, shape), [shape[1], shape[0]]) : tf.tensor(data, shape),
    (i) => [tf.tensor(part(inputs, "x", i), [batch, 784]), tf.tensor(part(inputs, "y", i), [batch], "int32")],
    (p, x, y) => {
      const dense = (x: Tensor, name: string) => affine(x, p, name);
      return crossEntropy(dense(tf.relu(dense(tf.relu(dense(x, "fc1")), "fc2")), "fc3"), y);
    },
  );
};

const lenetStep: Build = (w, inputs) => {
  const { batch } = w.size;
  // The first dense layer reads NHWC here, so its columns move from (c, h, w) to (h, w, c).
  const prepare = (name: string, data: Float32Array, shape: number[]): Tensor => {
    if (shape.length === 4) return tf.tensor(toHWIO(data, shape), [shape[2], shape[3], shape[1], shape[0]]);
    if (shape.length === 1) return tf.tensor(data, shape);
    const rows = name === "fc1.weight" ? toNHWC(data, [shape[0], 16, 5, 5]) : data;
    return tf.tensor(transpose(rows, shape), [shape[1], shape[0]]);
  };
  return training(
    w,
    inputs,
    prepare,
    (
      i,
    ) => [
      tf.tensor(toNHWC(part(inputs, "x", i), [batch, 1, 28, 28]), [batch, 28, 28, 1]),
      tf.tensor(part(inputs, "y", i), [batch], "int32"),
    ],
    (p, x, y) => {
      const dense = (x: Tensor, name: string) => affine(x, p, name);
      const stage = (x: Tensor, name: string, pad: number) =>
        tf.maxPool(
          tf.relu(tf.add(tf.conv2d(x as any, p[`${name}.weight`] as any, 1, pad), p[`${name}.bias`])) as any,
          2,
          2,
          "valid",
        );
      const h = tf.reshape(stage(stage(x, "conv1", 2), "conv2", 0), [batch, 400]);
      return crossEntropy(dense(tf.relu(dense(tf.relu(dense(h, "fc1")), "fc2")), "fc3"), y);
    },
  );
};

const transformerStep: Build = (w, inputs) => {
  const { layers, d, heads, context, batch, vocab } = w.size;
  const size = d / heads, constants = geluConstants();
  const scale = tf.scalar(1 / Math.sqrt(size));
  const mask = tf.tensor(
    Float32Array.from({ length: context * context }, (_, i) => i % context > Math.floor(i / context) ? -1e9 : 0),
    [
      context,
      context,
    ],
  );
  return training(
    w,
    inputs,
    (name, data, shape) =>
      shape.length === 2 && name !== "tok.weight" && name !== "pos.weight"
        ? tf.tensor(transpose(data, shape), [shape[1], shape[0]])
        : tf.tensor(data, shape),
    (
      i,
    ) => [
      tf.tensor(part(inputs, "x", i), [batch * context], "int32"),
      tf.tensor(part(inputs, "y", i), [batch * context], "int32"),
    ],
    (p, x, y) => {
      const dense = (x: Tensor, name: string) => affine(x, p, name);
      const norm = (x: Tensor, name: string) => normalise(x, p[`${name}.weight`], p[`${name}.bias`]);
      let h: Tensor = tf.reshape(
        tf.add(tf.reshape(tf.gather(p["tok.weight"], x as any), [batch, context, d]), p["pos.weight"]),
        [batch * context, d],
      );
      for (let i = 0; i < layers; i++) {
        const qkv = tf.split(dense(norm(h, `h${i}.ln1`), `h${i}.qkv`), 3, 1);
        const [q, k, v] = qkv.map((t) => tf.transpose(tf.reshape(t, [batch, context, heads, size]), [0, 2, 1, 3]));
        const weights = tf.softmax(tf.add(tf.mul(tf.matMul(q, k, false, true), scale), mask));
        const mixed = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [batch * context, d]);
        h = tf.add(h, dense(mixed, `h${i}.proj`));
        h = tf.add(h, dense(gelu(dense(norm(h, `h${i}.ln2`), `h${i}.fc`), constants), `h${i}.out`));
      }
      const logits = tf.matMul(norm(h, "lnf"), p["head.weight"]);
      return crossEntropy(tf.reshape(logits, [batch * context, vocab]), y);
    },
    adam.weightDecay,
  );
};

const chainPointwise: Build = (w, inputs) => {
  const x = float(w, inputs, "x"), a = float(w, inputs, "a"), b = float(w, inputs, "b");
  return call(() => {
    let y = x;
    for (let i = 0; i < w.size.length; i++) y = i % 2 ? tf.add(y, b) : tf.mul(y, a);
    return { x: y };
  });
};

const chainMatmul: Build = (w, inputs) => {
  const x = float(w, inputs, "x"), m = float(w, inputs, "w");
  return call(() => {
    let y = x;
    for (let i = 0; i < w.size.length; i++) y = tf.matMul(y, m);
    return { x: y };
  });
};

export default {
  name: "TensorFlow.js",
  version: "4.22.0",
  notes: [
    "Core API, eager (there is nothing to compile), WEBGPU_CPU_FORWARD=false, other flags at their defaults.",
    "Training: optimizer.minimize with tf.train.adam; decoupled weight decay written by hand (no AdamW).",
    "GELU, layer norm and attention are compositions: there are no such ops in the core.",
  ],
  init,
  ops: {
    matmul,
    matmulF16: notAvailable("no f16 dtype"),
    convForward,
    convInputGrad,
    convWeightGrad,
    geluChain,
    biasRelu,
    softmax,
    softmaxGrad,
    layerNorm,
    layerNormGrad,
    sumRows: sum(0),
    sumCols: sum(1),
    crossEntropyGrad,
    embedding,
    embeddingGrad,
    mlpStep,
    lenetStep,
    transformerStep,
    chainEager: chainPointwise,
    chainPointwise,
    chainMatmul,
  },
} satisfies Adaptor;
