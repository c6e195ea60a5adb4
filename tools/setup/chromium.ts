import { env, exists, runCommand, systemInfo } from "../../platform/mod.ts";
import { aptInstall, aptUpdate, canUseApt, distribution } from "./apt.ts";

/** Where browsers made of Chromium stand, by system. */
const PLACES: Record<string, string[]> = {
  linux: [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/opt/google/chrome/chrome",
  ],
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ],
  win32: [
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
  ],
};

/** Whether a program starts and tells its version; a snap's placeholder, for one, does not. */
async function starts(path: string): Promise<boolean> {
  if (systemInfo().os === "win32") return true; // chrome.exe --version opens a window there
  return (await runCommand(path, ["--version"])).code === 0;
}

/**
 * Looks for a Chromium that tests can drive: the one that `FULGURITE_CHROMIUM` names, or an installed one.
 *
 * @returns Its path, or `null`
 * @throws {Error} When the variable names a program that is not there
 */
export async function findChromium(): Promise<string | null> {
  const chosen = env("FULGURITE_CHROMIUM");
  if (chosen) {
    if (await exists(chosen)) return chosen;
    throw new Error(`Cannot use the browser that FULGURITE_CHROMIUM names: no such file, path is ${chosen}`);
  }
  for (const path of PLACES[systemInfo().os] ?? []) if (await exists(path) && await starts(path)) return path;
  return null;
}

/** A Chromium, or why there is none. */
export type ChromiumResult = { path: string } | { path: null; reason: string };

/**
 * Finds a Chromium, and installs one where that is possible: as root on Debian, whose package is a real one (Ubuntu's
 * only leads to a snap).
 *
 * @param announce Is told what is about to be done
 * @returns Its path, or the reason why there is none
 */
export async function provideChromium(announce: (what: string) => void): Promise<ChromiumResult> {
  const found = await findChromium();
  if (found) return { path: found };
  if (!await canUseApt() || (await distribution()).id !== "debian") {
    return { path: null, reason: "no Chromium is installed; install one, or name one in FULGURITE_CHROMIUM" };
  }
  announce("Installing Chromium for the browser tests (apt-get, about 100 MB)");
  try {
    await aptUpdate();
    await aptInstall("chromium");
  } catch (error) {
    return { path: null, reason: `Chromium could not be installed: ${error instanceof Error ? error.message : error}` };
  }
  const path = await findChromium();
  return path ? { path } : { path: null, reason: "the Chromium that apt-get installed does not start" };
}
