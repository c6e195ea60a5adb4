import { assertEquals, assertThrows } from "@std/assert";
import {
  add,
  cat,
  chunk,
  clone,
  copyInto,
  diagonal,
  type DType,
  expand,
  flatten,
  flip,
  grad,
  matmul,
  movedim,
  mT,
  mul,
  narrow,
  noGrad,
  pad,
  permute,
  repeat,
  repeatInterleave,
  reshape,
  roll,
  select,
  ShapeError,
  slice,
  split,
  squeeze,
  stack,
  sum,
  t,
  type Tensor,
  tensor,
  to,
  tril,
  triu,
  unbind,
  unflatten,
  unsqueeze,
  zeros,
} from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { at, build, type NDArray, permute as permuteReference, type Random, random } from "../../testing/reference.ts";

/** A random operation on a shape: ours, and the same on the host. */
interface Step {
  name: string;
  run(x: Tensor): Tensor;
  reference(x: NDArray): NDArray;
}

const wrapped = (i: number, n: number) => ((i % n) + n) % n;

/** The place that a padded place reads, or −1. */
function source(mode: string, p: number, n: number): number {
  if (p >= 0 && p < n) return p;
  if (mode === "replicate") return p < 0 ? 0 : n - 1;
  if (mode === "circular") return wrapped(p, n);
  if (mode === "reflect") return p < 0 ? -p : 2 * (n - 1) - p;
  return -1;
}

/** An axis replaced: result places `size`, each reading a place of x (or none). */
function along(x: NDArray, axis: number, size: number, from: (i: number) => number): NDArray {
  return build(x.shape.map((n, i) => i === axis ? size : n), (index) => {
    const place = from(index[axis]);
    return place < 0 ? 0 : at(x, index.map((i, k) => k === axis ? place : i));
  });
}

function joined(parts: NDArray[], axis: number): NDArray {
  const starts: number[] = [];
  const size = parts.reduce((sum, part) => (starts.push(sum), sum + part.shape[axis]), 0);
  return build(parts[0].shape.map((n, i) => i === axis ? size : n), (index) => {
    let k = starts.length - 1;
    while (starts[k] > index[axis] || parts[k].shape[axis] === 0) k--;
    return at(parts[k], index.map((i, d) => d === axis ? i - starts[k] : i));
  });
}

