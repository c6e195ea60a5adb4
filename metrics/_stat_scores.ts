import {
  arange,
  countInto,
  eq,
  gather,
  gt,
  logicalAnd,
  logicalNot,
  logicalOr,
  lt,
  ne,
  reshape,
  sub,
  sum,
  to,
  where,
  zeros,
} from "../kernels/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { unsqueeze } from "../ops/mod.ts";
import { add, argmax } from "../kernels/mod.ts";
import { averaged, type Counts } from "./_average.ts";
import {
  allButSecond,
  binaryInputs,
  checkLabels,
  checkScores,
  classes,
  counted,
  flat,
  floats,
  labels,
  multilabelInputs,
  positives,
  rowsOfScores,
} from "./_inputs.ts";
import { Metric } from "./metric.ts";
import { type ResolvedTask, resolveTask, type Task, type TaskRules } from "./task.ts";

/**
 * What metrics of right and wrong decisions have in common: true and false positives and false negatives of each class,
 * counted in whole numbers on the device.
 */
export abstract class StatScoresMetric extends Metric<[preds: Tensor, target: Tensor]> {
  /** The task, with its defaults. */
  protected readonly task: ResolvedTask;

  /**
   * Makes the metric.
   *
   * @param options The task
   * @param rules What the metric allows
   */
  constructor(options: Task, rules: TaskRules = {}) {
    super(options);
    this.task = resolveTask(this.constructor.name, options, rules);
    const { task, size } = this.task;
    for (const name of ["tp", "fp", "fn"]) this.addState(name, () => zeros([size], { dtype: "i32" }), "sum");
    this.addState("total", () => zeros([task === "multilabel" ? size : 1], { dtype: "i32" }), "sum");
  }

  /** Metrics of one task share their counts. */
  override get stateKey(): string {
    const { average: _, ...task } = this.task;
    return `statScores ${JSON.stringify(task)}`;
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    if (this.task.task === "multiclass") this.#countClasses(preds, target);
    else this.#countDecisions(preds, target);
  }

  #countClasses(preds: Tensor, target: Tensor): void {
    const { ignoreIndex } = this.task;
    const { guess, truth } = this.#classes(preds, target);
    const valid = counted(truth, ignoreIndex);
    const right = eq(guess, truth), wrong = ne(guess, truth);
    const among = (t: Tensor) => valid === null ? t : logicalAnd(t, valid);
    countInto(this.state("tp"), where(among(right), truth, -1));
    countInto(this.state("fp"), where(among(wrong), guess, -1));
    countInto(this.state("fn"), where(among(wrong), truth, -1));
    this.join("total", valid === null ? zeros([1], { dtype: "i32" }).add(truth.numel) : sum(valid));
  }

  /** The class that counts as predicted: with `topK` the target, where it is among the best. */
  #classes(preds: Tensor, target: Tensor): { guess: Tensor; truth: Tensor } {
    const { size, topK, ignoreIndex } = this.task, name = this.constructor.name;
    if (topK === 1) {
      const found = classes(name, preds, target, size, ignoreIndex);
      return { guess: found.preds, truth: found.target };
    }
    checkScores(name, preds, target, size);
    checkLabels(name, "target", target, size, ignoreIndex);
    const truth = flat(labels(name, "target", target)), scores = floats(rowsOfScores(preds));
    const valid = counted(truth, ignoreIndex);
    const place = unsqueeze(valid === null ? truth : where(valid, truth, 0), 1);
    const own = gather(scores, place, { dim: 1 });
    const before = logicalAnd(eq(scores, own), lt(arange(0, size, 1, { dtype: "i32" }), place));
    const rank = sum(logicalOr(gt(scores, own), before), { dim: 1 });
    return { guess: where(lt(rank, topK), truth, argmax(scores, { dim: 1 })), truth };
  }

  #countDecisions(preds: Tensor, target: Tensor): void {
    const { task, size, threshold, ignoreIndex } = this.task, name = this.constructor.name;
    const inputs = task === "binary"
      ? binaryInputs(name, preds, target, ignoreIndex)
      : multilabelInputs(name, preds, target, size, ignoreIndex);
    const valid = counted(inputs.target, ignoreIndex);
    const yes = positives(inputs, threshold), truth = eq(inputs.target, 1);
    const count = (t: Tensor) => {
      const kept = valid === null ? t : logicalAnd(t, valid);
      return task === "binary" ? reshape(sum(kept), [1]) : sum(kept, { dim: allButSecond(kept) });
    };
    this.join("tp", count(logicalAnd(yes, truth)));
    this.join("fp", count(logicalAnd(yes, logicalNot(truth))));
    this.join("fn", count(logicalAnd(logicalNot(yes), truth)));
    this.join("total", valid === null ? zeros([1], { dtype: "i32" }).add(truth.numel / size) : count(valid));
  }

  /** The counts, in all or by class. */
  protected counts(summed: boolean): Counts {
    const [tp, fp, fn] = ["tp", "fp", "fn"].map((name) => this.state(name));
    const tn = sub(this.state("total"), add(add(tp, fp), fn));
    const read = (t: Tensor) => to(summed ? sum(t) : t, "f32");
    return { tp: read(tp), fp: read(fp), tn: read(tn), fn: read(fn) };
  }

  /** The score of counts, element by element. */
  protected abstract score(counts: Counts): Tensor;

  /** The value. */
  protected override result(): Tensor {
    const { task, average, topK } = this.task;
    if (task === "binary" || average === "micro") return this.score(this.counts(true));
    const counts = this.counts(false), { tp, fp, fn } = counts;
    const present = task === "multilabel" ? null : ne(topK === 1 ? add(add(tp, fp), fn) : add(tp, fn), 0);
    return averaged(this.score(counts), average, counts, present);
  }
}
