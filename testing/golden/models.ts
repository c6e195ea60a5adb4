/**
 * Models of the training runs, built from what a run says about itself: the sentence `architecture`, and the names and
 * shapes of its parameters. So a run of the same kind with other sizes or activations needs no code.
 */
import { add, matmul, mean, mul, noGrad, ones, reshape, type Tensor, transpose } from "../../mod.ts";
import { Module } from "../../nn/mod.ts";
import type { Json, Row } from "./format.ts";
import { type Callable, find, findClass, findOp } from "./library.ts";
import { Missing } from "./report.ts";

/** A step of a forward pass. */
type Step = (x: Tensor) => Tensor;

/** Names and shapes of a model's parameters and buffers. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Calls an op that gives one tensor. */
const op = (name: string, ...args: unknown[]): Tensor => findOp(name)(...args) as Tensor;

/** A layer by class name; a class that does not exist yet skips the run. */
const layer = (name: string, ...args: unknown[]): Module => new (findClass<Module>("nn", name))(...args);

/** Runs a layer. */
const through = (module: Module, ...args: unknown[]): Tensor =>
  (module as Module & { forward: Callable }).forward(...args) as Tensor;

/** A model whose layers are own properties, so that `stateDict` finds them, and whose forward pass is given. */
export class Wired extends Module<[x: Tensor], Tensor> {
  readonly #forward: Step;

