/**
 * SwiftShader, a Vulkan driver that computes on the processor, as the set-up keeps it in the cache folder for machines
 * where no other driver is installed and none can be.
 *
 * @module
 */
import { exists } from "./folders.ts";
import { cacheDir, joinPath } from "./paths.ts";
import { denoNamespace, env, hostProcess, setEnv, systemInfo } from "./runtime.ts";

/** The npm package that carries SwiftShader and a Vulkan loader, in the version whose check sum the set-up knows. */
export const SWIFTSHADER_PACKAGE = { name: "@sparticuz/chromium", version: "147.0.0" } as const;

/** The files that the set-up unpacks. */
export const SWIFTSHADER_FILES = ["libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json"] as const;

/**
 * The folder that holds SwiftShader, once it is unpacked.
 *
 * @returns A path below the cache folder
 */
export function swiftShaderDir(): string {
  return joinPath(cacheDir(), `swiftshader-${SWIFTSHADER_PACKAGE.version}-x64`);
}

/**
 * The variables that make a process' Vulkan loader, and through it Dawn, find SwiftShader and nothing else.
 *
 * @returns The variables for {@link runCommand}'s `env`, or `null` where SwiftShader is not unpacked
 */
export async function swiftShaderEnv(): Promise<Record<string, string> | null> {
  const { os, arch } = systemInfo();
  if (os !== "linux" || arch !== "x64") return null;
  const folder = swiftShaderDir();
  for (const file of SWIFTSHADER_FILES) if (!await exists(joinPath(folder, file))) return null;
  const manifest = joinPath(folder, "vk_swiftshader_icd.json");
  const libraries = [folder, env("LD_LIBRARY_PATH")].filter(Boolean).join(":");
  // Loaders before 1.3.207 know only the first name.
  return { VK_ICD_FILENAMES: manifest, VK_DRIVER_FILES: manifest, LD_LIBRARY_PATH: libraries };
}

/** The loader library, referenced so that it stays loaded. */
let loader: unknown = null;

/**
 * Makes SwiftShader, where it is unpacked, the Vulkan driver of this process, also after Dawn found no other.
 *
 * The dynamic linker read `LD_LIBRARY_PATH` when the process started. So under Deno the Vulkan loader is opened here by
 * its path: a later request for `libvulkan.so.1` gets the library of that name that is in memory already. Node cannot
 * do that, and needs a loader that is installed or the variable set before it starts.
 *
 * @returns Whether SwiftShader is there and switched on
 */
export async function useSwiftShader(): Promise<boolean> {
  if (!hostProcess) return false;
  const variables = await swiftShaderEnv();
  if (!variables) return false;
  for (const [name, value] of Object.entries(variables)) setEnv(name, value);
  loader ??= denoNamespace?.dlopen(joinPath(swiftShaderDir(), "libvulkan.so.1"), {}) ?? null;
  return true;
}
