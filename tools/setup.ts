/**
 * Gets what is missing to train and to test on this machine: a WebGPU adapter, and for the tests a browser.
 *
 * It prints nothing and changes nothing when nothing is missing, so every task begins with it.
 *
 * @module
 */
import { swiftShaderEnv } from "../platform/software_vulkan.ts";
import { systemInfo, writeErr } from "../platform/mod.ts";
import { adviseHere } from "./setup/advice.ts";
import { canUseApt, installMesa } from "./setup/apt.ts";
import { type ChromiumResult, provideChromium } from "./setup/chromium.ts";
import { probe, type ProbeReport, usable } from "./setup/probe.ts";
import { unpackSwiftShader } from "./setup/swiftshader.ts";

/** Nothing could be done; the message says what a person can do. */
export class SetupError extends Error {
  /** The error's name. */
  override readonly name: string = "SetupError";
}

function announce(line: string): void {
  writeErr(`${line}\n`);
}

const text = (error: unknown) => error instanceof Error ? error.message : String(error);

function reasons(report: ProbeReport): string {
  return report.backends.map(({ backend, reason }) => `  ${backend}: ${reason}`).join("\n");
}

/** Whether SwiftShader, unpacked in the cache folder, computes; with the environment that it needs. */
async function askSwiftShader(): Promise<Record<string, string> | null> {
  const environment = await swiftShaderEnv();
  return environment && usable(await probe({ env: environment })) ? environment : null;
}

/**
 * Makes sure that a WebGPU adapter answers.
 *
 * An adapter that answers is taken as it is. Otherwise, as root where there is apt-get, Mesa's Vulkan drivers are
 * installed; where that is not possible or does not help, on Linux x64, SwiftShader is unpacked into the cache folder.
 *
 * @returns Variables that the process which wants the adapter must be started with; none where the system has a driver
 * @throws {SetupError} When no adapter can be had, with the commands for this system
 */
export async function setUpAdapter(): Promise<Record<string, string>> {
  const first = await probe();
  if (usable(first)) return {};
  const unpacked = await askSwiftShader();
  if (unpacked) return unpacked;

  const failures: string[] = [];
  if (await canUseApt()) {
    announce("No WebGPU adapter answers. Installing Mesa's Vulkan drivers (apt-get, about 60 MB)");
    try {
      await installMesa();
      if (usable(await probe())) return {};
      failures.push("Mesa's Vulkan drivers are installed, and still no adapter answers");
    } catch (error) {
      failures.push(text(error));
    }
    announce(failures.at(-1)!);
  }
  const { os, arch } = systemInfo();
  if (os === "linux" && arch === "x64") {
    announce("No WebGPU adapter answers. Unpacking SwiftShader into the cache folder (npm, about 70 MB to fetch)");
    try {
      await unpackSwiftShader();
      const environment = await askSwiftShader();
      if (environment) return environment;
      failures.push("SwiftShader is unpacked, and still no adapter answers");
    } catch (error) {
      failures.push(text(error));
    }
  }
  throw new SetupError([
    "No WebGPU adapter answers on this machine:",
    reasons(first),
    ...failures,
    "",
    ...await adviseHere(),
    "",
    "`deno task doctor` shows what is there.",
  ].join("\n"));
}

/**
 * Makes sure, as far as it can, that there is a Chromium for the browser tests.
 *
 * @returns Its path, or why there is none
 */
export async function setUpBrowser(): Promise<ChromiumResult> {
  return await provideChromium(announce);
}

if (import.meta.main) {
  try {
    await setUpAdapter();
    if (Deno.args.includes("--browser")) {
      const browser = await setUpBrowser();
      if (browser.path === null) announce(`The browser tests will be skipped: ${browser.reason}`);
    }
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    announce(error.message);
    Deno.exit(1);
  }
}