  /** @param wire Adds the layers and returns the forward pass */
  constructor(wire: (self: Record<string, Module>) => Step) {
    super();
    try {
      this.#forward = wire(this as unknown as Record<string, Module>);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Runs the model. */
  forward(x: Tensor): Tensor {
    return this.#forward(x);
  }
}

/** The model that a run describes. */
export function buildModel(run: Row): Wired {
  const shapes: Shapes = new Map(run.stateDict as [string, number[]][]);
  const text = String(run.architecture);
  if (shapes.has("tok.weight") && shapes.has("pos.weight")) return gpt(shapes, text);
  if (shapes.has("stem.weight") && /\bBlock:/.test(text)) return resnet(shapes, text);
  return chain(shapes, text);
}

/** Activations by the names that the sentences use. */
const ACTIVATIONS: Record<string, string> = {
  relu: "relu",
  silu: "silu",
  gelu: "gelu",
  elu: "elu",
  tanh: "tanh",
  sigmoid: "sigmoid",
  leakyrelu: "leakyRelu",
  mish: "mish",
  softplus: "softplus",
};

/** A chain of steps: `Image 1x8x8. conv1 1->8 3x3 pad 1, bn1, ReLU, maxPool 2; flatten (64); fc 64->10.` */
function chain(shapes: Shapes, text: string): Wired {
  return new Wired((self) => {
    const steps = text.split(/[.,;]\s*/).map((part) => part.trim()).filter((part) => part !== "")
      .map((part) => chainStep(self, shapes, part));
    return (x) => steps.reduce((value, step) => step(value), x);
  });
}

function chainStep(self: Record<string, Module>, shapes: Shapes, part: string): Step {
  const activation = ACTIVATIONS[part.toLowerCase().replaceAll(" ", "")];
  if (activation !== undefined) return (x) => op(activation, x);
  let match: RegExpExecArray | null;
  if ((match = /^Image (\d+)x(\d+)x(\d+)$/i.exec(part))) {
    const size = match.slice(1).map(Number);
    return (x) => reshape(x, [x.shape[0], ...size]);
  }
  if ((match = /^The image's (\d+) rows of (\d+) pixels as a sequence$/i.exec(part))) {
    const size = match.slice(1).map(Number);
    return (x) => reshape(x, [x.shape[0], ...size]);
  }
  if ((match = /^(max|avg)Pool (\d+)$/i.exec(part))) {
    const [name, kernelSize] = [`${match[1].toLowerCase()}Pool2d`, Number(match[2])];
    return (x) => op(name, x, { kernelSize });
  }
  if (/^flatten\b/i.test(part)) return (x) => op("flatten", x, { startDim: 1 });
  if (/^the last output$/i.test(part)) return (x) => op("select", x, { dim: 1, index: -1 });
  if (/^mean over space$/i.test(part)) return (x) => mean(x, { dim: [2, 3] });
  const name = part.split(" ")[0];
  const made = namedLayer(shapes, name, part);
  if (made === undefined) throw new Missing(`architecture step "${part}"`);
  self[name] = made.module;
  return made.step;
}

/** The layer that a name and the shapes of its parameters tell. */
function namedLayer(shapes: Shapes, name: string, part: string): { module: Module; step: Step } | undefined {
  const bias = shapes.has(`${name}.bias`);
  const number = (pattern: RegExp, fallback: number) => Number(pattern.exec(part)?.[1] ?? fallback);
  const recurrent = shapes.get(`${name}.weight_ih_l0`);
  if (recurrent !== undefined) {
    const hidden = (shapes.get(`${name}.weight_hh_l0`) as number[])[1];
    const kind = ["RNN", "", "", "GRU", "LSTM"].at(recurrent[0] / hidden === 1 ? 0 : recurrent[0] / hidden);
    const options = { batchFirst: true, bias: shapes.has(`${name}.bias_ih_l0`) };
    const module = layer(String(kind), recurrent[1], hidden, options);
    return { module, step: (x) => (through(module, x) as unknown as Tensor[])[0] };
  }
  const weight = shapes.get(`${name}.weight`);
  const statistics = shapes.get(`${name}.running_mean`);
  if (statistics !== undefined) {
    const [flat, spatial] = ["BatchNorm1d", "BatchNorm2d"];
    // Which one it is shows in the convolution before it; both have the same parameters.
    const module = layer([...shapes.values()].some((shape) => shape.length === 4) ? spatial : flat, statistics[0]);
    return { module, step: (x) => through(module, x) };
  }
  if (weight === undefined) return undefined;
  if (weight.length === 4) {
    const [outputs, inputs, height, width] = weight;
    const groups = number(/groups (\d+)/, 1);
    const options = { stride: number(/stride (\d+)/, 1), padding: number(/pad (\d+)/, 0), groups, bias };
    const module = layer("Conv2d", inputs * groups, outputs, height === width ? height : [height, width], options);
    return { module, step: (x) => through(module, x) };
  }
  const module = weight.length === 2
    ? layer("Linear", weight[1], weight[0], { bias })
    : layer("LayerNorm", [...weight]);
  return { module, step: (x) => through(module, x) };
}

/** The activation that a sentence names, SiLU if none. */
function activationOf(text: string): Step {
  const named = /\b(ReLU|SiLU|GELU|Tanh|Mish|ELU)\b/i.exec(text)?.[1].toLowerCase() ?? "silu";
  return (x) => op(ACTIVATIONS[named], x);
}

/** How many consecutive numbers follow a prefix: `blocks.0.…`, `blocks.1.…`. */
function blockCount(shapes: Shapes): number {
  let count = 0;
  while ([...shapes.keys()].some((key) => key.startsWith(`blocks.${count}.`))) count++;
  return count;
}

/** A convolution without bias, from the shape of its weight. */
function conv(shapes: Shapes, key: string, stride: number): Module {
  const [outputs, inputs, size] = shapes.get(`${key}.weight`) as number[];
  return layer("Conv2d", inputs, outputs, size, { stride, padding: size >> 1, bias: shapes.has(`${key}.bias`) });
}

const norm = (shapes: Shapes, key: string) => layer("BatchNorm2d", (shapes.get(`${key}.running_mean`) as number[])[0]);

/** A small residual network: stem, blocks of two convolutions, mean over space, one linear layer. */
function resnet(shapes: Shapes, text: string): Wired {
  const activate = activationOf(text);
  return new Wired((self) => {
    const [stem, bn] = [self.stem = conv(shapes, "stem", 1), self.bn = norm(shapes, "bn")];
    const blocks = Array.from({ length: blockCount(shapes) }, (_, i) => {
      const stride = Number(new RegExp(`blocks\\.${i} \\d+->\\d+ stride (\\d+)`).exec(text)?.[1] ?? 1);
      return residual(shapes, `blocks.${i}`, stride, activate);
    });
    self.blocks = layer("Sequential", ...blocks);
    const [outputs, inputs] = shapes.get("fc.weight") as number[];
    const fc = self.fc = layer("Linear", inputs, outputs);
    const side = Number(/Image \d+x(\d+)x\d+/i.exec(text)?.[1] ?? 8);
    return (x) => {
      const image = reshape(x, [x.shape[0], -1, side, side]);
      const y = through(self.blocks, activate(through(bn, through(stem, image))));
      return through(fc, mean(y, { dim: [2, 3] }));
    };
  });
}

function residual(shapes: Shapes, key: string, stride: number, activate: Step): Module {
  return new Wired((self) => {
    const conv1 = self.conv1 = conv(shapes, `${key}.conv1`, stride);
    const bn1 = self.bn1 = norm(shapes, `${key}.bn1`);
    const conv2 = self.conv2 = conv(shapes, `${key}.conv2`, 1);
    const bn2 = self.bn2 = norm(shapes, `${key}.bn2`);
    const down = shapes.has(`${key}.down.0.weight`)
      ? self.down = layer("Sequential", conv(shapes, `${key}.down.0`, stride), norm(shapes, `${key}.down.1`))
      : undefined;
    return (x) => {
      const y = through(bn2, through(conv2, activate(through(bn1, through(conv1, x)))));
      return activate(add(y, down === undefined ? x : through(down, x)));
    };
  });
}

/** A decoder-only transformer with learned positions; the output layer is the token table unless there is a `head`. */
function gpt(shapes: Shapes, text: string): Wired {
  const heads = Number(/(\d+) heads/.exec(text)?.[1] ?? 1);
  const approximate = /exact GELU/i.test(text) ? "none" : "tanh";
  const linear = (key: string) => {
    const [outputs, inputs] = shapes.get(`${key}.weight`) as number[];
    return layer("Linear", inputs, outputs, { bias: shapes.has(`${key}.bias`) });
  };
  const table = (key: string) => layer("Embedding", ...shapes.get(`${key}.weight`) as number[]);
  const layerNorm = (key: string) => layer("LayerNorm", [...shapes.get(`${key}.weight`) as number[]]);
  return new Wired((self) => {
    const [tok, pos] = [self.tok = table("tok"), self.pos = table("pos")];
    const blocks = Array.from({ length: blockCount(shapes) }, (_, i) => {
      const key = `blocks.${i}`;
      return new Wired((block) => {
        const ln1 = block.ln1 = layerNorm(`${key}.ln1`);
        const attn = block.attn = attention(linear(`${key}.attn.qkv`), linear(`${key}.attn.proj`), heads);
        const ln2 = block.ln2 = layerNorm(`${key}.ln2`);
        const fc1 = block.fc1 = linear(`${key}.fc1`), fc2 = block.fc2 = linear(`${key}.fc2`);
        return (x) => {
          const y = add(x, through(attn, through(ln1, x)));
          return add(y, through(fc2, op("gelu", through(fc1, through(ln2, y)), { approximate })));
        };
      });
    });
    self.blocks = layer("ModuleList", blocks);
    const ln = self.ln = layerNorm("ln");
    const head = shapes.has("head.weight") ? self.head = linear("head") : undefined;
    return (ids) => {
      const places = op("slice", weightOf(pos), { dim: 0, start: 0, end: ids.shape[1] });
      const x = blocks.reduce((value, block) => block.forward(value), add(through(tok, ids), places));
      const y = through(ln, x);
      return head === undefined ? op("matmul", y, op("transpose", weightOf(tok), 0, 1)) : through(head, y);
    };
  });
}

const weightOf = (module: Module): Tensor => (module as Module & { weight: Tensor }).weight;

/** Causal self-attention whose heads are contiguous slices of the width. */
function attention(qkv: Module, proj: Module, heads: number): Module {
  return new Wired((self) => {
    [self.qkv, self.proj] = [qkv, proj];
    return (x) => {
      const [batch, time, width] = x.shape;
      const [q, k, v] = (findOp("split")(through(qkv, x), width, { dim: 2 }) as Tensor[]).map((part) =>
        op("transpose", reshape(part, [batch, time, heads, width / heads]), 1, 2)
      );
      const y = find("fulgurite", "scaledDotProductAttention") === undefined
        ? causalAttention(q, k, v)
        : op("scaledDotProductAttention", q, k, v, { isCausal: true });
      return through(proj, reshape(op("transpose", y, 1, 2), [batch, time, width]));
    };
  });
}

/** softmax(q·kᵀ / √d)·v where a place sees itself and those before it. */
function causalAttention(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const scores = mul(matmul(q, transpose(k, -2, -1)), (q.shape.at(-1) as number) ** -0.5);
  const past = op("tril", ones(scores.shape.slice(-2), { dtype: "bool" }));
  const masked = op("where", past, scores, -Infinity);
  return matmul(op("softmax", masked, { dim: -1 }), v);
}

/** Outputs of a model in evaluation mode, without gradients. */
export function infer(model: Wired, x: Tensor): Tensor {
  model.eval();
  const y = noGrad(() => model.forward(x));
  model.train();
  return y;
}

/**
 * The parameter groups of a run: `noDecay: "vectors"` puts parameters with fewer than two axes into a group of their
 * own.
 */
export function parameterGroups(run: Row, named: Iterable<[string, Tensor]>): unknown[] {
  const order = run.parameters as string[];
  const all = new Map(named);
  const params = order.map((name) => {
    const p = all.get(name);
    if (p === undefined) throw new RangeError(`Cannot train ${run.id}: the model has no parameter ${name}`);
    return p;
  });
  const noDecay: Json | undefined = (run.optimizer as Row).noDecay;
  if (noDecay === undefined) return [{ params }];
  if (noDecay !== "vectors") throw new Missing(`noDecay ${noDecay}`);
  return [{ params: params.filter((p) => p.ndim >= 2) }, { params: params.filter((p) => p.ndim < 2), weightDecay: 0 }];
}
