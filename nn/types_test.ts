/** What must compile, and what must not: the types of modules. */
import { assertEquals } from "@std/assert";
import type { Tensor } from "../mod.ts";
import { type Linear, Module, ModuleDict, ModuleList, type MultiheadAttention, Sequential } from "./mod.ts";

/** Types in `extends` may be left out. */
class Plain extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Several inputs, and a result of one's own. */
class Pair extends Module<[a: Tensor, b: number], { sum: Tensor }> {
  forward(a: Tensor, b: number): { sum: Tensor } {
    return { sum: b > 0 ? a : a };
  }
}

class Wrong extends Module<[x: Tensor], Tensor> {
  // @ts-expect-error forward must take what the class says
  forward(x: string): string {
    return x;
  }
}

function compiles(x: Tensor, linear: Linear, attention: MultiheadAttention): void {
  const model: Module = new Sequential(new Plain(), linear);
  const list: Module[] = [model, new Pair(), attention, new ModuleList([linear]), new ModuleDict({ a: new Pair() })];
  const y: Tensor = new Plain().forward(x);
  const { sum }: { sum: Tensor } = new Pair().forward(y, 1);
  const [mixed]: [Tensor, Tensor | null] = attention.forward(sum, x, x);
  const features: number = new ModuleList([linear]).at(0)!.outFeatures;
  // @ts-expect-error a pair is no layer of a sequence
  new Sequential(new Pair());
  // @ts-expect-error a layer takes tensors
  linear.forward("x");
  void [list, mixed, features];
}

Deno.test("types of modules are what the classes say", () => {
  assertEquals([compiles.length, Wrong.name], [3, "Wrong"]);
});