/** Draws an operation that fits the shape. */
function draw(shape: readonly number[], { below, uniform }: Random): Step {
  const rank = shape.length, axis = below(rank), n = shape[axis];
  const dim = uniform() < 0.5 ? axis : axis - rank;
  const resized = (x: NDArray, to: readonly number[]): NDArray => ({ shape: to, data: x.data });
  const kinds: (() => Step)[] = [
    () => {
      const start = below(n + 3) - 1, end = below(2 * n + 3) - n, step = 1 + below(3);
      const clamp = (i: number) => Math.min(Math.max(i < 0 ? i + n : i, 0), n);
      const size = Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
      return {
        name: `slice(${dim}, ${start}:${end}:${step})`,
        run: (x) => slice(x, { dim, start, end, step }),
        reference: (x) => along(x, axis, size, (i) => clamp(start) + i * step),
      };
    },
    () => {
      const dims = shape.map((_, i) => i);
      for (let i = rank - 1; i > 0; i--) {
        const j = below(i + 1);
        [dims[i], dims[j]] = [dims[j], dims[i]];
      }
      return {
        name: `permute(${dims})`,
        run: (x) => permute(x, dims),
        reference: (x) => permuteReference(x, dims),
      };
    },
    () => {
      const dims = shape.map((_, i) => i).filter(() => uniform() < 0.5);
      return {
        name: `flip(${dims})`,
        run: (x) => flip(x, dims),
        reference: (x) => dims.reduce((y, d) => along(y, d, shape[d], (i) => shape[d] - 1 - i), x),
      };
    },
    () => {
      const length = below(n + 1), start = below(n - length + 1);
      return {
        name: `narrow(${dim}, ${start}, ${length})`,
        run: (x) => narrow(x, { dim, start, length }),
        reference: (x) => along(x, axis, length, (i) => start + i),
      };
    },
    () => {
      const shift = below(11) - 5;
      return {
        name: `roll(${shift}, ${dim})`,
        run: (x) => roll(x, shift, { dims: dim }),
        reference: (x) => along(x, axis, n, (i) => wrapped(i - shift, n)),
      };
    },
    () => {
      const [before, after] = [below(6) - 2, below(6) - 2].map((p) => Math.max(p, -Math.floor(n / 2)));
      const list = shape.slice(axis).flatMap((_, k) => k === shape.length - axis - 1 ? [before, after] : [0, 0]);
      return {
        name: `pad(${list})`,
        run: (x) => pad(x, list),
        reference: (x) => along(x, axis, n + before + after, (i) => source("constant", i - before, n)),
      };
    },
    () => {
      const mode = (["reflect", "replicate", "circular"] as const)[below(3)];
      const most = n === 0 ? 0 : mode === "reflect" ? n : n + 1;
      const before = below(Math.max(most, 1)), after = below(Math.max(most, 1));
      const list = shape.slice(axis).flatMap((_, k) => k === shape.length - axis - 1 ? [before, after] : [0, 0]);
      return {
        name: `pad(${list}, ${mode})`,
        run: (x) => pad(x, list, { mode }),
        reference: (x) => along(x, axis, n + before + after, (i) => source(mode, i - before, n)),
      };
    },
    () => {
      const repeats = shape.map(() => 1 + below(3));
      return {
        name: `repeat(${repeats})`,
        run: (x) => repeat(x, repeats),
        reference: (x) => repeats.reduce((y, r, d) => along(y, d, shape[d] * r, (i) => i % shape[d]), x),
      };
    },
    () => {
      const repeats = 1 + below(3);
      return {
        name: `repeatInterleave(${repeats}, ${dim})`,
        run: (x) => repeatInterleave(x, repeats, { dim }),
        reference: (x) => along(x, axis, n * repeats, (i) => Math.floor(i / repeats)),
      };
    },
    () => {
      const k = below(7) - 3, lower = uniform() < 0.5;
      if (rank < 2) return kinds[0]();
      return {
        name: `${lower ? "tril" : "triu"}(${k})`,
        run: (x) => (lower ? tril : triu)(x, { diagonal: k }),
        reference: (x) =>
          build(x.shape, (index) => {
            const off = index[rank - 1] - index[rank - 2];
            return (lower ? off <= k : off >= k) ? at(x, index) : 0;
          }),
      };
    },
    () => {
      const sizes: number[] = [];
      for (let rest = n; rest > 0 || sizes.length === 0;) {
        sizes.push(Math.min(rest, below(4)));
        rest -= sizes.at(-1)!;
        if (rest === 0) break;
      }
      const order = sizes.map((_, i) => i).reverse();
      const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
      return {
        name: `cat of split(${sizes}) backwards along ${dim}`,
        run: (x) => {
          const parts = split(x, sizes, { dim });
          return cat(order.map((i) => parts[i]), { dim });
        },
        reference: (x) => joined(order.map((i) => along(x, axis, sizes[i], (k) => starts[i] + k)), axis),
      };
    },
    () => {
      const place = below(rank + 1);
      return {
        name: `stack(x, flip(x), ${place})`,
        run: (x) => stack([x, flip(x, axis)], { dim: place }),
        reference: (x) => {
          const around = [...shape.slice(0, place), 1, ...shape.slice(place)];
          const mirrored = along(x, axis, n, (i) => n - 1 - i);
          return joined([resized(x, around), resized(mirrored, around)], place);
        },
      };
    },
    () => {
      if (rank < 2) return kinds[1]();
      const offset = below(5) - 2, [first, second] = [0, rank - 1];
      const [rows, columns] = [shape[first], shape[second]];
      const length = Math.max(0, Math.min(rows + Math.min(offset, 0), columns - Math.max(offset, 0)));
      return {
        name: `diagonal(${offset})`,
        run: (x) => diagonal(x, { offset, dim1: first, dim2: second }),
        reference: (x) =>
          build([...shape.slice(1, -1), length], (index) => {
            const k = index[rank - 2];
            return at(x, [k - Math.min(offset, 0), ...index.slice(0, -1), k + Math.max(offset, 0)]);
          }),
      };
    },
    () => {
      if (n === 0) return kinds[0]();
      const index = below(n), rest = shape.filter((_, i) => i !== axis);
      return {
        name: `select(${dim}, ${index})`,
        run: (x) => select(x, { dim, index }),
        reference: (x) => resized(along(x, axis, 1, () => index), rest),
      };
    },
    () => {
      if (n === 0) return kinds[0]();
      const rest = shape.filter((_, i) => i !== axis);
      return {
        name: `last of unbind(${dim})`,
        run: (x) => unbind(x, { dim }).at(-1)!,
        reference: (x) => resized(along(x, axis, 1, () => n - 1), rest),
      };
    },
    () => {
      const size = 1 + below(3);
      return {
        name: `expand(${size}, …)`,
        run: (x) => expand(unsqueeze(x, 1), [shape[0], size, ...shape.slice(1)]),
        reference: (x) => build([shape[0], size, ...shape.slice(1)], (i) => at(x, [i[0], ...i.slice(2)])),
      };
    },
  ];
  return kinds[below(kinds.length)]();
}

