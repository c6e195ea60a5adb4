// The page of examples/browser as a person uses it.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { buildSite, handler } from "../../examples/browser/serve.ts";
import { env, joinPath } from "../../platform/mod.ts";
import { browserTest, withServer } from "./_chromium.ts";

const site = await buildSite();
const serve = handler(site);

/** What an element of the page says. */
const textOf = async (page: Page, id: string) => await page.locator(`#${id}`).textContent() ?? "";

/** Waits until an element's text matches. */
async function waitForText(page: Page, id: string, pattern: RegExp): Promise<void> {
  await page.locator(`#${id}`).filter({ hasText: pattern }).waitFor();
}

/** Clicks Train, on 1,000 images. */
async function startTraining(page: Page, batchSize: number): Promise<void> {
  await page.locator("[name=images]").selectOption("1000");
  await page.locator("[name=batchSize]").selectOption(String(batchSize));
  await page.locator("#start").click();
}

/**
 * Waits until the curve's line is seen: pixels of its colour, which nothing else on the canvas has. They are read from
 * a copy made for reading, since Chromium warns of a canvas for drawing that is read again and again.
 */
async function waitForCurve(page: Page): Promise<void> {
  await page.waitForFunction(`(() => {
    const curve = document.querySelector("#curve");
    const copy = new OffscreenCanvas(curve.width, curve.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(curve, 0, 0);
    const { data } = copy.getImageData(0, 0, curve.width, curve.height);
    let coloured = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 100 && data[i] - data[i + 2] > 100) coloured++;
    return coloured > 100;
  })()`);
}

/** Keeps a picture of the page where `FULGURITE_SCREENSHOTS` names a folder, for people to look at. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = env("FULGURITE_SCREENSHOTS");
  if (folder) await page.screenshot({ path: joinPath(folder, `${name}.png`), fullPage: true });
}

browserTest("the page trains, shows how it goes, stops when asked, and trains to the end", async ({ page }) => {
  await withServer(serve, async (origin) => {
    await page.goto(origin);
    await waitForText(page, "adapter", /\w/);

    await startTraining(page, 32);
    assert(await page.locator("#start").isDisabled());
    await waitForText(page, "status", /^Step \d+ of 32/);
    const first = Number(/\d+/.exec(await textOf(page, "status")));
    await waitForText(page, "status", new RegExp(`^Step (?!${first} )\\d+ of 32`));
    await waitForText(page, "loss", /^\d\.\d+$/);
    await waitForText(page, "speed", /steps\/s$/);
    await waitForCurve(page);
    await page.locator("#stop").click();
    await waitForText(page, "status", /^Stopped after \d+ steps/);
    const steps = Number(/\d+/.exec(await textOf(page, "status")));
    assert(steps > first && steps < 32, `training must end early, it made ${steps} steps`);
    assertEquals(await textOf(page, "accuracy"), "–");
    assertEquals(await page.locator("#digits figure").count(), 24);

    await startTraining(page, 256);
    await waitForText(page, "status", /^Done: 4 steps/);
    const accuracy = Number(/^(\d+\.\d\d) %$/.exec(await textOf(page, "accuracy"))?.[1]);
    assert(accuracy > 20 && accuracy <= 100, `four steps must teach something, accuracy is ${accuracy} %`);
    assert(await page.locator("#start").isEnabled() && await page.locator("#stop").isDisabled());
    assert(await page.locator("#error").isHidden());
    await picture(page, "light");
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 360, height: 780 });
    assertEquals(
      await page.evaluate<boolean>("document.documentElement.scrollWidth <= innerWidth"),
      true,
      "a narrow window must hold the page",
    );
    await picture(page, "dark-and-narrow");
  });
});

browserTest("the page goes on with a new device after its device is lost", async ({ page, browser, complaints }) => {
  await withServer(serve, async (origin) => {
    await page.goto(origin);
    await startTraining(page, 32);
    await waitForText(page, "status", /^Step [2-9] of 32/);
    const devtools = await browser.newBrowserCDPSession();
    await devtools.send("Browser.crashGpuProcess");
    await page.locator("#error").waitFor();
    assertMatch(await textOf(page, "error"), /^DeviceLostError: The device is lost/);
    await page.waitForFunction(`!document.querySelector("#curve").getContext("2d").isContextLost()`);
    await picture(page, "device-lost");
    // Chromium's own note of the loss.
    assertEquals(complaints.splice(0), ["warning: A valid external Instance reference no longer exists."]);

    await startTraining(page, 32);
    await waitForText(page, "loss", /^\d\.\d+$/);
    assert(await page.locator("#error").isHidden());
    await page.locator("#stop").click();
    await waitForText(page, "status", /^Stopped after \d+ steps/);
  });
});

browserTest("the page says so where the browser has no WebGPU", async ({ page }) => {
  await withServer(serve, async (origin) => {
    // Neither https nor localhost: browsers offer no WebGPU there.
    await page.goto(origin.replace("127.0.0.1", "digits.example"));
    await page.locator("#error").waitFor();
    const error = await textOf(page, "error");
    assertStringIncludes(error, "NoAdapterError: Cannot open a WebGPU device");
    assertStringIncludes(error, "no navigator.gpu");
    assertStringIncludes(error, "over https or on localhost");
    await picture(page, "no-webgpu");
  });
}, { flags: ["--host-resolver-rules=MAP digits.example 127.0.0.1"] });

browserTest("the page says so where the browser refuses an adapter", async ({ page, complaints }) => {
  await withServer(serve, async (origin) => {
    await page.goto(origin);
    await page.locator("#error").waitFor();
    assertStringIncludes(await textOf(page, "error"), "NoAdapterError: Cannot open a WebGPU device");
    assertStringIncludes(await textOf(page, "error"), "browser: no adapter");
    await page.locator("#start").click();
    await page.locator("#start:enabled").waitFor();
    assert(await page.locator("#error").isVisible());
    // Chromium's own note, once for each request.
    assertEquals(new Set(complaints.splice(0)), new Set(["warning: No available adapters."]));
  });
}, { webgpu: false });

browserTest("the page says so when the digits cannot be fetched", async ({ page, complaints }) => {
  await withServer(handler({ ...site, dataFolder: "/nowhere" }), async (origin) => {
    await page.goto(origin);
    await startTraining(page, 256);
    await page.locator("#error").waitFor();
    assertMatch(await textOf(page, "error"), /^Error: Cannot fetch t\S+: the server answered 404$/);
    // Chromium's own note about each file.
    assert(complaints.splice(0).every((text) => text.includes("Failed to load resource")));
  });
});
