import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  add,
  backward,
  copyInto,
  mul,
  ones,
  scope,
  ShapeError,
  sum,
  type Tensor,
  tensor,
  toHost,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { Buffer, Module, ModuleDict, ModuleList, Parameter, Sequential } from "./mod.ts";

/** y = x·w + b, with a counter. */
class Scale extends Module<[x: Tensor], Tensor> {
  weight: Parameter;
  bias: Parameter | null;
  constructor(factor: number, bias = true) {
    super();
    this.weight = new Parameter(mul(ones([2]), factor));
    this.bias = bias ? new Parameter(zeros([2])) : null;
    this.registerBuffer("num_calls", zeros([], { dtype: "i32" }));
  }
  forward(x: Tensor): Tensor {
    const y = mul(x, this.weight);
    return this.bias === null ? y : add(y, this.bias);
  }
}

class Model extends Module<[x: Tensor], Tensor> {
  readonly first = new Scale(2);
  layers = [new Scale(3, false), new Scale(4)];
  nested = [[new Scale(5, false)]];
  table = new Buffer(ones([3]), { persistent: false });
  scale = new Parameter(ones([1]));
  named = new ModuleDict({ left: new Scale(6, false) });
  list = new ModuleList([new Scale(7, false)]);
  other: Module | null = null;
  notes = ["text", 3, null];
  forward(x: Tensor): Tensor {
    return this.layers[1].forward(this.layers[0].forward(this.first.forward(x)));
  }
}

const names = [
  "scale",
  "first.weight",
  "first.bias",
  "first.num_calls",
  "layers.0.weight",
  "layers.0.num_calls",
  "layers.1.weight",
  "layers.1.bias",
  "layers.1.num_calls",
  "nested.0.0.weight",
  "nested.0.0.num_calls",
  "named.left.weight",
  "named.left.num_calls",
  "list.0.weight",
  "list.0.num_calls",
];

gpuTest("names come from properties, arrays, lists and dictionaries, in PyTorch's order", () => {
  using model = new Model();
  assertEquals([...model.stateDict().keys()], names);
  assertEquals([...model.namedParameters()].map(([name]) => name), names.filter((n) => !n.endsWith("num_calls")));
  assertEquals([...model.namedBuffers()].map(([name]) => name), [
    "table",
    ...names.filter((n) => n.endsWith("num_calls")),
  ]);
  assertEquals([...model.namedModules()].map(([name]) => name), [
    "",
    "first",
    "layers.0",
    "layers.1",
    "nested.0.0",
    "named",
    "named.left",
    "list",
    "list.0",
  ]);
  assertEquals(model.getSubmodule("layers.1"), model.layers[1]);
  assertThrows(() => model.getSubmodule("layers.2"), RangeError, "layers.2");
});

gpuTest("shared parameters are listed once and saved under every name; cycles end", () => {
  using model = new Model();
  model.layers[1].weight.dispose();
  model.layers[1].weight = model.first.weight;
  model.other = model;
  assertEquals([...model.parameters()].length, 8);
  assert(model.stateDict().get("layers.1.weight") === model.first.weight);
  assertEquals([...model.stateDict().keys()].length, names.length);
});

gpuTest("parameters outlive scopes and have a value of their own", async () => {
  using model = scope(() => new Model());
  const y = await scope(() => model.forward(tensor([1, 2], { dtype: "f32" })).array());
  assertEquals(y, [24, 48]);
  for (const p of model.parameters()) assert(p.storage.pending === null && p.isLeaf && p.requiresGrad);
});

gpuTest("train, eval, requiresGrad_, apply and zeroGrad reach everything below", () => {
  using model = new Model();
  model.eval();
  assert([...model.modules()].every((module) => !module.training));
  model.train();
  assert([...model.modules()].every((module) => module.training));
  const seen: string[] = [];
  model.apply((module) => void seen.push(module.constructor.name));
  assertEquals(seen.at(-1), "Model");
  assertEquals(seen.filter((name) => name === "Scale").length, 6);
  backward(sum(model.forward(ones([2]))));
  assert(model.first.weight.grad !== null);
  model.zeroGrad({ setToNull: false });
  assertEquals(model.first.weight.grad!.shape, [2]);
  model.zeroGrad();
  assert([...model.parameters()].every((p) => p.grad === null));
  model.requiresGrad_(false);
  assert(!model.forward(ones([2])).requiresGrad);
});

gpuTest(
  "values are copied in place, from the device and from the host, converted to the parameter's type",
  async () => {
    using model = new Scale(2);
    using other = new Scale(9);
    const { weight } = model;
    model.loadStateDict(other.stateDict());
    assert(model.weight === weight);
    assertEquals(await weight.array(), [9, 9]);
    model.loadStateDict({
      weight: await toHost(tensor([1, 2], { dtype: "bf16" })),
      bias: tensor([3, 4]),
      num_calls: tensor([5]),
    });
    assertEquals(await weight.array(), [1, 2]);
    assertEquals(await model.bias!.array(), [3, 4]);
    assertEquals(await model.stateDict().get("num_calls")!.item(), 5);
    copyInto(weight, 0);
    assertEquals(await other.weight.array(), [9, 9]);
  },
);