/** A chain of operations on a drawn tensor of small whole numbers, which all types hold exactly. */
function drawCase(draws: Random): { steps: Step[]; x: NDArray; want: NDArray } {
  const shape = Array.from({ length: 1 + draws.below(3) }, () => draws.below(draws.below(8) === 0 ? 30 : 6));
  const x = build(shape, () => draws.below(15) - 7);
  let want = x;
  const steps: Step[] = [];
  for (let k = 1 + draws.below(3); k > 0 && want.shape.length > 0 && want.data.length < 4000; k--) {
    const step = draw(want.shape, draws);
    steps.push(step);
    want = step.reference(want);
  }
  return { steps, x, want };
}

const upload = ({ shape, data }: NDArray, dtype: DType, requiresGrad = false) =>
  tensor(Float32Array.from(data), { shape, dtype, requiresGrad });

/** Reads many tensors at once: flattened, joined, in one copy. */
async function readAll(tensors: readonly Tensor[]): Promise<number[][]> {
  const flat = tensors.map((t) => to(reshape(t.detach(), [t.numel]), "f32"));
  const all = await cat(flat).data();
  let from = 0;
  return tensors.map((t) => Array.from(all.subarray(from, from += t.numel)));
}

gpuTest("layout: 200 random chains of views, pads and joins equal the same on the host, in every type", async () => {
  const draws = random(2024);
  const dtypes: DType[] = ["f32", "i32", "f16", "bf16", "u32", "bool"];
  const cases = Array.from({ length: 200 }, (_, i) => {
    const { steps, x, want } = drawCase(draws);
    const dtype = dtypes[i % dtypes.length];
    const cast = (v: number) => dtype === "bool" ? Number(v !== 0) : dtype === "u32" ? Math.abs(v) : v;
    const y = steps.reduce((y, step) => step.run(y), upload({ ...x, data: x.data.map(cast) }, dtype));
    return { label: `${dtype} [${x.shape}] ${steps.map(({ name }) => name).join(" → ")}`, y, want, cast };
  });
  const read = await readAll(cases.map(({ y }) => y));
  cases.forEach(({ label, y, want, cast }, i) => {
    assertEquals([...y.shape], [...want.shape], label);
    assertEquals(read[i], Array.from(want.data, (v) => cast(v)), label);
  });
});

