import { type DType, isFloat, isHalf } from "../../tensor/dtype.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { zeros } from "../elementwise/constants.ts";
import { family } from "../_family.ts";
import { launch } from "../_run.ts";
import { normPartials, normTotal } from "../_wgsl.ts";

/** How the elements' magnitudes become one number, as WGSL. */
interface Kind {
  /** Type of four accumulators, and of a partial result. */
  readonly acc: string;
  readonly part: string;
  /** Four elements `v` as accumulators. */
  readonly term: string;
  /** Two accumulators or partial results `a` and `b` as one. */
  readonly combine: string;
  /** Four accumulators `v` as one. */
  readonly fold: string;
  /** The result of a total `v`. */
  readonly finish: string;
}

function kindOf(p: number): Kind {
  const sum = { acc: "vec4f", part: "f32", combine: "a + b", fold: "(v.x + v.y) + (v.z + v.w)" };
  switch (p) {
    case 2:
      return { ...sum, term: "v * v", finish: "sqrt(v)" };
    case 1:
      return { ...sum, term: "abs(v)", finish: "v" };
    case Infinity:
      // Bits of magnitudes are ordered like the magnitudes, with NaN above infinity.
      return {
        acc: "vec4u",
        part: "u32",
        term: "bitcast<vec4u>(v) & vec4u(0x7fffffffu)",
        combine: "max(a, b)",
        fold: "max(max(v.x, v.y), max(v.z, v.w))",
        finish: "bitcast<f32>(v)",
      };
    default:
      return { ...sum, term: "pow(abs(v), vec4f(params.exponent))", finish: "pow(v, 1.0 / params.exponent)" };
  }
}

/** A run of tensors of one type that one dispatch reads. */
interface Batch {
  readonly dtype: DType;
  readonly tensors: Tensor[];
}

/**
 * The norm of all elements of several tensors together, (Σ |x|^p)^(1/p), in f32. Four tensors are read by one dispatch, and
 * sums are taken in a fixed order. It is for gradients: nothing is recorded for differentiation.
 *
 * @param tensors Floating-point tensors of any shapes
 * @param p The exponent, above 0; `Infinity` gives the largest magnitude
 * @returns The norm, a tensor without axes; 0 for no elements, NaN if an element is NaN
 * @throws {RangeError} If the exponent is not above 0
 * @throws {TypeError} If a tensor is not floating-point
 *
 * @example
 * ```ts
 * import { gradNorm, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const norm = gradNorm([tensor([3], { dtype: "f32" }), tensor([0, 4], { dtype: "f32" })]);
 * console.log(await norm.item()); // 5
 * ```
 */
export function gradNorm(tensors: readonly Tensor[], p: number = 2): Tensor {
  if (!(p > 0)) throw new RangeError(`Cannot compute gradNorm: the exponent must be above 0, got ${p}`);
  for (const { dtype } of tensors) {
    if (!isFloat(dtype)) throw new TypeError(`Cannot compute gradNorm: elements must be floating-point, got ${dtype}`);
  }
  const filled = tensors.filter((t) => t.numel > 0);
  if (filled.length === 0) return zeros([]);
  const kind = kindOf(p);
  const shares = new Map(filled.map((t) => [t, sharesOf(t.numel)]));
  const count = filled.reduce((n, t) => n + shares.get(t)!, 0);
  const partials = new Tensor({ shape: [count], storage: new Storage(count, "f32", "gradNorm"), scoped: false });
  let first = 0;
  for (const { dtype, tensors } of batchesOf(filled)) {
    const [x0, x1 = x0, x2 = x0, x3 = x0] = tensors;
    const ends: number[] = [];
    for (let i = 0; i < 4; i++) ends.push((ends[i - 1] ?? 0) + (i < tensors.length ? shares.get(tensors[i])! : 0));
    const half = isHalf(dtype);
    launch(
      normPartials,
      { x0, x1, x2, x3, partials },
      { lengths: tensors.map((t) => t.numel), ends, first, exponent: p },
      Math.ceil(ends[3] / 64),
      {
        aliases: { Quad: half ? "vec2u" : "vec4f", Acc: kind.acc, Part: kind.part },
        functions: {
          ...(half
            ? { load: `fn load(q: Quad) -> vec4f { return vec4f(unpack_${dtype}(q.x), unpack_${dtype}(q.y)); }` }
            : {}),
          term: `fn term(v: vec4f) -> Acc { return ${kind.term}; }`,
          combine: `fn combine(a: Acc, b: Acc) -> Acc { return ${kind.combine}; }`,
          fold: `fn fold(v: Acc) -> Part { return ${kind.fold}; }`,
        },
      },
    );
    first += ends[3];
  }
  const total = new Tensor({ shape: [], storage: new Storage(1, "f32", "gradNorm") });
  launch(normTotal, { partials, total }, { count, exponent: p }, [1, 1, 1], {
    aliases: { Part: kind.part },
    functions: {
      combine: `fn combine(a: Part, b: Part) -> Part { return ${kind.combine}; }`,
      finish: `fn finish(v: Part) -> f32 { return ${kind.finish}; }`,
    },
  });
  partials.dispose();
  return total;
}

/** Shares of a tensor: enough for the device to be busy, each of some length. */
function sharesOf(numel: number): number {
  const most = family() === "lanes" ? 256 : 8192;
  return Math.max(1, Math.min(most, Math.floor(numel / 256)));
}

/** Tensors of one type, four at a time. */
function batchesOf(tensors: readonly Tensor[]): Batch[] {
  const batches: Batch[] = [];
  const open = new Map<DType, Batch>();
  for (const t of tensors) {
    let batch = open.get(t.dtype);
    if (batch === undefined || batch.tensors.length === 4) {
      batches.push(batch = { dtype: t.dtype, tensors: [] });
      open.set(t.dtype, batch);
    }
    batch.tensors.push(t);
  }
  return batches;
}
