/** The contract test of an op: one case list, checked against a reference in f64. */
import { assertEquals } from "@std/assert";
import { grad, scope, type Tensor, tensor } from "../mod.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import { describeMismatch, worstMismatch } from "./golden/compare.ts";
import { gpuTest } from "./gpu.ts";
import {
  caseName,
  derivativeTolerance,
  drawInput,
  fullInput,
  type InputSpec,
  type OpCase,
  type OpSpec,
  roundTo,
  valueTolerance,
} from "./op_spec.ts";
import { dot, type NDArray, type Random, random, seedOf } from "./reference.ts";

export * from "./op_spec.ts";

/** An input of a case, drawn. */
interface Drawn {
  spec: InputSpec;
  dtype: DType;
  value: NDArray;
  grad: boolean;
}

/**
 * Registers the contract test of an op, one test per type: shapes and values against the reference, and gradients by
 * random directional derivatives against central differences of the reference.
 *
 * @param spec The op, its reference and its cases
 */
export function testOp<A>(spec: OpSpec<A>): void {
  for (const dtype of spec.dtypes ?? ["f32"]) {
    const cases = spec.cases.filter(({ large }) => dtype === "f32" || !large);
    gpuTest(`${spec.name}: ${cases.length} cases in ${dtype} against the f64 reference`, async () => {
      const wrong: string[] = [];
      for (const entry of cases) {
        const found = await scope(() => runCase(spec, entry, dtype));
        wrong.push(...found.map((what) => `${caseName(entry)}: ${what}`));
      }
      if (wrong.length > 0) throw new Error(`Cannot accept ${spec.name} in ${dtype}:\n  ${wrong.join("\n  ")}`);
    });
  }
}

const list = <T>(value: T | readonly T[]): readonly T[] => Array.isArray(value) ? value : [value as T];

/** Runs one case in one type; returns what is wrong. */
export async function runCase<A>(
  spec: OpSpec<A>,
  entry: OpCase<A>,
  dtype: "f32" | "f16" | "bf16",
): Promise<string[]> {
  const draws = random(seedOf(`${spec.name} ${caseName(entry)}`));
  const attrs = entry.attrs as A;
  const wantsGrad = (spec.grad ?? true) && !entry.large && !entry.noGrad &&
    (spec.gradDtypes ?? spec.dtypes ?? ["f32"]).includes(dtype);
  const inputs: Drawn[] = entry.inputs.map((input) => {
    const full = fullInput(input);
    const type = full.dtype ?? dtype;
    const value = drawInput(full, type, spec.draw ?? "normal", draws);
    return { spec: full, dtype: type, value, grad: wantsGrad && (full.grad ?? isFloat(type)) };
  });
  const want = list(spec.reference(inputs.map(({ value }) => value), attrs));
  const given = inputs.map((input) =>
    tensor(hostData(input.value.data, input.dtype), {
      dtype: input.dtype,
      shape: [...input.value.shape],
      requiresGrad: input.grad,
    })
  );
  const outputs = list(spec.run(given, attrs));
  assertEquals(outputs.length, want.length, `${spec.name} must give as many outputs as its reference`);
  const wrong = await compareValues(spec, outputs, want);
  if (wrong.length === 0 && inputs.some((input) => input.grad)) {
    wrong.push(...await compareDerivatives(spec, attrs, inputs, given, outputs, want, dtype, draws));
  }
  return wrong;
}

/** Elements for `tensor()`. */
function hostData(data: Float64Array, dtype: DType): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  return dtype === "i32" ? Int32Array.from(data) : Float32Array.from(data);
}

async function compareValues<A>(
  spec: OpSpec<A>,
  outputs: readonly Tensor[],
  want: readonly NDArray[],
): Promise<string[]> {
  const read = await Promise.all(outputs.map((output) => output.data()));
  return outputs.flatMap((output, i) => {
    const { shape, data } = want[i];
    if (output.shape.join() !== shape.join()) {
      return `output ${i} has shape [${output.shape.join(", ")}], the reference [${shape.join(", ")}]`;
    }
    const tolerance = spec.tolerance?.[output.dtype] ?? valueTolerance(output.dtype, data);
    const worst = worstMismatch(read[i], data, tolerance);
    return worst === undefined ? [] : `output ${i} ${describeMismatch(worst, shape)}`;
  });
}

/** Step of the central differences: the cube root of the f64 epsilon, where rounding and truncation balance. */
const STEP = 6e-6;

async function compareDerivatives<A>(
  spec: OpSpec<A>,
  attrs: A,
  inputs: Drawn[],
  given: Tensor[],
  outputs: readonly Tensor[],
  want: readonly NDArray[],
  dtype: DType,
  draws: Random,
): Promise<string[]> {
  const smooth = outputs.map((output, i) => ({ output, i })).filter(({ output }) => output.requiresGrad);
  const named = inputs.map((input, i) => ({ input, i })).filter(({ input }) => input.grad);
  // An op without a gradient shows itself here, and not by passing.
  if (smooth.length === 0) return ["no output requires gradients, although inputs do"];
  const weights = want.map(({ data }, i) => roundTo(outputs[i].dtype, data.map(() => draws.normal())));
  const gradOutputs = smooth.map(({ output, i }) =>
    tensor(Float32Array.from(weights[i]), { dtype: output.dtype, shape: [...output.shape] })
  );
  const grads = grad(smooth.map(({ output }) => output), named.map(({ i }) => given[i]), {
    gradOutputs,
    allowUnused: true,
  });
  const read = await Promise.all(grads.map((g) => g === null ? null : g.data()));
  const objective = (values: NDArray[]) => {
    const results = list(spec.reference(values, attrs));
    return smooth.reduce((sum, { i }) => sum + dot(results[i].data, weights[i]), 0);
  };
  return named.flatMap(({ input, i }, k) => {
    const label = `gradient of input ${i}`;
    const g = read[k] ?? new Float32Array(input.value.data.length);
    const shape = grads[k]?.shape ?? input.value.shape;
    if (shape.join() !== input.value.shape.join()) return `${label} has shape [${shape.join(", ")}]`;
    if (g.length === 0) return [];
    const direction = input.value.data.map(() => draws.normal());
    const moved = (step: number) =>
      inputs.map(({ value }, j) =>
        j === i ? { shape: value.shape, data: value.data.map((x, e) => x + step * direction[e]) } : value
      );
    const expected = (objective(moved(STEP)) - objective(moved(-STEP))) / (2 * STEP);
    const got = dot(g, direction);
    const allowed = derivativeTolerance(dtype, g, direction);
    if (Math.abs(got - expected) <= allowed) return [];
    return `${label}: derivative along a random direction is ${got}, the reference's ${expected} ± ${allowed}`;
  });
}