gpuTest("layout: gradients of 120 random chains are their transposes, and differentiate again", async () => {
  const draws = random(7);
  const small = (shape: readonly number[]) => build(shape, () => draws.below(7) - 3);
  const cases = Array.from({ length: 120 }, () => {
    const { steps, x, want } = drawCase(draws);
    const v = small(want.shape), w = small(x.shape);
    const input = upload(x, "f32", true), weights = upload(v, "f32", true);
    const y = steps.reduce((y, step) => step.run(y), input);
    const [g] = grad([y], [input], { gradOutputs: [weights], createGraph: true });
    const [again] = g!.requiresGrad ? grad([sum(mul(g!, upload(w, "f32")))], [weights]) : [null];
    return {
      label: `[${x.shape}] ${steps.map(({ name }) => name).join(" → ")}`,
      g: g!,
      again: again ?? upload(v, "f32"),
      scalar: v.data.reduce((s, c, i) => s + c * want.data[i], 0),
      x,
      want: again === null ? v : steps.reduce((y, step) => step.reference(y), w),
    };
  });
  const read = await readAll(cases.flatMap(({ g, again }) => [g, again]));
  cases.forEach(({ label, g, scalar, x, want }, i) => {
    assertEquals([...g.shape], [...x.shape], label);
    // ⟨Aᵀv, x⟩ = ⟨v, Ax⟩: whole numbers, so there is no rounding.
    assertEquals(read[2 * i].reduce((s, c, k) => s + c * x.data[k], 0), scalar, `gradient of ${label}`);
    assertEquals(read[2 * i + 1].map((c) => c + 0), Array.from(want.data, (c) => c + 0), `second gradient of ${label}`);
  });
});

gpuTest("layout: views of views are free inside a chain", async (device) => {
  const x = tensor(Float32Array.from({ length: 24 }, (_, i) => i), { shape: [4, 6] });
  const before = device.recorder.counts.dispatches;
  const left = slice(mT(x), { dim: 0, start: 1 }), right = mT(flip(slice(x, { dim: 1, end: 5 }), 0));
  const deep = flip(select(split(expand(unsqueeze(x, 0), [2, 4, 6]), [2, 4], { dim: 2 })[1], { dim: 0, index: 1 }), [
    0,
    1,
  ]);
  const [y, z] = await Promise.all([mul(left, right).array(), mul(deep, 2).array()]);
  assertEquals(device.recorder.counts.dispatches - before, 2);
  const at = (r: number, c: number) => 6 * r + c;
  assertEquals(
    y,
    Array.from({ length: 5 }, (_, i) => Array.from({ length: 4 }, (_, j) => at(j, i + 1) * at(3 - j, i))),
  );
  assertEquals(z, Array.from({ length: 4 }, (_, i) => Array.from({ length: 4 }, (_, j) => 2 * at(3 - i, 5 - j))));
});

gpuTest("layout: splits give their gradients one concatenation", async (device) => {
  const x = tensor(Float32Array.from({ length: 24 }, (_, i) => i), { shape: [4, 6], requiresGrad: true });
  const dispatches = () => device.recorder.counts.dispatches;
  const [a, b, c] = chunk(x, 3, { dim: 1 });
  const z = mul(mul(a, b), c);
  await z.data();
  const before = dispatches();
  const [g] = grad([z], [x], { gradOutputs: [z] });
  assertEquals((await g!.data()).length, 24);
  assertEquals(dispatches() - before, 4, "three products and a concatenation");
});

gpuTest("layout: negative axes, empty tensors, tensors without axes", async () => {
  const x = tensor([[0, 1, 2], [3, 4, 5]]);
  assertEquals(flatten(tensor(1)).shape, [1]);
  assertEquals(unflatten(x, -1, [3, 1]).shape, [2, 3, 1]);
  assertEquals(squeeze(tensor([[[5]]])).shape, []);
  assertEquals(squeeze(tensor([[[5]]]), { dim: [0, -1] }).shape, [1]);
  assertEquals(movedim(x, 0, -1).shape, [3, 2]);
  assertEquals(await t(x).array(), await mT(x).array());
  assertEquals(split(slice(x, { end: 0 }), 4).map((part) => part.shape), [[0, 3]]);
  assertEquals(chunk(slice(x, { end: 0 }), 2).map((part) => part.shape), [[0, 3], [0, 3]]);
  assertEquals(cat([tensor(new Float32Array(0)), to(x, "f32")]).shape, [2, 3]);
  assertEquals(await stack([tensor(1), tensor(2)]).array(), [1, 2]);
  assertEquals(await permute(tensor(3), []).array(), 3);
  assertEquals(await roll(x, [1, 1], { dims: [0, -1] }).array(), [[5, 3, 4], [2, 0, 1]]);
  assertEquals(await cat([x, to(x, "f32")], { dim: 1 }).array(), [[0, 1, 2, 0, 1, 2], [3, 4, 5, 3, 4, 5]]);
});

