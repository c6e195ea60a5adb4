/** Optimizer trajectories, gradient clipping, the loss scaler and averaged weights. */
import {
  add,
  backward,
  matmul,
  mean,
  mul,
  neg,
  scope,
  sub,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../../mod.ts";
import { averagedModel } from "../averages.ts";
import { elementsOf, toDevice } from "../checks.ts";
import { describeMismatch, type Tolerance, worstMismatch } from "../compare.ts";
import { beside, type Json, number, readTensors, type Row, stackEntry, type Suite, type Tensors } from "../format.ts";
import { findClass, findFunction, findOp } from "../library.ts";
import { makeOptimizer, type OptimizerLike } from "../optimizers.ts";
import { Missing, type Result, resultOf } from "../report.ts";
import type { Section } from "../section.ts";

/** Returns what is wrong with a row. */
type Runner = (row: Row, tensors: Tensors, suite: Suite) => Promise<string[]>;

const RUNNERS: Record<string, Runner> = { trajectory, clipGradNorm, clipGradValue, gradScaler, averagedModel };

/** Rows about optimizers. */
export const optim: Section = {
  name: "optim",
  accepts: (row, suite) => typeof row.kind === "string" && (Object.hasOwn(RUNNERS, row.kind) || suite.name === "optim"),
  async run(rows, suite) {
    const tensors = await readTensors(beside(suite.path, String(suite.header.tensors)));
    const results: Result[] = [];
    for (const row of rows) {
      const id = String(row.id);
      try {
        const runner = RUNNERS[String(row.kind)];
        if (runner === undefined) throw new Missing(`optim ${row.kind}`);
        const wrong = await scope(() => runner(row, tensors, suite));
        results.push({
          section: "optim",
          id,
          ...wrong.length === 0 ? { outcome: "passed" } : { outcome: "failed", detail: wrong.join("\n") },
        });
      } catch (error) {
        results.push(resultOf("optim", id, error));
      }
    }
    return results;
  },
};

/** Says what is wrong with values, as a list of at most one line. */
function differ(
  label: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  shape: readonly number[],
  tolerance: Tolerance,
): string[] {
  if (got.length !== want.length) return [`${label} has ${got.length} elements, want ${want.length}`];
  const worst = worstMismatch(got, want, tolerance);
  return worst === undefined ? [] : [`${label} ${describeMismatch(worst, shape)}`];
}

/** A trajectory row as far as it is read here. */
interface Trajectory {
  id: string;
  optimizer: string;
  options: Row;
  groups: ({ params: string[] } & Row)[];
  steps: number;
  losses: Json[];
  grads?: Record<string, string>;
  params: Record<string, string>;
  state?: Record<string, Record<string, Json>>;
  withoutGrad?: Record<string, number[]>;
  tolerance: Record<string, Tolerance>;
}

/** Runs a trajectory on the stored gradients, and on those of autograd. */
async function trajectory(json: Row, tensors: Tensors, suite: Suite): Promise<string[]> {
  const row = json as unknown as Trajectory;
  // Newton and Schulz's iteration in f32 differs from PyTorch's in bf16 by more than rounding, in both loops.
  const exact = row.tolerance.exactNewtonSchulz;
  const wrong: string[] = [];
  if (row.grads !== undefined && (row.tolerance.open ?? exact) !== undefined) {
    wrong.push(...await scope(() => follow(row, suite, tensors, exact ?? row.tolerance.open, row.grads)));
  }
  wrong.push(...await scope(() => follow(row, suite, tensors, exact ?? row.tolerance.closed)));
  return wrong;
}

/** Whether a group trains a parameter, and it has a gradient in this step. */
const hasGrad = (row: Trajectory, name: string, step: number) => !(row.withoutGrad?.[name]?.includes(step) ?? false);

async function follow(
  row: Trajectory,
  suite: Suite,
  tensors: Tensors,
  tolerance: Tolerance,
  grads?: Record<string, string>,
): Promise<string[]> {
  const start = suite.header.start as Record<string, string>;
  const params: Record<string, Tensor> = Object.fromEntries(
    Object.entries(start).map(([name, key]) => [name, toDevice(tensors(key), true)]),
  );
  const [x, y] = [suite.header.x, suite.header.y].map((key) => toDevice(tensors(String(key))));
  const groups = row.groups.map(({ params: names, ...options }) => ({
    ...options,
    params: names.map((name) => params[name]),
  }));
  const optimizer = makeOptimizer(row.optimizer, groups, row.options);
  try {
    return await followWith(optimizer, params, x, y, row, tensors, tolerance, grads);
  } finally {
    for (const p of Object.values(params)) dropGrad(p);
    optimizer.dispose();
  }
}

/** Steps an optimizer along a trajectory and compares what comes out. */
async function followWith(
  optimizer: OptimizerLike,
  params: Record<string, Tensor>,
  x: Tensor,
  y: Tensor,
  row: Trajectory,
  tensors: Tensors,
  tolerance: Tolerance,
  grads?: Record<string, string>,
): Promise<string[]> {
  const loop = grads === undefined ? "autograd" : "stored gradients";
  const trained = Object.keys(row.params);
  const sign = row.options.maximize === true ? -1 : 1;
  const losses: Promise<number>[] = [];
  const history: Promise<ArrayLike<number>[]>[] = [];
  for (let step = 0; step < row.steps; step++) {
    const closure = (): Tensor => {
      optimizer.zeroGrad();
      const loss = problemLoss(params, x, y, sign);
      backward(loss);
      return loss;
    };
    if (row.grads === undefined) {
      // Optimizers that call the closure themselves (several times a step) give the loss of the first call.
      const loss = await optimizer.step(closure) as Tensor;
      losses.push(loss.item());
    } else {
      scope(() => {
        if (grads === undefined) losses.push(closure().item());
        for (const name of Object.keys(params)) {
          const p = params[name];
          if (!hasGrad(row, name, step) || !(name in row.params)) dropGrad(p);
          else if (grads !== undefined) {
            dropGrad(p);
            p.grad = toDevice(stackEntry(tensors(grads[name]), step));
          }
        }
        optimizer.step();
      });
      if (grads !== undefined) { for (const p of Object.values(params)) p.grad = null; }
    }
    history.push(elementsOf(trained.map((name) => params[name])));
  }
  const read = await Promise.all(history);
  const wrong = trained.flatMap((name, k) => {
    const want = tensors(row.params[name]);
    const got = read.flatMap((step) => Array.from(step[k]));
    return differ(`${name} by ${loop} [step, …]`, got, want.values, want.shape, tolerance);
  });
  if (grads === undefined) wrong.push(...compareLosses(row, tensors, await Promise.all(losses), tolerance));
  if (grads !== undefined && row.state !== undefined) {
    wrong.push(...await compareState(row, tensors, optimizer, params, row.tolerance.open ?? tolerance));
  }
  return wrong;
}

/** Frees a gradient. */
function dropGrad(p: Tensor): void {
  p.grad?.dispose();
  p.grad = null;
}

/** mean((tanh(X·W1ᵀ + B1)·W2ᵀ + B2 − Y)²), or its negative. */
function problemLoss({ w1, b1, w2, b2 }: Record<string, Tensor>, x: Tensor, y: Tensor, sign: number): Tensor {
  const hidden = findOp("tanh")(add(matmul(x, transpose(w1, 0, 1)), b1)) as Tensor;
  const off = sub(add(matmul(hidden, transpose(w2, 0, 1)), b2), y);
  const loss = mean(mul(off, off));
  return sign < 0 ? neg(loss) : loss;
}

/**
 * Compares the losses of a closed loop. The fixtures bound parameters, not losses: parameters within the tolerance
 * change a loss by at most Σ |∂loss/∂p|·tolerance(p), to which the rounding of the loss itself is added.
 */
function compareLosses(row: Trajectory, tensors: Tensors, got: number[], tolerance: Tolerance): string[] {
  const want = row.losses.map(number);
  return got.flatMap((loss, step) => {
    let allowed = 1e-6 + 1e-5 * Math.abs(want[step]);
    for (const name of Object.keys(row.params)) {
      if (row.grads === undefined) {
        allowed += tolerance.atol;
        continue;
      }
      const g = stackEntry(tensors(row.grads[name]), step).values;
      const p = stackEntry(tensors(row.params[name]), Math.max(0, step - 1)).values;
      for (let i = 0; i < g.length; i++) {
        allowed += Math.abs(g[i]) * (tolerance.atol + tolerance.rtol * Math.abs(p[i]));
      }
    }
    return differ(`loss of step ${step}`, [loss], [want[step]], [], { rtol: 0, atol: allowed });
  });
}

/** The state of one parameter, by name. */
type ParamState = Record<string, unknown>;

/** Compares the final state of the optimizer with the stored one. */
async function compareState(
  row: Trajectory,
  tensors: Tensors,
  optimizer: OptimizerLike,
  params: Record<string, Tensor>,
  tolerance: Tolerance,
): Promise<string[]> {
  const { state } = optimizer.stateDict() as { state: Record<string, ParamState> };
  const order = optimizer.paramGroups.flatMap((group) => group.params);
  const wrong: string[] = [];
  for (const [name, wanted] of Object.entries(row.state!)) {
    const own = state[order.indexOf(params[name])] ?? {};
    for (const [key, entry] of Object.entries(wanted)) {
      const label = `state ${key} of ${name}`;
      const value = own[key];
      if (value === undefined) wrong.push(`${label} does not exist`);
      else if (typeof entry === "string" && entry.includes("/")) {
        const want = tensors(entry);
        wrong.push(...differ(label, await (value as Tensor).data(), want.values, want.shape, tolerance));
      } else {
        const got = typeof value === "number" ? value : await (value as Tensor).item();
        wrong.push(...differ(label, [got], [number(entry)], [], tolerance));
      }
    }
  }
  return wrong;
}

/** Parameters of zeros with the stored gradients. */
function withGrads(row: Row, tensors: Tensors): Tensor[] {
  return (row.before as string[]).map((key) => {
    const before = tensors(key);
    const p = toDevice({ ...before, values: new Float32Array(before.values.length) }, true);
    p.grad = toDevice(before);
    return p;
  });
}

/** Compares gradients after clipping. */
async function compareGrads(row: Row, tensors: Tensors, params: Tensor[]): Promise<string[]> {
  const tolerance = row.tolerance as unknown as Tolerance;
  const read = await Promise.all(params.map((p) => p.grad!.data()));
  return (row.after as string[]).flatMap((key, i) => {
    const want = tensors(key);
    return differ(`gradient ${i}`, read[i], want.values, want.shape, tolerance);
  });
}

async function clipGradNorm(row: Row, tensors: Tensors): Promise<string[]> {
  const clip = findFunction("optim", "clipGradNorm");
  const params = withGrads(row, tensors);
  const { maxNorm, normType, ...options } = row.options as Row;
  if (normType !== undefined) options.normType = number(normType);
  const total = async () => await (await clip(params, number(maxNorm), options) as Tensor).item();
  try {
    // That it throws is all that such a fixture says.
    if (row.error === true) return await total().then(() => ["must throw"], () => []);
    return [
      ...differ("total norm", [await total()], [number(row.totalNorm)], [], row.tolerance as unknown as Tolerance),
      ...await compareGrads(row, tensors, params),
    ];
  } finally {
    for (const p of params) dropGrad(p);
  }
}

async function clipGradValue(row: Row, tensors: Tensors): Promise<string[]> {
  const clip = findFunction("optim", "clipGradValue");
  const params = withGrads(row, tensors);
  try {
    clip(params, number((row.options as Row).clipValue));
    return await compareGrads(row, tensors, params);
  } finally {
    for (const p of params) dropGrad(p);
  }
}

/** What the runner needs of the loss scaler. */
interface ScalerLike {
  scale(loss: Tensor): Tensor;
  unscale(optimizer: OptimizerLike): void;
  step(optimizer: OptimizerLike): unknown;
  update(): void;
  getScale(): number | Promise<number>;
  stateDict(): Record<string, unknown> | Promise<Record<string, unknown>>;
  dispose(): void;
}

/** One weight, loss = w·(1 + step mod 3); the script says which steps see a non-finite gradient. */
async function gradScaler(row: Row): Promise<string[]> {
  const scaler = new (findClass<ScalerLike>("optim", "GradScaler"))(row.options);
  const tolerance = row.tolerance as unknown as Tolerance;
  const w = tensor([1], { dtype: "f32", requiresGrad: true });
  const optimizer = makeOptimizer("SGD", [w], { lr: row.lr, momentum: row.momentum });
  const wrong: string[] = [];
  const check = (label: string, got: number, want: Json) =>
    wrong.push(...differ(label, [got], [number(want)], [], tolerance));
  for (const [i, step] of (row.trace as Row[]).entries()) {
    optimizer.zeroGrad();
    check(`scale before step ${i}`, await scaler.getScale(), step.scaleBefore);
    backward(scaler.scale(mul(sum(w), 1 + i % 3)));
    if (step.what !== "ok") {
      dropGrad(w);
      w.grad = tensor([number(step.what)], { dtype: "f32" });
    }
    check(`gradient of step ${i}`, await w.grad!.item(), step.grad);
    if (row.unscaleFirst === true) scaler.unscale(optimizer);
    check(`gradient at step ${i}`, await w.grad!.item(), step.gradAtStep);
    await scaler.step(optimizer);
    scaler.update();
    check(`scale after step ${i}`, await scaler.getScale(), step.scaleAfter);
    check(`weight after step ${i}`, await w.item(), step.w);
  }
  const state = await scaler.stateDict();
  for (const [key, want] of Object.entries(row.stateDict as Row)) {
    const value = state[key];
    const got = typeof value === "object" && value !== null ? await (value as Tensor).item() : Number(value);
    check(`stateDict ${key}`, got, want);
  }
  dropGrad(w);
  optimizer.dispose();
  scaler.dispose();
  return wrong;
}
