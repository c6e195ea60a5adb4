/**
 * What is written to the error stream while something runs.
 *
 * @param fn What runs
 * @returns Its lines, which are not shown
 */
export async function written(fn: () => Promise<unknown>): Promise<string[]> {
  const fs = process.getBuiltinModule("node:fs") as unknown as { writeSync(fd: number, bytes: Uint8Array): number };
  const { writeSync } = fs, lines: string[] = [];
  fs.writeSync = (fd, bytes) => {
    if (fd !== 2) return writeSync.call(fs, fd, bytes);
    lines.push(...new TextDecoder().decode(bytes).trimEnd().split("\n"));
    return bytes.length;
  };
  try {
    await fn();
  } finally {
    fs.writeSync = writeSync;
  }
  return lines;
}
