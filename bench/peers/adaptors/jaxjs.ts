// jax-js 0.1.25. Everything that is timed runs under `jit`, training steps as one jitted function of the whole step.
//
// jax-js counts references: passing an array to a function gives it away, `.ref` keeps it.

// deno-lint-ignore-file no-explicit-any -- the library types what it is given more narrowly than what it takes
import type { Adaptor, Build, Case, Outputs } from "../adaptor.ts";
import { adam, batches, type Inputs, layerNormEps, shapeOf, type Workload } from "../workloads.ts";
import { transpose } from "./layout.ts";

type Jax = typeof import("@jax-js/jax");
type Array_ = import("@jax-js/jax").Array;
type Tree = Record<string, Array_>;

let jax: Jax;
let np: Jax["numpy"];

async function init(): Promise<void> {
  jax = await import("@jax-js/jax");
  np = jax.numpy;
  const devices = await jax.init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("jax-js did not start its WebGPU backend");
  jax.defaultDevice("webgpu");
}

function array(data: ArrayLike<number>, shape: number[], integer = false): Array_ {
  return integer
    ? np.array(Int32Array.from(data), { dtype: np.int32 }).reshape(shape)
    : np.array(Float32Array.from(data)).reshape(shape);
}

async function load(w: Workload, inputs: Inputs): Promise<Tree> {
  const tree: Tree = {};
  for (const { name, shape, fill } of w.inputs) tree[name] = array(inputs[name], shape, fill.kind === "int");
  await jax.blockUntilReady(tree as any);
  return tree;
}

async function read(tree: Tree): Promise<Outputs> {
  const out: Outputs = {};
  for (const [name, value] of Object.entries(tree)) out[name] = Float32Array.from(await value.data());
  return out;
}

/**
 * A pure function of arrays. Work is only submitted when a result is waited for, so each call starts waiting at once;
 * `sync` joins the waits.
 */
function call(args: Tree, f: (args: any) => Tree): Case {
  let waiting: Promise<void>[] = [];
  const once = () => f(jax.tree.ref(args as any));
  return {
    run() {
      const result = once();
      waiting.push(jax.blockUntilReady(result as any).then(() => jax.tree.dispose(result as any)));
    },
    async sync() {
      await Promise.all(waiting);
      waiting = [];
    },
    outputs: () => read(once()),
  };
}

const jitted = (f: (args: any) => Tree): Build => async (w, inputs) =>
  call(await load(w, inputs), jax.jit(f as any) as any);

const matmul: Build = jitted(({ a, b }) => ({ c: np.matmul(a, b) }));

const matmulF16: Build = async (w, inputs) => {
  const { a, b } = await load(w, inputs);
  const half = { a: a.astype(np.float16), b: b.astype(np.float16) };
  await jax.blockUntilReady(half as any);
  return call(half, jax.jit((({ a, b }: any) => ({ c: np.matmul(a, b) })) as any) as any);
};

const conv = (x: Array_, filter: Array_, pad: number): Array_ =>
  jax.lax.convGeneralDilated(x, filter, [1, 1], [[pad, pad], [pad, pad]]);

const convForward: Build = (w, inputs) => jitted(({ x, w: filter }) => ({ y: conv(x, filter, w.size.pad) }))(w, inputs);

/** The convolution is linear in each argument, so jit drops the forward pass and the values of the missing argument. */
const convInputGrad: Build = async (w, inputs) => {
  const { n, c, hw, pad } = w.size;
  const args = await load(w, inputs);
  return call(
    args,
    jax.jit(
      (({ w: filter, dy }: any) => {
        const [y, pull] = jax.vjp((x: Array_) => conv(x, filter, pad), [np.zeros([n, c, hw, hw])]) as any;
        y.dispose();
        const [dx] = pull(dy);
        pull.dispose();
        return { dx };
      }) as any,
    ) as any,
  );
};

