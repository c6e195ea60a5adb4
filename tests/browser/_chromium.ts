/** Tests in a real Chromium: finds it, starts it for a test, and holds its console to silence. */
import { assertEquals } from "@std/assert";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { env } from "../../platform/mod.ts";
import { findChromium } from "../../tools/setup/chromium.ts";

/** What headless Chromium needs to compute on the processor, and to leave the network alone. */
const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Lets Chromium offer WebGPU on SwiftShader, its software adapter. */
const WEBGPU = "--enable-unsafe-webgpu";

/** Milliseconds to wait for anything: two busy cores compile and train slowly. */
const PATIENCE = 120_000;

const chromiumPath = await findChromium();

/** What a test in a browser gets. */
export interface BrowserTest {
  /** The browser, started for this test alone. */
  browser: Browser;
  /** A context of it; tests that want another window, colour scheme or language make their own. */
  context: BrowserContext;
  /** A page whose console must stay free of warnings and errors. */
  page: Page;
  /** What warnings and errors the page's console has shown so far; a test that expects some empties it. */
  complaints: string[];
}

/** How a test starts its browser. */
export interface BrowserTestOptions {
  /** Whether the browser offers a WebGPU adapter; default true. */
  webgpu?: boolean;
  /** More flags for Chromium. */
  flags?: readonly string[];
}

/**
 * A test in a Chromium of its own. Without one it is reported as skipped with the reason; where one is promised (`CI`
 * is set, or `FULGURITE_CHROMIUM` names one) it fails.
 */
export function browserTest(
  name: string,
  fn: (test: BrowserTest) => Promise<void>,
  { webgpu = true, flags = [] }: BrowserTestOptions = {},
): void {
  const promised = Boolean(env("CI"));
  const missing = chromiumPath === null;
  Deno.test({
    name: missing ? `${name} (no Chromium is installed; install one, or name one in FULGURITE_CHROMIUM)` : name,
    ignore: missing && !promised,
    async fn() {
      if (chromiumPath === null) throw new Error("Cannot test in a browser: CI promises a Chromium, none was found");
      const browser = await chromium.launch({
        executablePath: chromiumPath,
        args: [...FLAGS, ...webgpu ? [WEBGPU] : [], ...flags],
      });
      try {
        const context = await browser.newContext();
        const page = await context.newPage();
        page.setDefaultTimeout(PATIENCE);
        const complaints: string[] = [];
        page.on("console", (message) => {
          const type = message.type();
          if (type === "warning" || type === "error" || type === "assert") {
            complaints.push(`${type}: ${message.text()}`);
          }
        });
        page.on("pageerror", (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
        await fn({ browser, context, page, complaints });
        assertEquals(complaints, [], "the page's console must stay free of warnings and errors");
      } finally {
        await browser.close();
      }
    },
  });
}

/** Serves on a free port of this machine while `fn` runs. */
export async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  fn: (origin: string) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  try {
    await fn(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}
