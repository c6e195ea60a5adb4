// Methods of tensors: that there is one for every function, of the same type, that it computes the same, and that it is
// there whatever a program imports.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readText } from "../platform/mod.ts";
import * as functions from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { methodNames, type TensorMethods } from "../tensor/methods.ts";

const { randn, tensor, Tensor } = functions;
type Tensor = functions.Tensor;
type Functions = typeof functions;

/** Functions that take a tensor first and are no methods: three that write into it, and the name of a property. */
type NotMethods = "copyInto" | "countInto" | "grad" | "increment" | "uploadInto";

/** Names of the functions whose first parameter takes a tensor, and not just anything. */
type OfTensor = {
  [name in keyof Functions]: Functions[name] extends (first: infer First, ...rest: never) => unknown
    ? unknown extends First ? never : Tensor extends First ? name : never
    : never;
}[keyof Functions];

/** The signatures of a function, each as its parameters and its result. */
type Signatures<F> = Known<
  F extends {
    (...parameters: infer A): infer Q;
    (...parameters: infer B): infer R;
    (...parameters: infer C): infer S;
    (...parameters: infer D): infer T;
  } ? [[A, Q], [B, R], [C, S], [D, T]]
    : F extends {
      (...parameters: infer A): infer Q;
      (...parameters: infer B): infer R;
      (...parameters: infer C): infer S;
    } ? [[A, Q], [B, R], [C, S]]
    : F extends { (...parameters: infer A): infer Q; (...parameters: infer B): infer R } ? [[A, Q], [B, R]]
    : F extends (...parameters: infer A) => infer Q ? [[A, Q]]
    : never
>;

/** Without those that TypeScript made up, because there are fewer. */
type Known<List> = List extends [[infer A, infer R], ...infer Rest]
  ? unknown extends R ? Known<Rest> : [[A, R], ...Known<Rest>]
  : [];

/** Signatures without the first parameter. */
type WithoutFirst<List> = List extends [[infer A, infer R], ...infer Rest]
  ? [[A extends [unknown, ...infer Tail] ? Tail : never, R], ...WithoutFirst<Rest>]
  : [];

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Methods whose type is not that of their function without its first parameter. */
type Drifted = {
  [name in keyof TensorMethods]: name extends keyof Functions
    ? Same<Signatures<Tensor[name]>, WithoutFirst<Signatures<Functions[name]>>> extends true ? never : name
    : name;
}[keyof TensorMethods];

/** Compiles only for `never`: the error names what is left. */
function none<_Left extends never>(): void {}

none<Exclude<OfTensor, keyof TensorMethods | NotMethods>>(); // functions without a method
none<Exclude<keyof TensorMethods, OfTensor>>(); // methods without a function
none<Drifted>(); // methods of another type than their function; see tools/methods.ts

// The types above must see a difference.
type F = { (x: Tensor, o?: { dim?: undefined }): Tensor; (x: Tensor, o: { dim: number }): [Tensor, Tensor] };
type M = { (o?: { dim?: undefined }): Tensor; (o: { dim: number }): [Tensor, Tensor] };
const equal: Same<Signatures<M>, WithoutFirst<Signatures<F>>> = true;
const fewer: Same<Signatures<(o: { dim: number }) => [Tensor, Tensor]>, WithoutFirst<Signatures<F>>> = false;
const member: Same<Signatures<(o: { a?: 1 }) => 1>, WithoutFirst<Signatures<(x: Tensor, o: { a?: 1; b?: 2 }) => 1>>> =
  false;
const needed: Same<Signatures<(o: 1) => 1>, WithoutFirst<Signatures<(x: Tensor, o?: 1) => 1>>> = false;
const empty: Same<Signatures<() => 1>, WithoutFirst<Signatures<(x: Tensor) => 1>>> = true;
const more: Same<Signatures<() => 1>, WithoutFirst<Signatures<(x: Tensor, o: 1) => 1>>> = false;
// @ts-expect-error something is left
none<"left">();
void [equal, fewer, member, needed, empty, more];

Deno.test("every method is installed, is not enumerable, and has the name of its function", () => {
  assert(methodNames.length > 150);
  for (const name of methodNames) {
    const method = Object.getOwnPropertyDescriptor(Tensor.prototype, name);
    assert(typeof method?.value === "function", name);
    assertEquals([method.value.name, method.enumerable], [name, false]);
    assert(typeof functions[name] === "function", name);
  }
  assertEquals(new Set(methodNames).size, methodNames.length);
});

async function same(got: Tensor, want: Tensor): Promise<void> {
  assertEquals([got.shape, got.dtype], [want.shape, want.dtype]);
  assertEquals(await got.bytes(), await want.bytes());
}