const convWeightGrad: Build = async (w, inputs) => {
  const { k, c, r, pad } = w.size;
  const args = await load(w, inputs);
  return call(
    args,
    jax.jit(
      (({ x, dy }: any) => {
        const [y, pull] = jax.vjp((filter: Array_) => conv(x, filter, pad), [np.zeros([k, c, r, r])]) as any;
        y.dispose();
        const [dw] = pull(dy);
        pull.dispose();
        return { dw };
      }) as any,
    ) as any,
  );
};

const gelu = (x: Array_): Array_ => jax.nn.gelu(x, { approximate: true });

const geluChain: Build = jitted(({ x, a, b }) => ({ y: gelu(x.ref.mul(a).add(b)).add(x) }));
const biasRelu: Build = jitted(({ x, b }) => ({ y: jax.nn.relu(x.add(b)) }));
const softmax: Build = jitted(({ x }) => ({ y: jax.nn.softmax(x) }));

const softmaxGrad: Build = jitted(({ x, dy }) => {
  const [y, pull] = jax.vjp((x: Array_) => jax.nn.softmax(x), [x]) as any;
  y.dispose();
  const [dx] = pull(dy);
  pull.dispose();
  return { dx };
});

const normalise = (x: Array_, gamma: Array_, beta: Array_): Array_ =>
  jax.nn.standardize(x, -1, { epsilon: layerNormEps }).mul(gamma).add(beta);

const layerNorm: Build = jitted(({ x, gamma, beta }) => ({ y: normalise(x, gamma, beta) }));

const layerNormGrad: Build = jitted(({ x, gamma, beta, dy }) => {
  const [y, pull] = jax.vjp(normalise, [x, gamma, beta]) as any;
  y.dispose();
  const [dx, dgamma, dbeta] = pull(dy);
  pull.dispose();
  return { dx, dgamma, dbeta };
});

const sumRows: Build = jitted(({ x }) => ({ y: np.sum(x, 0) }));
const sumCols: Build = jitted(({ x }) => ({ y: np.sum(x, 1) }));

/**
 * Mean cross-entropy with integer labels. Of the forms that work under jit and grad this is the fastest: logSoftmax
 * times oneHot took 1.5 times as long, and takeAlongAxis fails ("routine primitive scatter input is not imm").
 */
function crossEntropy(logits: Array_, labels: Array_): Array_ {
  const [rows, classes] = logits.shape;
  const hit = np.arange(classes).reshape([1, classes]).equal(labels.reshape([rows, 1]));
  return jax.nn.logsumexp(logits.ref, 1).sub(np.where(hit, logits, 0).sum(1)).sum().mul(1 / rows);
}

const crossEntropyGrad: Build = jitted(({ logits, labels }) => {
  const [loss, dlogits] = jax.valueAndGrad((logits: Array_) => crossEntropy(logits, labels))(logits) as any;
  return { loss, dlogits };
});

const embedding: Build = jitted(({ table, ids }) => ({ y: table.slice(ids) }));

const embeddingGrad: Build = async (w, inputs) => {
  const { vocab, dim } = w.size;
  const { ids, dy } = await load(w, inputs);
  return call(
    { ids, dy },
    jax.jit(
      (({ ids, dy }: any) => {
        const [y, pull] = jax.vjp((table: any) => table.slice(ids), [np.zeros([vocab, dim])]) as any;
        y.dispose();
        const [dtable] = pull(dy);
        pull.dispose();
        return { dtable };
      }) as any,
    ) as any,
  );
};

interface State {
  params: Tree;
  mu: Tree;
  nu: Tree;
  count: Array_;
}

