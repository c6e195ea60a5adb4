/** In what type optimizers keep what they remember of a parameter. */
import { assertEquals } from "@std/assert";
import { keep, type Tensor, tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { Adam, Muon, type Optimizer, SGD } from "./mod.ts";

const momentsOf = (optimizer: Optimizer): Tensor[] =>
  Object.values(optimizer.stateDict().state[0]).filter((t): t is Tensor => (t as Tensor).ndim > 0);

gpuTest("state has the type of a bf16 parameter, and is f32 beside f16 and f32", async () => {
  for (const [dtype, want] of [["f32", "f32"], ["bf16", "bf16"], ["f16", "f32"]] as const) {
    const p = tensor([1, -2, 3, 0.5, 7], { dtype, requiresGrad: true });
    using adam = new Adam([p], { lr: 0.25 });
    using sgd = new SGD([p], { lr: 0.25, momentum: 0.9 });
    // 2⁻¹³ squared is below the smallest f16; 0.001 of it is well inside bf16, whose exponents are those of f32.
    p.grad = keep(tensor([2 ** -13, 1, -1, 0, 4], { dtype }));
    adam.step();
    sgd.step();
    for (const optimizer of [adam, sgd]) for (const t of momentsOf(optimizer)) assertEquals(t.dtype, want);
    const [average, squares] = await Promise.all(momentsOf(adam).map((t) => t.data()));
    const near = want === "bf16" ? 2 ** -8 : 2 ** -22;
    for (const [i, g] of [2 ** -13, 1, -1, 0, 4].entries()) {
      assertEquals(Math.abs(average[i] - 0.1 * g) <= near * Math.abs(0.1 * g), true, `${dtype} ${average[i]}`);
      assertEquals(Math.abs(squares[i] - 0.001 * g * g) <= near * 0.002 * g * g, true, `${dtype} ${squares[i]}`);
    }
    // The sign of the gradient times the rate, in the first step: also where its square is tiny.
    const moved = await p.data();
    assertEquals(Math.abs(moved[0] - 0.75) < 0.01, true, `${dtype} ${moved[0]}`);
    p.grad!.dispose();
    p.grad = null;
  }
});

gpuTest("a state in f32 is loaded into the parameter's type, and goes on", async () => {
  const wide = tensor([[1, 2], [3, 4]], { dtype: "f32", requiresGrad: true });
  const narrow = tensor([[1, 2], [3, 4]], { dtype: "bf16", requiresGrad: true });
  using from = new Adam([wide]);
  using to = new Adam([narrow]);
  wide.grad = keep(tensor([[1, 2], [3, 4]], { dtype: "f32" }));
  narrow.grad = keep(tensor([[1, 2], [3, 4]], { dtype: "bf16" }));
  from.step();
  to.loadStateDict(from.stateDict());
  assertEquals(momentsOf(to).map((t) => t.dtype), ["bf16", "bf16"]);
  to.step();
  assertEquals(await (to.stateDict().state[0].step as Tensor).item(), 2);
  // What is written with functions keeps f32.
  using muon = new Muon([narrow]);
  muon.step();
  assertEquals(momentsOf(muon).map((t) => t.dtype), ["f32"]);
  for (const optimizer of [from, to]) optimizer.zeroGrad();
});
