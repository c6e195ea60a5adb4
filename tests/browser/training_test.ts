// The MNIST example trains in a page as it does headless.
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { prepareMnist } from "../../data/mod.ts";
import { bundle, handler } from "../../examples/browser/serve.ts";
import { browserTest, withServer } from "./_chromium.ts";
import { type TrainingReport, trainSteps } from "./_training.ts";

const [program, dataFolder] = await Promise.all([bundle(new URL("_training.ts", import.meta.url)), prepareMnist()]);
const serve = handler({
  page: `<!doctype html><title>Fulgurite</title><link rel="icon" href="data:,">`,
  program,
  dataFolder,
});

const STEPS = 12;

/**
 * How far losses of two adapters may lie apart, as a share of the loss. Another adapter, or another family of kernels,
 * sums in another order: sums of n terms differ by about √n · 2⁻²⁴ of their size. In the forward pass n is at most 400,
 * which makes 1.2e-6; in weight gradients it is up to 25,088 (9e-6), but they reach the loss times the learning rate
 * only. Each step hands its error on to the next: 2e-5 allows twelve steps of 1.2e-6 and some. Seen were 7e-8 between
 * SwiftShader and Mesa's lavapipe, and as little between the kernels for processors and those for GPUs; another seed is
 * 2e-2 apart.
 */
const TOLERANCE = 2e-5;

const apart = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((loss, i) => Math.abs(loss - b[i]) / Math.abs(b[i])));

browserTest(`${STEPS} training steps in Chromium give the losses of the headless run`, async ({ page }) => {
  await withServer(serve, async (origin) => {
    await page.goto(origin);
    const inPage = await page.evaluate<TrainingReport>(
      `import("/main.js").then(({ trainSteps }) => trainSteps("${origin}", { steps: ${STEPS}, seed: 1 }))`,
    );
    const headless = await trainSteps(origin, { steps: STEPS, seed: 1 });
    const otherSeed = await trainSteps(origin, { steps: STEPS, seed: 2 });
    for (const { adapter, losses, milliseconds } of [inPage, headless]) {
      console.log(`${adapter}: ${STEPS} steps in ${(milliseconds / 1000).toFixed(1)} s, last loss ${losses.at(-1)}`);
    }
    assertEquals(inPage.losses.length, STEPS);
    assertEquals(headless.losses.length, STEPS);
    assertNotEquals(inPage.adapter, "");
    assert(inPage.losses[STEPS - 1] < 0.95 * inPage.losses[0], `the losses fall, they are ${inPage.losses}`);
    const error = apart(inPage.losses, headless.losses);
    assert(error <= TOLERANCE, `losses are ${error} apart: ${inPage.losses} in the page, ${headless.losses} headless`);
    assert(apart(otherSeed.losses, headless.losses) > 100 * TOLERANCE, "another seed must be seen");
  });
});