/** Adam as optax defines it (the package @jax-js/optax is not published): part of the jitted step. */
function update(params: Tree, grads: Tree, mu: Tree, nu: Tree, count: Array_, weightDecay: number): State {
  const next = count.add(1);
  // 1 - beta^t by exp: `power` with an array exponent would do the same.
  const c1 = np.subtract(1, np.exp(next.ref.mul(Math.log(adam.beta1))));
  const c2 = np.subtract(1, np.exp(next.ref.mul(Math.log(adam.beta2))));
  const state: State = { params: {}, mu: {}, nu: {}, count: next };
  for (const name of Object.keys(params)) {
    const g = grads[name];
    const m = mu[name].mul(adam.beta1).add(g.ref.mul(1 - adam.beta1));
    const v = nu[name].mul(adam.beta2).add(np.square(g).mul(1 - adam.beta2));
    const step = m.ref.div(c1.ref).div(np.sqrt(v.ref.div(c2.ref)).add(adam.eps)).mul(adam.lr);
    const p = weightDecay ? params[name].mul(1 - adam.lr * weightDecay) : params[name];
    state.params[name] = p.sub(step);
    state.mu[name] = m;
    state.nu[name] = v;
  }
  c1.dispose();
  c2.dispose();
  return state;
}

async function training(
  w: Workload,
  inputs: Inputs,
  prepare: (name: string, data: ArrayLike<number>, shape: number[]) => Array_,
  xShape: number[],
  yShape: number[],
  xInteger: boolean,
  loss: (params: Tree, x: Array_, y: Array_) => Array_,
  weightDecay = 0,
): Promise<Case> {
  const params: Tree = {}, mu: Tree = {}, nu: Tree = {};
  for (const name of w.parameters!) {
    params[name] = prepare(name, inputs[name], shapeOf(w, name));
    mu[name] = np.zeros(params[name].shape);
    nu[name] = np.zeros(params[name].shape);
  }
  let state: any = { params, mu, nu, count: np.array(0, { dtype: np.float32 }) };
  const part = (name: "x" | "y", i: number) =>
    inputs[name].slice(i * inputs[name].length / batches, (i + 1) * inputs[name].length / batches);
  const data = Array.from(
    { length: batches },
    (_, i) => [array(part("x", i), xShape, xInteger), array(part("y", i), yShape, true)],
  );
  await jax.blockUntilReady([state, data] as any);

  const step: any = jax.jit(
    ((state: State, x: Array_, y: Array_) => {
      const [value, grads] = jax.valueAndGrad(loss as any)(jax.tree.ref(state.params as any), x, y) as any;
      return [value, update(state.params, grads, state.mu, state.nu, state.count, weightDecay)];
    }) as any,
  );
  let last: Array_ | null = null;
  return {
    async run(index) {
      const [x, y] = data[index % batches];
      const [value, next] = step(state, x.ref, y.ref);
      last?.dispose();
      last = value;
      state = next;
      // Waiting for one result submits the whole jitted step. (Waiting for the state too would map every one of its
      // arrays; not waiting at all makes some later steps fail with "buffer is invalid or already freed".)
      await jax.blockUntilReady(last as any);
    },
    sync: () => Promise.resolve(),
    outputs: async () => ({ loss: Float32Array.from(await last!.ref.data()) }),
  };
}

/** Weights as [in, out], the usual form in JAX. */
const transposed = (_: string, data: ArrayLike<number>, shape: number[]): Array_ =>
  shape.length === 2 ? array(transpose(data, shape), [shape[1], shape[0]]) : array(data, shape);

const dense = (p: Tree, x: Array_, name: string): Array_ => np.dot(x, p[`${name}.weight`]).add(p[`${name}.bias`]);

const mlpStep: Build = (w, inputs) => {
  const { batch } = w.size;
  return training(w, inputs, transposed, [batch, 784], [batch], false, (p, x, y) => {
    const h = jax.nn.relu(dense(p, jax.nn.relu(dense(p, x, "fc1")), "fc2"));
    return crossEntropy(dense(p, h, "fc3"), y);
  });
};

