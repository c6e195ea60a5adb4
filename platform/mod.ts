/**
 * The only folder that knows Deno, Node or a browser: environment, files, terminal, commands, and where WebGPU comes
 * from.
 *
 * @module
 */
export { type AsyncContext, asyncContext } from "./async_context.ts";
export { type CpuSample, type ProfiledFunction, startCpuProfile } from "./cpu_profile.ts";
export {
  args,
  env,
  execPath,
  hostMemory,
  processMemory,
  processorTimes,
  runtime,
  setEnv,
  type SystemInfo,
  systemInfo,
} from "./runtime.ts";
export { basename, cacheDir, cwd, dirname, homeDir, joinPath, tempDir } from "./paths.ts";
export { FileError } from "./file_error.ts";
export { appendFile, type FileContent, readFile, readText, truncateFile, writeFile, writeFileAtomic } from "./files.ts";
export {
  claimDir,
  copyFile,
  exists,
  type FileInfo,
  linkFile,
  listDir,
  makeDir,
  makeTempDir,
  remove,
  rename,
  stat,
  syncDir,
} from "./folders.ts";
export {
  type CommandOptions,
  type CommandResult,
  isAlive,
  onInterrupt,
  onTerminate,
  processId,
  runCommand,
} from "./process.ts";
export { repeat } from "./timers.ts";
export { drawErr, endErr, eraseErr, isTerminal, terminalColumns, writeErr, writeOut } from "./terminal.ts";
export { sha256 } from "./hash.ts";
export {
  type ForeignWorker,
  startWorker,
  type WorkerEvents,
  type WorkerParent,
  workerParent,
  type WorkerThread,
} from "./workers.ts";