gpuTest("layout: what does not fit is refused with the operation, the rule and the values", () => {
  const x = tensor([[0, 1, 2], [3, 4, 5]]);
  assertThrows(() => reshape(x, [4, -1]), ShapeError, "[2, 3] and [4, -1]");
  assertThrows(() => reshape(x, [-1, -1]), ShapeError);
  assertThrows(() => reshape(slice(x, { end: 0 }), [-1, 0]), ShapeError);
  assertThrows(() => cat([x, reshape(x, [3, 2])]), ShapeError, "Cannot join in cat: all axes but 0 must be equal");
  assertThrows(() => stack([x, reshape(x, [3, 2])]), ShapeError, "[2, 3] and [3, 2]");
  assertThrows(() => stack([]), ShapeError, "1 or more tensors, got 0");
  assertThrows(() => split(x, [1, 1], { dim: 1 }), ShapeError, "must add up to the axis");
  assertThrows(() => split(x, 0), RangeError, "whole number from 1 on, got 0");
  assertThrows(() => chunk(x, 0), RangeError, "got 0");
  assertThrows(() => slice(x, { step: 0 }), RangeError, "step must be a whole number from 1 on, got 0");
  assertThrows(() => slice(tensor(1)), ShapeError, "at least one axis");
  assertThrows(() => narrow(x, { dim: 1, start: 2, length: 2 }), RangeError, "got start 2 and length 2");
  assertThrows(() => select(x, { dim: 0, index: 2 }), RangeError, "has 2 places, got 2");
  assertThrows(() => permute(x, [0, 0]), RangeError, "each of the 2 axes must appear once");
  assertThrows(() => expand(x, [4, 3]), ShapeError, "only axes of size 1");
  assertThrows(() => pad(x, [1]), ShapeError, "two whole numbers for each of the last axes");
  assertThrows(() => pad(x, [-2, -2]), ShapeError, "no axis can get shorter than nothing");
  assertThrows(() => pad(x, [3, 0], { mode: "reflect" }), ShapeError, "less padding");
  assertThrows(() => pad(x, [4, 0], { mode: "circular" }), ShapeError, "at least as many places");
  assertThrows(() => repeat(x, [2]), ShapeError, "for shape [2, 3]");
  assertThrows(() => tril(tensor([1])), ShapeError, "at least two axes");
  assertThrows(() => diagonal(tensor([1])), ShapeError, "at least two axes");
  assertThrows(() => unflatten(x, 1, [2, -1]), ShapeError, "product of the sizes");
  assertThrows(() => roll(x, [1, 2], { dims: 0 }), RangeError, "for each of the 1 axes");
  assertThrows(() => unsqueeze(x, 3), RangeError, "from -3 to 2");
});

gpuTest("a clone keeps what a tensor was, of every type, and passes gradients", async () => {
  for (const dtype of ["f32", "f16", "bf16", "i32", "u32", "bool"] as const) {
    const x = to(tensor([[1, 0, 1], [0, 1, 1]]), dtype), before = clone(x), later = add(clone(x), x);
    copyInto(x, 0);
    assertEquals((await before.array() as number[][]).flat().map(Number), [1, 0, 1, 0, 1, 1], dtype);
    if (dtype !== "bool") assertEquals((await later.array() as number[][]).flat().map(Number), [2, 0, 2, 0, 2, 2]);
    assertEquals([...await x.data()].map(Number), [0, 0, 0, 0, 0, 0]);
  }
  // A product reads through views, also later.
  const w = tensor([[1, 2], [3, 4]], { dtype: "f32", requiresGrad: true }), kept = clone(w);
  const product = matmul(kept, kept);
  noGrad(() => copyInto(w, 0));
  assertEquals(await product.array(), [[7, 10], [15, 22]]);
  assertEquals(await matmul(kept, kept).array(), [[7, 10], [15, 22]]);
  const x = tensor([1, 2], { dtype: "f32", requiresGrad: true });
  assertEquals([...await grad(sum(mul(clone(x), 3)), x)[0]!.data()], [3, 3]);
  assertEquals(clone(zeros([0, 2])).shape, [0, 2]);
});
