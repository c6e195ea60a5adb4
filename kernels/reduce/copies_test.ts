/** Reductions of what repeats: an expanded tensor, and a chain of operations on one, is reduced without its copies. */
import { assert, assertEquals } from "@std/assert";
import {
  add,
  all,
  amax,
  amin,
  any,
  expand,
  flatten,
  full,
  grad,
  mean,
  mul,
  prod,
  rand,
  std,
  sum,
  type Tensor,
  tensor,
  to,
  variance,
} from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { device } from "../../device/mod.ts";

/** Dispatches, and the most bytes beside what lived before. */
async function cost(fn: () => Tensor): Promise<{ y: number[]; dispatches: number; bytes: number }> {
  const { recorder, pool } = device();
  await device().sync();
  pool.resetPeak();
  const before = recorder.counts.dispatches, live = pool.report().liveBytes;
  const y = fn();
  void y.storage.buffer;
  const dispatches = recorder.counts.dispatches - before, bytes = pool.report().peakBytes - live;
  return { y: [...await flatten(y).data()].map(Number), dispatches, bytes };
}

/** The same reduction of a tensor that has been copied out. */
async function plainly(x: Tensor, reduce: (x: Tensor) => Tensor): Promise<number[]> {
  void x.storage.buffer;
  return [...await flatten(reduce(x)).data()].map(Number);
}

const numbers = [0.5, -1.25, 2, 3.75, -0.125, 6];
const reductions: Record<string, (x: Tensor, dim: number[]) => Tensor> = {
  sum: (x, dim) => sum(x, { dim }),
  mean: (x, dim) => mean(x, { dim }),
  amax: (x, dim) => amax(x, { dim, keepdim: true }),
  amin: (x, dim) => amin(x, { dim }),
  any: (x, dim) => any(x, { dim }),
  all: (x, dim) => all(x, { dim }),
  variance: (x, dim) => variance(x, { dim }),
  "variance of all there is": (x, dim) => variance(x, { dim, correction: 0, keepdim: true }),
  std: (x, dim) => std(x, { dim }),
  prod: (x, dim) => prod(x, { dim }),
};

gpuTest("an expanded tensor is reduced as if its copies were there", async () => {
  for (const [name, reduce] of Object.entries(reductions)) {
    for (const dtype of ["f32", "f16"] as const) {
      for (const dim of dtype === "f32" ? [[0], [1], [0, 1], [0, 2], [0, 1, 2]] : [[1], [2]]) {
        const x = tensor(numbers, { shape: [2, 1, 3], dtype });
        const wide = () => expand(x, [2, 4, 3]);
        const got = await flatten(reduce(wide(), dim)).data();
        const want = await plainly(wide(), (t) => reduce(t, dim));
        const close = want.every((w, i) => Math.abs(Number(got[i]) - w) <= 2e-6 * Math.abs(w));
        assert(close && got.length === want.length, `${name} of ${dtype} over ${dim}: ${[...got]}, want ${want}`);
      }
    }
  }
});

gpuTest("no copy is made, and no kernel runs over the copies", async () => {
  const row = tensor(numbers);
  void row.storage.buffer;
  const wide = () => expand(row, [100_000, 6]);
  const total = await cost(() => sum(wide()));
  assertEquals([total.y, total.dispatches], [[1_087_500], 1]);
  assert(total.bytes <= 1024, `${total.bytes} bytes`);
  const columns = await cost(() => sum(wide(), { dim: 0 }));
  assertEquals(columns.y, numbers.map((v) => v * 100_000));
  // Along the rows the copies are the result's own.
  const rows = await cost(() => mean(wide(), { dim: 1 }));
  assertEquals([rows.y.length, new Set(rows.y).size, rows.dispatches], [100_000, 1, 2]);
  assert(rows.bytes <= 4 * 100_000 * 1.5, `${rows.bytes} bytes`);
  const flat = await cost(() => amax(flatten(wide())));
  assertEquals([flat.y, flat.dispatches], [[6], 1]);
  const chain = await cost(() => sum(add(mul(wide(), 2), expand(tensor([1]), [100_000, 6]))));
  assertEquals(chain.y, [2 * 1_087_500 + 600_000]);
  assert(chain.bytes <= 2048, `${chain.bytes} bytes`);
  const constant = await cost(() => sum(full([1000, 1000], 0.5)));
  assertEquals(constant.y, [500_000]);
  assert(constant.bytes <= 1024, `${constant.bytes} bytes`);
});

gpuTest("whole numbers are counted exactly, also around their ends", async () => {
  const x = tensor([3, -5, 2 ** 30], { shape: [3, 1], dtype: "i32" });
  for (const dim of [[0], [1], [0, 1]]) {
    const wide = () => expand(x, [3, 7]);
    assertEquals([...await flatten(sum(wide(), { dim })).data()], await plainly(wide(), (t) => sum(t, { dim })));
  }
  const truth = tensor([true, false], { shape: [2, 1] });
  assertEquals([...await sum(expand(truth, [2, 1001]), { dim: 1 }).data()], [1001, 0]);
  const u = to(tensor([5], { dtype: "i32" }), "u32");
  assertEquals(await sum(expand(u, [2 ** 20])).item(), 5 * 2 ** 20);
});

gpuTest("what is drawn for each element, and axes of size 0, are no copies", async () => {
  const drawn = await amax(rand([4096])).item(), least = await amin(rand([4096])).item();
  assert(Number(drawn) > 0.9 && Number(least) < 0.1);
  assertEquals([...await sum(expand(tensor([[1], [2]]), [2, 0]), { dim: 1 }).data()], [0, 0]);
  assertEquals([...await sum(expand(tensor([1.5, 2]), [0, 2]), { dim: 0 }).data()], [0, 0]);
});

gpuTest("gradients go through, and a bias' gradient of a sum makes no copies", async () => {
  const x = tensor([1, 2, 3], { dtype: "f32", requiresGrad: true });
  const y = sum(mul(expand(x, [5, 3]), expand(x, [5, 3])));
  assertEquals([...await grad(y, x)[0]!.data()], [10, 20, 30]);
  const bias = tensor(numbers, { requiresGrad: true }), rows = tensor(new Float32Array(6 * 4096), { shape: [4096, 6] });
  void rows.storage.buffer;
  void bias.storage.buffer;
  const loss = sum(add(rows, bias));
  void loss.storage.buffer;
  const found = await cost(() => grad(loss, bias)[0]!);
  assertEquals(found.y, [4096, 4096, 4096, 4096, 4096, 4096]);
  assert(found.bytes <= 1024, `${found.bytes} bytes`);
});