const lenetStep: Build = (w, inputs) => {
  const { batch } = w.size;
  return training(w, inputs, transposed, [batch, 1, 28, 28], [batch], false, (p, x, y) => {
    const stage = (x: Array_, name: string, pad: number) =>
      jax.lax.reduceWindow(
        jax.nn.relu(conv(x, p[`${name}.weight`], pad).add(p[`${name}.bias`].reshape([-1, 1, 1]))),
        np.max as any,
        [2, 2],
        [2, 2],
      );
    const h = stage(stage(x, "conv1", 2), "conv2", 0).reshape([batch, 400]);
    return crossEntropy(dense(p, jax.nn.relu(dense(p, jax.nn.relu(dense(p, h, "fc1")), "fc2")), "fc3"), y);
  });
};

const transformerStep: Build = (w, inputs) => {
  const { layers, d, heads, context, batch } = w.size;
  const prepare = (name: string, data: ArrayLike<number>, shape: number[]) =>
    name === "tok.weight" || name === "pos.weight" ? array(data, shape) : transposed(name, data, shape);
  return training(w, inputs, prepare, [batch, context], [batch * context], true, (p, x, y) => {
    const norm = (x: Array_, name: string) => normalise(x, p[`${name}.weight`], p[`${name}.bias`]);
    let h: Array_ = (p["tok.weight"] as any).slice(x).add(p["pos.weight"]).reshape([batch * context, d]);
    for (let i = 0; i < layers; i++) {
      const qkv = dense(p, norm(h.ref, `h${i}.ln1`), `h${i}.qkv`);
      const [q, k, v] = np.split(qkv, 3, 1).map((t) => t.reshape([batch, context, heads, d / heads]));
      const mixed = jax.nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([batch * context, d]);
      h = h.add(dense(p, mixed, `h${i}.proj`));
      h = h.ref.add(dense(p, gelu(dense(p, norm(h, `h${i}.ln2`), `h${i}.fc`)), `h${i}.out`));
    }
    return crossEntropy(np.dot(norm(h, "lnf"), p["head.weight"]), y);
  }, adam.weightDecay);
};

function pointwise(length: number) {
  return ({ x, a, b }: any) => {
    for (let i = 0; i < length; i++) x = i % 2 ? x.add(b.ref) : x.mul(a.ref);
    a.dispose();
    b.dispose();
    return { x };
  };
}

export default {
  name: "jax-js",
  version: "0.1.25",
  notes: [
    "jax.jit around every function; a training step is one jitted function: valueAndGrad, Adam, new state.",
    "Adam is written in the step (optax's formulas): the package @jax-js/optax is not published.",
    "Training waits for the loss of each step (blockUntilReady): in jax-js, work is submitted by waiting for a result.",
  ],
  init,
  ops: {
    matmul,
    matmulF16,
    convForward,
    convInputGrad,
    convWeightGrad,
    geluChain,
    biasRelu,
    softmax,
    softmaxGrad,
    layerNorm,
    layerNormGrad,
    sumRows,
    sumCols,
    crossEntropyGrad,
    embedding,
    embeddingGrad,
    mlpStep,
    lenetStep,
    transformerStep,
    chainEager: async (w, inputs) => call(await load(w, inputs), pointwise(w.size.length)),
    // jit of all 200 fails: the one expression it writes is nested too deep for the WGSL parser. Four parts of 50 work.
    chainPointwise: async (w, inputs) => {
      const part: any = jax.jit(pointwise(w.size.length / 4) as any);
      return call(await load(w, inputs), ({ x, a, b }) => {
        for (let i = 0; i < 4; i++) x = part({ x, a: a.ref, b: b.ref }).x;
        a.dispose();
        b.dispose();
        return { x };
      });
    },
    chainMatmul: (w, inputs) =>
      jitted(({ x, w: m }) => {
        for (let i = 0; i < w.size.length; i++) x = np.matmul(x, m.ref);
        m.dispose();
        return { x };
      })(w, inputs),
  },
} satisfies Adaptor;
