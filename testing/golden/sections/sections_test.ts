/**
 * Every section must see what is wrong: rows of the real fixtures pass, and fail when one number in them is changed.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gpuTest } from "../../gpu.ts";
import { readSuites, type Row, type Suite } from "../format.ts";
import type { Result } from "../report.ts";
import type { Section } from "../section.ts";
import { facts } from "./facts.ts";
import { optim } from "./optim.ts";
import { schedulers } from "./schedulers.ts";
import { training } from "./training.ts";

const FOLDER = new URL("../../../tests/golden/", import.meta.url).pathname;

/** Runs one row, by id, after a change. */
async function run(
  section: Section,
  folder: string,
  id: string,
  change: (row: Row) => void = () => {},
): Promise<Result> {
  for (const suite of await readSuites(`${FOLDER}${folder}`)) {
    const row = suite.rows.find((row) => row.id === id && section.accepts(row, suite));
    if (row === undefined) continue;
    const copy = structuredClone(row);
    change(copy);
    const changed: Suite = { ...suite, rows: [copy] };
    return (await section.run(changed.rows, changed))[0];
  }
  throw new RangeError(`Cannot find row ${id}`);
}

const options = (row: Row) => row.options as Row;

gpuTest("optim: trajectories pass and a changed option, loss or state is seen", async () => {
  assertEquals((await run(optim, "optim", "sgd-momentum")).outcome, "passed");
  const momentum = await run(optim, "optim", "sgd-momentum", (row) => options(row).momentum = 0.899);
  assertStringIncludes(momentum.detail!, "w1 by stored gradients [step, …] [");
  assertStringIncludes(momentum.detail!, "w1 by autograd");
  assertStringIncludes(momentum.detail!, "state momentumBuffer of w1");
  const loss = await run(optim, "optim", "sgd", (row) => (row.losses as number[])[7] *= 1.0005);
  assertStringIncludes(loss.detail!, "loss of step 7");
  const groups = await run(optim, "optim", "adam-groups", (row) => (row.groups as Row[])[1].lr = 0.006);
  assertStringIncludes(groups.detail!, "b1 by stored gradients");
  const skipped = await run(optim, "optim", "adam-skipped", (row) => (row.withoutGrad as Row).b2 = [3, 4]);
  assertStringIncludes(skipped.detail!, "b2 by stored gradients");
  const steps = await run(optim, "optim", "adam", (row) => ((row.state as Row).w1 as Row).step = 24);
  assertStringIncludes(steps.detail!, "state step of w1");
  assertEquals((await run(optim, "optim", "sgd", (row) => row.optimizer = "Never")).detail, "optim.Never");
});

gpuTest("optim: clipping passes and a changed norm, limit or refusal is seen", async () => {
  assertEquals((await run(optim, "optim", "norm-above")).outcome, "passed");
  const norm = await run(optim, "optim", "norm-above", (row) => row.totalNorm = Number(row.totalNorm) * 1.0001);
  assertStringIncludes(norm.detail!, "total norm");
  const limit = await run(optim, "optim", "value", (row) => options(row).clipValue = 0.41);
  assertStringIncludes(limit.detail!, "gradient 0");
  const refusal = await run(optim, "optim", "norm-above", (row) => row.error = true);
  assertEquals(refusal.detail, "must throw");
});

gpuTest("schedulers: rates, momenta and the state of a plateau are seen", async () => {
  assertEquals((await run(schedulers, "schedulers", "sequential")).outcome, "passed");
  const rates = await run(schedulers, "schedulers", "sequential", (row) => (row.lrs as number[][])[31][0] += 1e-9);
  assertStringIncludes(rates.detail!, "rates after 31 steps");
  const momenta = await run(schedulers, "schedulers", "onecycle", (row) => (row.momenta as number[][])[9][0] += 1e-8);
  assertStringIncludes(momenta.detail!, "momenta after 9 steps");
  const plateau = await run(
    schedulers,
    "schedulers",
    "plateau",
    (row) => (row.plateau as Row[])[20].numBadEpochs = 99,
  );
  assertStringIncludes(plateau.detail!, "numBadEpochs after 20 steps");
  const formula = await run(schedulers, "schedulers", "lambda", (row) => options(row).lrLambda = "0.94 ** epoch");
  assertStringIncludes(formula.detail!, "rates after 1 steps");
  const parts = await run(schedulers, "schedulers", "chained", (row) => (row.parts as Row[])[1].scheduler = "NeverLR");
  assertEquals(parts.detail, "optim.NeverLR");
});