gpuTest("chains compute what the functions compute", async () => {
  const f = functions;
  const x = randn([4, 6]), w = randn([6, 3]), b = randn([3]), image = randn([2, 3, 8, 8]);
  const ids = tensor([2, 0, 3]), mask = x.gt(0);

  await same(x.matmul(w).add(b).relu(), f.relu(f.add(f.matmul(x, w), b)));
  await same(x.add(x, { alpha: 2 }).sub(1).div(3).neg(), f.neg(f.div(f.sub(f.add(x, x, { alpha: 2 }), 1), 3)));
  await same(x.sum({ dim: 1 }).mul(2), f.mul(f.sum(x, { dim: 1 }), 2));
  await same(x.var({ dim: 0, keepdim: true }).sqrt(), f.sqrt(f.variance(x, { dim: 0, keepdim: true })));
  await same(
    x.reshape([2, -1]).transpose(0, 1).softmax({ dim: -1 }),
    f.softmax(f.transpose(f.reshape(x, [2, -1]), 0, 1), { dim: -1 }),
  );
  await same(x.to("f16").mul(x).to("i32"), f.to(f.mul(f.to(x, "f16"), x), "i32"));
  await same(
    x.clamp({ min: 0, max: 0.5 }).maskedFill(mask, 7),
    f.maskedFill(f.clamp(x, { min: 0, max: 0.5 }), mask, 7),
  );
  await same(mask.logicalNot().where(x, 0), f.where(f.logicalNot(mask), x, 0));
  await same(
    x.unsqueeze(0).expand([3, 4, 6]).permute([2, 0, 1]),
    f.permute(f.expand(f.unsqueeze(x, 0), [3, 4, 6]), [2, 0, 1]),
  );
  await same(
    x.indexSelect(ids, { dim: 1 }).flip([0]).cumsum({ dim: 0 }),
    f.cumsum(f.flip(f.indexSelect(x, ids, { dim: 1 }), [0]), { dim: 0 }),
  );
  await same(image.conv2d(randn([4, 3, 3, 3]).zerosLike(), { padding: 1 }).sum(), tensor(0, { dtype: "f32" }));
  await same(
    image.maxPool2d({ kernelSize: 2 }).flatten({ startDim: 1 }),
    f.flatten(f.maxPool2d(image, { kernelSize: 2 }), { startDim: 1 }),
  );
  await same(
    x.matmul(w).logSoftmax({ dim: 1 }).nllLoss(tensor([0, 2, 1, 1])),
    f.crossEntropy(f.matmul(x, w), tensor([0, 2, 1, 1])),
  );
  await same(
    ids.embedding(w).layerNorm({ normalizedShape: [3] }),
    f.layerNorm(f.embedding(ids, w), { normalizedShape: [3] }),
  );
  await same(ids.oneHot({ numClasses: 4 }), f.oneHot(ids, { numClasses: 4 }));
});

gpuTest("methods with several results, several signatures, or a promise give what the functions give", async () => {
  const x = tensor([[1, 5, 2], [4, 3, 6]], { dtype: "f32" });
  const all: Tensor = x.max();
  const [values, indices]: [Tensor, Tensor] = x.max({ dim: 1 });
  assertEquals([await all.item(), await values.array(), await indices.array()], [6, [5, 6], [1, 2]]);
  const [top] = x.topk(1, { dim: 0 });
  assertEquals(await top.array(), [[4, 5, 6]]);
  assertEquals(await Promise.all(x.split(1, { dim: 0 }).map((part) => part.sum().item())), [8, 13]);
  const [largest, places] = x.reshape([1, 2, 3]).maxPool1d({ kernelSize: 3, returnIndices: true });
  assertEquals([await largest.array(), await places.array()], [[[[5], [6]]], [[[1], [2]]]]);
  assertEquals((await x.toHost()).shape, [2, 3]);
  const outlives: Tensor[] = [];
  functions.scope(() => void outlives.push(x.mul(2).keep(), x.mul(3)));
  assertEquals(outlives.map((t) => t.disposed), [false, true]);
  outlives[0].dispose();
});

gpuTest("gradients flow through methods as through functions", async () => {
  const f = functions;
  const x = randn([4, 6]), w = randn([6, 3], { requiresGrad: true }), target = tensor([0, 2, 1, 1]);
  const [want] = f.grad(f.crossEntropy(f.mul(f.tanh(f.matmul(x, w)), 3), target), w);
  x.matmul(w).tanh().mul(3).crossEntropy(target).backward();
  await same(w.grad!, want!);
  w.grad!.dispose();
  w.grad = null;
  const y = x.matmul(w).square();
  y.backward({ gradient: y.onesLike(), retainGraph: true });
  y.backward({ gradient: y.onesLike() });
  await same(w.grad!, f.mul(f.grad(f.sum(f.square(f.matmul(x, w))), w)[0]!, 2));
  w.grad!.dispose();
  assertThrows(() => y.detach().backward({ gradient: y.onesLike() }), Error, "require");
});

gpuTest("size and dim tell the shape", () => {
  const x = randn([2, 3]);
  assertEquals([x.size(), x.size(0), x.size(-1), x.dim()], [[2, 3], 2, 3, 2]);
  assertThrows(() => x.size(2), RangeError);
  assertThrows(() => x.sum().size(0), RangeError);
});

gpuTest("errors of methods are those of the functions", async () => {
  assertThrows(() => randn([2, 3]).matmul(randn([4, 5])), functions.ShapeError, "matmul");
  const gone = randn([2]);
  gone.dispose();
  assertThrows(() => gone.relu(), Error, "disposed");
  await assertRejects(() => gone.data(), Error, "disposed");
});

Deno.test("methods are installed by each entry point from which tensors come, alone", async () => {
  const config = new URL("../deno.json", import.meta.url);
  const { exports } = JSON.parse(await readText(config.pathname)) as { exports: Record<string, string> };
  const without = ["./callbacks", "./loggers", "./transforms"];
  const entries = Object.entries(exports).filter(([name]) => !without.includes(name));
  assert(entries.length >= 6);
  const tensors = new URL("../tensor/tensor.ts", import.meta.url).href;
  for (const [name, path] of entries) {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-check",
        `await import("${new URL(path, config).href}");
        const { Tensor } = await import("${tensors}");
        console.log(typeof Tensor.prototype.matmul);`,
      ],
      env: { DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    const [got, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
    assertEquals(got, "function", `${name}: ${said}`);
  }
});
