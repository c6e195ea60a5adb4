/** Finds what a fixture names in the library: ops, layers, optimizers, by the names that users import. */
import * as fulgurite from "../../mod.ts";
import * as metrics from "../../metrics/mod.ts";
import * as nn from "../../nn/mod.ts";
import * as optim from "../../optim/mod.ts";
import { Missing } from "./report.ts";

/** A function whose arguments come from a fixture. */
export type Callable = (...args: unknown[]) => unknown;

/** A class whose arguments come from a fixture; what it makes is described by the caller. */
export type Constructor<T> = new (...args: unknown[]) => T;

const modules = { fulgurite, metrics, nn, optim } as const satisfies Record<string, object>;

/** The modules that names are looked up in. */
export type ModuleName = keyof typeof modules;

/** What a module exports under a name, or undefined. */
export function find(module: ModuleName, name: string): unknown {
  const exports: Record<string, unknown> = modules[module];
  return Object.hasOwn(exports, name) ? exports[name] : undefined;
}

/** The op of a name: an exported function, or else a method of tensors. */
export function findOp(name: string): Callable {
  const op = find("fulgurite", name) ?? find("nn", name);
  if (typeof op === "function") return op as Callable;
  const method: unknown = Reflect.get(fulgurite.Tensor.prototype, name);
  if (typeof method === "function") return (self, ...rest) => Reflect.apply(method, self, rest);
  throw new Missing(`op ${name}`);
}

/** A function that a module exports. */
export function findFunction(module: ModuleName, name: string): Callable {
  const found = find(module, name);
  if (typeof found !== "function") throw new Missing(`${module}.${name}`);
  return found as Callable;
}

/** A class that a module exports. `T` is what the caller knows of its instances. */
export function findClass<T>(module: ModuleName, name: string): Constructor<T> {
  return findFunction(module, name) as unknown as Constructor<T>;
}
