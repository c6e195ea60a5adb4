import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  add,
  argmax,
  blockDiag,
  broadcastTensors,
  cartesianProd,
  cat,
  crossEntropy,
  customOp,
  dropout,
  dstack,
  einsum,
  flatten,
  grad,
  gradcheck,
  gradNorm,
  hstack,
  indexPut,
  matmul,
  mean,
  meshgrid,
  mseLoss,
  multiDot,
  ones,
  padSequence,
  reshape,
  scaledDotProductAttention,
  softmax,
  stack,
  type Tensor,
  tensor,
  toHostAll,
  transpose,
  vstack,
  zeros,
} from "../mod.ts";
import {
  BatchNorm1d,
  Conv2d,
  Embedding,
  LayerNorm,
  Linear,
  type Module,
  Parameter,
  ParameterList,
  parametersToVector,
  vectorToParameters,
} from "../nn/mod.ts";
import { clipGradNorm, clipGradValue, SGD } from "../optim/mod.ts";
import { gpuTest } from "../testing/gpu.ts";

gpuTest("a list in a tensor's place is named as one, by every function that a batch may reach first", () => {
  const x = tensor([[1, 2.5]]), list = [x, x, x, x] as unknown as Tensor;
  const through = (layer: Module<[Tensor], Tensor>) => {
    using made = layer;
    return made.forward(list);
  };
  const functions: Record<string, () => unknown> = {
    linear: () => through(new Linear(1, 1)),
    matmul: () => matmul(list, x),
    mean: () => mean(list),
    conv2d: () => through(new Conv2d(1, 1, 1)),
    layerNorm: () => through(new LayerNorm([1])),
    BatchNorm1d: () => through(new BatchNorm1d(1)),
    embedding: () => through(new Embedding(3, 2)),
    reshape: () => reshape(list, [4]),
    flatten: () => flatten(list),
    transpose: () => transpose(list, 0, 1),
    softmax: () => softmax(list, { dim: 0 }),
    crossEntropy: () => crossEntropy(list, x),
    mseLoss: () => mseLoss(list, x),
    scaledDotProductAttention: () => scaledDotProductAttention(list, x, x),
    argmax: () => argmax(list),
    dropout: () => dropout(list),
  };
  for (const [name, run] of Object.entries(functions)) {
    assertThrows(run, TypeError, `Cannot compute ${name}: operand 0 must be a tensor, got an array of 4 items`);
  }
  assertThrows(() => mseLoss(x, [1] as never), TypeError, "operand 1 must be a tensor, got an array of 1 item");
});

/** A function that takes a list, a right element for it, and how its message begins. */
interface ListRow {
  readonly run: (list: Tensor[]) => unknown;
  readonly make: () => Tensor;
  readonly begins: string;
  /** What the message calls an element; default `"element"`. */
  readonly item?: string;
  /** What may be empty, and what looks at places in the graph alone, are not refused. */
  readonly empty?: true;
  readonly disposed?: true;
}

const matrix = () => ones([2, 2]), vector = () => ones([3]), leaf = () => ones([2], { requiresGrad: true });
const passOn = customOp({ name: "passOn", forward: (x) => x.mul(1), backward: (dy) => [dy] });

const LISTS: readonly ListRow[] = [
  { run: cat, make: matrix, begins: "join in cat" },
  { run: stack, make: matrix, begins: "join in stack" },
  { run: hstack, make: matrix, begins: "join in hstack" },
  { run: vstack, make: matrix, begins: "join in vstack" },
  { run: dstack, make: matrix, begins: "join in dstack" },
  { run: meshgrid, make: vector, begins: "make grids in meshgrid" },
  { run: cartesianProd, make: vector, begins: "combine in cartesianProd" },
  { run: broadcastTensors, make: matrix, begins: "broadcast in broadcastTensors", empty: true },
  { run: (list) => einsum(list, "ij,jk->ik"), make: matrix, begins: "multiply in einsum" },
  { run: multiDot, make: matrix, begins: "multiply in multiDot" },
  { run: blockDiag, make: matrix, begins: "place blocks in blockDiag" },
  { run: padSequence, make: matrix, begins: "fill up in padSequence" },
  {
    run: (list) => indexPut(matrix(), list, tensor(1, { dtype: "f32" })),
    make: () => tensor([0]),
    begins: "write in indexPut",
    item: "index",
    empty: true,
  },
  { run: (list) => gradNorm(list), make: matrix, begins: "sum up in gradNorm", empty: true },
  { run: toHostAll, make: matrix, begins: "copy in toHostAll", empty: true },
  {
    run: (list) => grad(list, leaf(), { allowUnused: true }),
    make: () => leaf().sum(),
    begins: "differentiate in grad",
    item: "output",
    empty: true,
    disposed: true,
  },
  {
    run: (list) => grad(leaf().sum(), list, { allowUnused: true }),
    make: leaf,
    begins: "differentiate in grad",
    item: "input",
    empty: true,
    disposed: true,
  },
  {
    run: (list) => gradcheck((a, b) => add(a, b), list),
    make: leaf,
    begins: "check gradients in gradcheck",
    item: "input",
    empty: true,
  },
  {
    run: (list) => passOn(...Array.from(list)),
    make: matrix,
    begins: "compute in passOn",
    item: "operand",
    empty: true,
  },
  { run: parametersToVector, make: matrix, begins: "join in parametersToVector", item: "parameter" },
  {
    run: (list) => vectorToParameters(zeros([0]), list),
    make: matrix,
    begins: "take apart in vectorToParameters",
    item: "parameter",
    empty: true,
  },
  { run: (list) => clipGradNorm(list, 1), make: leaf, begins: "clip in clipGradNorm", item: "parameter", empty: true },
  {
    run: (list) => clipGradValue(list, 1),
    make: leaf,
    begins: "clip in clipGradValue",
    item: "parameter",
    empty: true,
  },
  {
    run: (params) => new SGD([{ params }], { lr: 1 }),
    make: leaf,
    begins: "optimize in SGD",
    item: "parameter",
    empty: true,
  },
];

