import { brotliDecompressSync } from "node:zlib";
import {
  cacheDir,
  exists,
  joinPath,
  makeDir,
  makeTempDir,
  readFile,
  remove,
  rename,
  runCommand,
  sha256,
  writeFile,
} from "../../platform/mod.ts";
import { SWIFTSHADER_FILES, SWIFTSHADER_PACKAGE, swiftShaderDir } from "../../platform/software_vulkan.ts";
import { readTar } from "./tar.ts";

/** SHA-256 of `bin/swiftshader.tar.br` in the package's version that platform/software_vulkan.ts names. */
const ARCHIVE_SHA256 = "f957ea867313f9815b71dc2ed30cce301e01db4f3973fbdb31ffa5391b0ec45a";

/** Installs the npm package in a folder of its own, apart from the project's dependencies, and returns the archive. */
async function fetchArchive(folder: string): Promise<Uint8Array> {
  const { name, version } = SWIFTSHADER_PACKAGE;
  await writeFile(joinPath(folder, "package.json"), JSON.stringify({ dependencies: { [name]: version } }));
  await writeFile(joinPath(folder, "deno.json"), JSON.stringify({ nodeModulesDir: "auto", lock: false }));
  // Its own DENO_DIR is thrown away with the folder: the package holds a browser of 60 MB that nobody needs here.
  const install = await runCommand(Deno.execPath(), ["install", "--quiet"], {
    cwd: folder,
    env: { DENO_DIR: joinPath(folder, "deno_dir"), DENO_NO_UPDATE_CHECK: "1" },
  });
  if (install.code !== 0) {
    throw new Error(`Cannot install npm ${name}@${version}: ${(install.stderr || install.stdout).trim()}`);
  }
  return await readFile(joinPath(folder, "node_modules", name, "bin", "swiftshader.tar.br"));
}

/**
 * Unpacks SwiftShader from its npm package into the cache folder. An interrupted run leaves nothing that a later one
 * could take for the whole.
 *
 * @throws {Error} When the package cannot be had or is not the known one
 */
export async function unpackSwiftShader(): Promise<void> {
  await makeDir(cacheDir());
  const folder = await makeTempDir({ folder: cacheDir(), prefix: ".swiftshader-" });
  try {
    const archive = await fetchArchive(folder);
    const sum = await sha256(archive);
    if (sum !== ARCHIVE_SHA256) {
      throw new Error(`Cannot unpack SwiftShader: its archive must have SHA-256 ${ARCHIVE_SHA256}, it has ${sum}`);
    }
    const unpacked = joinPath(folder, "unpacked");
    await makeDir(unpacked);
    const wanted = new Set<string>(SWIFTSHADER_FILES);
    for (const { name, data } of readTar(brotliDecompressSync(archive))) {
      if (wanted.delete(name)) await writeFile(joinPath(unpacked, name), data);
    }
    if (wanted.size > 0) throw new Error(`Cannot unpack SwiftShader: its archive lacks ${[...wanted].join(", ")}`);
    if (await exists(swiftShaderDir())) await remove(swiftShaderDir(), { recursive: true });
    await rename(unpacked, swiftShaderDir());
  } finally {
    await remove(folder, { recursive: true });
  }
}
