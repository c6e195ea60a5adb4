/** What people write by habit from other libraries gets an error that says how it is written here. */
import { assert, assertThrows } from "@std/assert";
import * as fulgurite from "../mod.ts";
import * as nn from "../nn/mod.ts";
import * as optim from "../optim/mod.ts";
import { gpuTest } from "../testing/gpu.ts";

/** Functions that take anything: types would refuse what is tested here. */
type Loose = Record<string, (...args: unknown[]) => unknown>;
const f = fulgurite as unknown as Loose;
const make = (module: object, name: string, ...args: unknown[]) =>
  new ((module as Record<string, new (...args: unknown[]) => unknown>)[name])(...args);

/** Runs calls that must throw an error in our manner, which names what was meant. */
function refuse(calls: Readonly<Record<string, () => unknown>>): void {
  for (const [meant, call] of Object.entries(calls)) {
    const error = assertThrows(call, Error);
    assert(/^Cannot [a-z]/.test(error.message) && error.message.includes(meant.split(" #")[0]), error.message);
  }
}

gpuTest("shapes are arrays", () => {
  const x = fulgurite.ones([4]);
  refuse({
    "shape in randn: it must be an array such as [2, …], got 2": () => f.randn(2, 3),
    "shape in full": () => f.ones(2, 3),
    "shape in reshape": () => f.reshape(x, 4),
    "shape in expand": () => f.expand(x, 2, 4),
    "axes in permute": () => f.permute(x, 0),
    "how often in repeat": () => f.repeat(x, 2),
    "in cat: it takes a list of tensors, got a tensor of shape [4]": () => f.cat(x, x),
    "in stack: it takes a list of tensors": () => f.stack(x, x),
    "a list of tensors, then the equation": () => f.einsum("ij,jk->ik", [x, x]),
  });
});

gpuTest("options are objects, and have names", () => {
  const x = fulgurite.ones([2, 4]), image = fulgurite.ones([1, 1, 4, 4]);
  const p = fulgurite.tensor([1.5], { requiresGrad: true });
  const sgd = () => new optim.SGD([p]);
  refuse({
    "{ kernelSize: 2 }": () => f.maxPool2d(image, 2),
    "{ dim: 1 }": () => f.argmax(x, 1),
    "{ dim: 0 }": () => f.cumsum(x, 0),
    "{ dim: 1 } #2": () => f.max(x, 1),
    "{ dim: 1 } #3": () => f.sort(x, 1),
    "there is no option axis": () => f.softmax && f.sort(x, { axis: 1 }),
    "there is no option epsilon": () => make(nn, "GroupNorm", 1, 4, { epsilon: 1 }),
    "approximate is the nearest": () => make(nn, "GELU", { approximat: "tanh" }),
    "labelSmoothing is the nearest": () => make(nn, "CrossEntropyLoss", { label_smoothing: 0.1 }),
    "reduction is the nearest": () => make(nn, "MSELoss", { reductions: "sum" }),
    "outputSize must be a whole number": () => make(nn, "AdaptiveAvgPool2d", { outputSize: 1 }),
    "patience is the nearest": () => make(optim, "ReduceLROnPlateau", sgd(), { patients: 1 }),
    "startFactor is the nearest": () => make(optim, "LinearLR", sgd(), { start_factor: 0.5 }),
    "dtype is the nearest": () => f.ones([2], { dtpe: "i32" }),
    "generator is the nearest": () => f.randn([2], { generatr: null }),
  });
});

gpuTest("element types are named, where there are others", () => {
  const x = fulgurite.ones([2]);
  refuse({
    'dtype must be one of "f32"': () => f.to(x, "f64"),
    'in full: dtype must be one of "f32"': () => f.ones([2], { dtype: "float32" }),
    "in arange": () => f.arange(0, 3, 1, { dtype: "f64" }),
  });
});