gpuTest("what does not fit is named, and nothing is changed", async () => {
  using model = new Scale(2);
  const value = tensor([1, 1]);
  const state = { weight: value, extra: value, biass: value };
  const error = assertThrows(() => model.loadStateDict(state), Error);
  assertStringIncludes(error.message, "missing are bias, num_calls");
  assertStringIncludes(error.message, "unexpected are extra, biass");
  const shaped = assertThrows(() => model.loadStateDict({ weight: tensor([1, 2, 3]) }, { strict: false }), ShapeError);
  assertStringIncludes(shaped.message, "weight has shape [2], the value [3]");
  assertEquals(await model.weight.array(), [2, 2]);
  assertEquals(model.loadStateDict({ weight: value, extra: value }, { strict: false }), {
    missingKeys: ["bias", "num_calls"],
    unexpectedKeys: ["extra"],
  });
  assertEquals(await model.weight.array(), [1, 1]);
});

gpuTest("a safetensors file gives back every value", async () => {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  using model = new Model();
  using copy = new Model();
  await model.saveSafetensors(path, { note: "test" });
  copy.to("bf16");
  for (const p of copy.parameters()) copyInto(p, 0);
  await copy.loadSafetensors(path);
  assertEquals(await copy.first.weight.array(), [2, 2]);
  assertEquals(copy.first.weight.dtype, "bf16");
  await Deno.remove(path);
  await assertRejects(() => copy.loadSafetensors(path));
});

gpuTest("converting keeps names, flags and shared parameters", async () => {
  using model = new Model();
  model.layers[1].weight.dispose();
  model.layers[1].weight = model.first.weight;
  model.first.bias!.requiresGrad = false;
  model.to("f16");
  assertEquals([...model.stateDict().keys()], names);
  for (const [name, t] of model.stateDict()) assertEquals(t.dtype, name.endsWith("num_calls") ? "i32" : "f16");
  assert(model.layers[1].weight === model.first.weight);
  assertInstanceOf(model.first.weight, Parameter);
  assert(model.first.weight.requiresGrad && !model.first.bias!.requiresGrad);
  assertEquals(await model.first.weight.array(), [2, 2]);
  assertThrows(() => model.to("i32"), TypeError, "floats only");
});

gpuTest("hooks see and may replace inputs and outputs, and can be removed", async () => {
  using model = new Scale(2, false);
  const x = tensor([1, 1], { dtype: "f32" });
  const seen: unknown[] = [];
  const removePre = model.registerForwardPreHook((module, [input]) => {
    seen.push(module);
    return [add(input as Tensor, 1)];
  });
  const remove = model.registerForwardHook((_, inputs, output) => {
    seen.push(inputs.length);
    return mul(output as Tensor, 10);
  });
  assertEquals(await model.forward(x).array(), [40, 40]);
  assertEquals(seen, [model, 1]);
  remove();
  removePre();
  assertEquals(await model.forward(x).array(), [2, 2]);
  assertEquals(seen.length, 2);
  assertEquals([...model.stateDict().keys()], ["weight", "num_calls"]);
});

gpuTest("a sequence runs its modules in order", async () => {
  using model = new Sequential(new Scale(2), new Scale(5));
  assertEquals(await model.forward(ones([2])).array(), [10, 10]);
  assertEquals(model.length, 2);
  model.append(new Scale(1));
  assertEquals([...model.stateDict().keys()].filter((name) => name.endsWith("weight")), [
    "0.weight",
    "1.weight",
    "2.weight",
  ]);
  using named = new Sequential({ a: new Scale(2, false), b: new Scale(3, false) });
  assertEquals([...named.namedParameters()].map(([name]) => name), ["a.weight", "b.weight"]);
});

gpuTest("names that cannot be are refused", () => {
  using model = new Scale(1);
  assertThrows(() => model.registerBuffer("a.b", zeros([1])), TypeError, "a.b");
  assertThrows(() => model.registerBuffer("weight", zeros([1])), TypeError, "be free");
  const declared = new class extends Module {
    mask: Tensor | undefined;
    forward() {}
  }();
  const hint = "a property is found where it is, this.mask = new Buffer(value)";
  assertThrows(() => declared.registerBuffer("mask", zeros([1])), TypeError, hint);
  assertThrows(() => new Parameter(zeros([1], { dtype: "i32" })), TypeError, "floating-point");
  assertThrows(() => new ModuleDict({ "a.b": model }), TypeError, "a.b");
  assertThrows(() => new ModuleList([]).forward(), Error, "ModuleList");
});

gpuTest("a model prints as a tree", () => {
  using model = new Sequential(new Sequential(new Scale(1)), new Scale(2));
  assertEquals(
    model.toString(),
    "Sequential(\n  (0): Sequential(\n    (0): Scale()\n  )\n  (1): Scale()\n)",
  );
});
