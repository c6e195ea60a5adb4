/**
 * The recorded trainings in every 16-bit mode, against the f64 losses (in f32 the golden tests go through them, in
 * bands of their own). The long ones take their first batches here, and convolutions, whose kernels take long to
 * compile, each type in one mode; `deno task test:precision` goes through all of them in every mode to the end, and
 * compares the final weights on all data.
 *
 * The band comes from the number format. Storage rounds by at most u = 2⁻¹¹ (f16) or 2⁻⁸ (bf16), relative to the value.
 * What one step adds to the loss' error is thus some u times the loss at the start; errors of different steps have
 * nothing to do with each other and add up like a random walk, to √n of one step's: |loss − f64| ≤ k·u·√n·loss₀, and
 * k·u·√n of its own loss for the evaluation of the final weights. How strongly a run answers, k, belongs to the run.
 * The smooth ones (the ResNet with SiLU, the char-GPT, the LSTM, the accumulated steps) reach 0.85 in their losses and
 * 1.03 in an evaluation: 2 is allowed. Where units switch on and off, which no precision foresees, it is 3.2 and 5.3
 * (ReLU with Adam), 9.0 and 14.8 (max-pooling with momentum, in f16), with a scale or without one: 16 is allowed. What
 * breaks only small updates stays inside such a band, so the last test looks for that alone.
 */
import { assert, assertEquals } from "@std/assert";
import { copyInto, noGrad, to } from "../mod.ts";
import { Trainer } from "../trainer/mod.ts";
import { Precision, type PrecisionName } from "../trainer/precision.ts";
import { readSuites, type Row } from "../testing/golden/format.ts";
import { courseOf } from "../testing/golden/sections/training.ts";
import { gpuTest } from "../testing/gpu.ts";
import { constantBatches, quiet, Slope, trainerTest } from "../testing/trainer.ts";

const MODES: readonly (readonly [PrecisionName, number])[] = [
  ["16-mixed", 2 ** -11],
  ["bf16-mixed", 2 ** -8],
  ["16-true", 2 ** -11],
  ["bf16-true", 2 ** -8],
];
/** For networks of convolutions: each type once, mixed and true. */
const SHORT: readonly PrecisionName[] = ["bf16-mixed", "16-true"];
/** Runs whose units switch, and how far a run may be from f64, in u·√n·loss. */
const SWITCHING: readonly string[] = ["mlp", "lenet"];
const mostOf = (id: string) => SWITCHING.includes(id) ? 16 : 2;
const FOLDER = new URL("./golden/", import.meta.url).pathname;

/** Batches that a run takes here. */
const FIRST: Readonly<Record<string, number>> = {
  mlp: 100,
  "accumulate-fixed": 30,
  "accumulate-window": 30,
  lenet: 20,
  resnet: 8,
  chargpt: 8,
  lstm: 12,
};
const WHOLE = Deno.env.get("PRECISION_RUNS") === "whole";

for (const [id, first] of Object.entries(FIRST)) {
  const short = !WHOLE && (id === "lenet" || id === "resnet");
  for (const [mode, u] of MODES.filter(([mode]) => !short || SHORT.includes(mode))) {
    gpuTest(`${id} converges in ${mode}`, async () => {
      const suite = (await readSuites(FOLDER)).find((s) => s.name === "training")!;
      const row: Row = suite.rows.find((r) => r.id === id)!;
      const want = row.losses as number[], evalLoss = Number(row.evalLoss);
      const got = await courseOf(row, suite, new Precision(mode), WHOLE ? Infinity : first);
      let worst = 0;
      got.losses.forEach((loss, i) => {
        const band = mostOf(id) * u * Math.sqrt(i + 1) * want[0];
        assert(Math.abs(loss - want[i]) <= band, `loss ${i} is ${loss}, want ${want[i]} ± ${band}`);
        worst = Math.max(worst, Math.abs(loss - want[i]) / u);
      });
      if (WHOLE) {
        console.log(`${id} ${mode}: at most ${worst.toFixed(1)} u away, evaluation ${got.evalLoss} for ${evalLoss}`);
      }
      if (got.evalLoss === null) return;
      const band = mostOf(id) * u * Math.sqrt(want.length) * evalLoss;
      assert(Math.abs(got.evalLoss - evalLoss) <= band, `evaluation ${got.evalLoss}, want ${evalLoss} ± ${band}`);
    });
  }
}

trainerTest("mixed modes keep what is smaller than half a step of 16 bits, true modes cannot", async () => {
  const batches = new Array(64).fill(2 ** -13);
  const ends: Record<string, number> = {};
  for (const precision of ["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"] as const) {
    const module = new Slope({ start: 1 });
    await new Trainer({ ...quiet, maxEpochs: 1, precision }).fit(module, constantBatches(batches));
    ends[precision] = await module.value();
  }
  const sum = 1 - 64 * 2 ** -13;
  // 1 − 2⁻¹³ is nearer to 1 than to 1 − 2⁻¹¹, the next f16 below, and to 1 − 2⁻⁸, the next bf16.
  assertEquals(ends, { "32-true": sum, "16-mixed": sum, "bf16-mixed": sum, "16-true": 1, "bf16-true": 1 });

  // The same with master weights broken on purpose: rounded after every step, nothing is learned.
  class Rounded extends Slope {
    override onTrainBatchEnd(): void {
      noGrad(() => copyInto(this.weight, to(to(this.weight, "bf16"), "f32")));
    }
  }
  const broken = new Rounded({ start: 1 });
  await new Trainer({ ...quiet, maxEpochs: 1, precision: "bf16-mixed" }).fit(broken, constantBatches(batches));
  assertEquals(await broken.value(), 1);
});