gpuTest("a wrong tensor in a list is named by its place, with the function that was called", async () => {
  const refused = async (run: () => unknown, expected: string) => {
    const error = await assertRejects(async () => await run(), Error);
    assertEquals(error.message, expected);
  };
  for (const { run, make, begins, item = "element", empty, disposed } of LISTS) {
    const of = (...items: unknown[]) => () => run(items as Tensor[]);
    const each = `Cannot ${begins}: each ${item} must be a tensor, ${item} 1 is`;
    await refused(of(make(), 3), `${each} 3`);
    await refused(of(make(), undefined), `${each} undefined`);
    await refused(of(make(), null, make()), `${each} null`);
    await refused(of(make(), [make()]), `${each} an array of 1 item`);
    const gone = make(), shape = `[${gone.shape.join(", ")}]`;
    gone.dispose();
    if (!disposed) {
      const rule = `no ${item} may be disposed, ${item} 1 of shape ${shape} is`;
      await refused(of(make(), gone), `Cannot ${begins}: ${rule}`);
    }
    if (!empty) {
      const least = begins.endsWith("multiDot") ? 2 : 1;
      await refused(of(), `Cannot ${begins}: it takes ${least} or more tensors, got 0`);
    }
    if (begins.endsWith("passOn") || begins.endsWith("SGD")) continue;
    const error = await assertRejects(async () => await run(3 as never), TypeError);
    assert(
      /^Cannot .* in .*: it takes a list of tensors, (then the equation, )?got 3/.test(error.message),
      error.message,
    );
  }
});

gpuTest("a tensor in a list that does not fit the others is named by its place", () => {
  using held = new Parameter(ones([1]));
  const a = ones([2, 2]), b = ones([2, 3]), cube = ones([2, 2, 2]), whole = ones([2, 2], { dtype: "i32" });
  const rows: [() => unknown, string][] = [
    [() => cat([a, a, b]), "join in cat: all axes but 0 must be equal, element 2 has others, current shapes are"],
    [() => cat([tensor(1), a]), "join in cat: each must have an axis, element 0 has none"],
    [() => hstack([a, cube]), "join in hstack: all axes but 1 must be equal, element 1 has others"],
    [() => stack([a, b, a]), "join in stack: shapes must be equal, element 1 has another, current shapes are [2, 2], "],
    [() => meshgrid([ones([2]), a]), "make grids in meshgrid: each element must be a vector, element 1 has the shape"],
    [
      () => cartesianProd([a]),
      "combine in cartesianProd: each element must be a vector, element 0 has the shape [2, 2]",
    ],
    [() => blockDiag([a, cube]), "place blocks in blockDiag: each must have at most two axes, element 1 has the shape"],
    [() => padSequence([a, a, b]), "behind their first axis, element 2 has another, current shapes are"],
    [() => padSequence([tensor(1), a]), "behind their first axis, element 0 has no axis, current shapes are"],
    [() => multiDot([a, b, a]), "multiply in multiDot: it takes matrices that fit, element 2 does not fit element 1"],
    [() => multiDot([a, cube]), "multiply in multiDot: it takes matrices that fit, element 1 is no matrix"],
    [() => multiDot([a, whole]), "multiply in multiDot: matrices must be floating, element 1 is i32"],
    [() => einsum([a, whole], "ij,jk->ik"), "must be floating, element 0 is f32 and element 1 i32"],
    [() => einsum([a, a, whole], "ij,jk,kl->il"), "the product of elements 0 to 1 is f32 and element 2 i32"],
    [() => einsum([a, cube], "ij,jk->ik"), 'multiply in einsum: "jk" must name the axes of element 1'],
    [() => indexPut(a, [tensor([0]), a], a), "write in indexPut: indices must be i32, index 1 is f32"],
    [() => gradNorm([a, whole]), "sum up in gradNorm: tensors must be floating-point, element 1 is i32"],
    [
      () => new SGD([leaf(), whole], { lr: 1 }),
      "optimize in SGD: parameters must be floats, parameter 1 of shape [2, 2]",
    ],
    [
      () => new SGD([leaf(), 3 as never], { lr: 1 }),
      "make SGD: give parameters or groups, not both in one list, element 1",
    ],
    [() => new ParameterList([held, 3 as never]), "make one with new Parameter(…), got 3 at place 1"],
    [() => new ParameterList(a as never), "it takes a list of parameters, got an object of Tensor"],
    [
      () => grad([leaf().sum(), a], leaf()),
      "Cannot differentiate: output 1 of shape [2, 2] does not require gradients",
    ],
    [() => grad(leaf().sum(), leaf(), { gradOutputs: [a, a] }), "must have one for each of 1 outputs, got 2"],
    [() => grad(leaf().sum(), leaf(), { gradOutputs: [3 as never] }), "tensors or null, that of output 0 is 3"],
  ];
  for (const [run, says] of rows) assertThrows(run, Error, says);
});