gpuTest("training: a run passes, and a changed rate, window, loss, norm or weight is seen", async () => {
  const id = "accumulate-fixed";
  assertEquals(await run(training, "training", id), { section: "training", id, outcome: "passed" });
  const rate = await run(training, "training", id, (row) => ((row.optimizer as Row).options as Row).lr = 0.201);
  for (const part of ["loss of batch", "gradient norm of step", "rates of step 0", "final fc1.weight"]) {
    assertStringIncludes(rate.detail!, part);
  }
  const window = await run(training, "training", id, (row) => row.divideBy = "window");
  assertStringIncludes(window.detail!, "the first 10)");
  const clip = await run(training, "training", id, (row) => row.clipNorm = 0.3);
  assertStringIncludes(clip.detail!, "loss of batch");
  const evaluation = await run(training, "training", id, (row) => row.evalAccuracy = Number(row.evalAccuracy) + 0.01);
  assertStringIncludes(evaluation.detail!, "evaluation accuracy");
  const probe = await run(training, "training", id, (row) => (row.probe as Row).start = "probe/end");
  assertStringIncludes(probe.detail!, "probe at the start");
});

gpuTest("training: the model is built from what the run says", async () => {
  const id = "accumulate-fixed";
  const other = await run(training, "training", id, (row) => row.architecture = "fc1 64->32, tanh, fc2 32->10.");
  assertStringIncludes(other.detail!, "probe at the start");
  const unknown = await run(training, "training", id, (row) => row.architecture = "fc1 64->32, Warp, fc2 32->10.");
  assertEquals([unknown.outcome, unknown.detail], ["skipped", `architecture step "Warp"`]);
  const names = await run(
    training,
    "training",
    id,
    (row) => (row.stateDict as Row[]).push(["fc3.weight", [1]] as never),
  );
  assertStringIncludes(names.detail!, "Cannot load accumulate-fixed");
});

gpuTest("facts: layers, initialisers and dropout are held to their distributions", async () => {
  const suite = (await readSuites(`${FOLDER}ops`)).find(({ name }) => name === "facts")!;
  const check = async (kind: string, key: string, value: string, change: (row: Row) => void) => {
    const row = suite.rows.find((row) => row.kind === kind && row[key] === value)!;
    const [right, wrong] = [structuredClone(row), structuredClone(row)];
    change(wrong);
    const results = await facts.run([right, wrong], { ...suite, rows: [right, wrong] });
    assertEquals(results.map(({ outcome }) => outcome), ["passed", "failed"], results[0].detail);
    return results[1].detail!;
  };
  const init = (row: Row, name: string) => (row.init as Row)[name] as Row;
  assert((await check("layer", "class", "Linear", (row) => init(row, "weight").high = 0.1)).includes("weight mean"));
  assert((await check("layer", "class", "Linear", (row) => row.parameters = ["weight"])).includes("parameters"));
  assert((await check("layer", "class", "Conv2d", (row) => (row.stateDict as Row[]).pop())).includes("stateDict"));
  assert((await check("initialiser", "name", "kaimingNormal", (row) => row.std = 0.3)).includes("deviation"));
  assert((await check("initialiser", "name", "orthogonal", (row) => row.gain = 1.1)).includes("orthogonal"));
  assert((await check("dropout", "op", "dropout", (row) => row.keptFraction = 0.6)).includes("keeps"));
});
