import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  cholesky,
  choleskySolve,
  eye,
  lstsq,
  matmul,
  mul,
  qr,
  randn,
  ShapeError,
  sub,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, type NDArray } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

/** Gram and Schmidt in f64, whose R has a positive diagonal, too. */
function orthogonalised(x: NDArray): [NDArray, NDArray] {
  const [m, n] = x.shape, rank = Math.min(m, n);
  const column = (j: number) => Array.from({ length: m }, (_, i) => at(x, [i, j]));
  const inner = (u: number[], v: number[]) => u.reduce((sum, a, i) => sum + a * v[i], 0);
  const q: number[][] = [];
  for (let j = 0; j < rank; j++) {
    let v = column(j);
    for (const u of q) {
      const share = inner(u, v);
      v = v.map((a, i) => a - share * u[i]);
    }
    const length = Math.sqrt(inner(v, v));
    q.push(v.map((a) => a / length));
  }
  return [build([m, rank], ([i, j]) => q[j][i]), build([rank, n], ([i, j]) => j < i ? 0 : inner(q[i], column(j)))];
}

testOp({
  name: "qr",
  run: ([x]) => qr(x),
  reference: ([x]) => orthogonalised(x),
  cases: [{ inputs: [[5, 3]] }, { inputs: [[3, 3]] }, { inputs: [[2, 4]] }, { inputs: [[4, 1]] }],
});

const distance = async (a: Tensor, b: Tensor) => Number(await sub(a, b).abs().amax().item());

gpuTest("columns that nearly depend on each other become orthogonal all the same", async () => {
  // Columns of a basis, of lengths from 1 to 10⁻⁵, mixed.
  const [basis] = qr(randn([40, 6])), [turn] = qr(randn([6, 6]));
  const lengths = tensor([1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5]);
  const x = matmul(mul(basis, lengths), turn);
  const [q, r] = qr(x);
  assert(await distance(matmul(transpose(q, 0, 1), q), eye(6)) < 1e-5);
  assert(await distance(matmul(q, r), x) < 1e-5);
  const stacked = randn([3, 7, 5]), [qs, rs] = qr(stacked);
  assert(await distance(matmul(qs, rs), stacked) < 1e-5);
  assertEquals(qr(zeros([4, 2], { dtype: "bf16" })).map(({ dtype }) => dtype), ["bf16", "bf16"]);
});

gpuTest("least squares, and systems by Cholesky's factor", async () => {
  const a = randn([30, 4]), x = randn([4, 2]);
  assert(await distance(lstsq(a, matmul(a, x)), x) < 1e-4);
  // What is left is orthogonal to the columns.
  const b = randn([30, 1]), rest = sub(b, matmul(a, lstsq(a, b)));
  assert(await distance(matmul(transpose(a, 0, 1), rest), zeros([4, 1])) < 1e-4);
  const spd = add(matmul(transpose(a, 0, 1), a), eye(4)), right = randn([4, 3]);
  for (const upper of [false, true]) {
    assert(await distance(matmul(spd, choleskySolve(right, cholesky(spd, { upper }), { upper })), right) < 1e-4);
  }
});

gpuTest("factors of what is no matrix are refused", () => {
  assertThrows(() => qr(zeros([3])), ShapeError, "it takes matrices");
  assertThrows(() => qr(zeros([3, 3], { dtype: "i32" })), TypeError, "floating-point");
  assertThrows(() => lstsq(zeros([2, 3]), zeros([2, 1])), ShapeError, "at least as many rows");
  return Promise.resolve();
});
