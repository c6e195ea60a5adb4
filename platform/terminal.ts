/**
 * The terminal, or whatever standard output and standard error lead to.
 *
 * @module
 */
import { env, hostProcess, nodeModule } from "./runtime.ts";

/** The standard streams by name, with their file descriptors. */
const DESCRIPTORS = { stdin: 0, stdout: 1, stderr: 2 } as const;

/**
 * Whether a standard stream is a terminal that a person looks at.
 *
 * @param stream Which one
 * @returns `false` for files, pipes and browsers
 */
export function isTerminal(stream: "stdin" | "stdout" | "stderr" = "stdout"): boolean {
  return hostProcess?.[stream].isTTY === true;
}

/**
 * How many characters a line of the terminal holds.
 *
 * @returns The terminal's width, else the variable `COLUMNS`, else 80
 */
export function terminalColumns(): number {
  const told = hostProcess?.stdout.columns || hostProcess?.stderr.columns || Number(env("COLUMNS"));
  return Number.isInteger(told) && told > 0 ? told : 80;
}

const neverNotified = typeof SharedArrayBuffer === "undefined" ? null : new Int32Array(new SharedArrayBuffer(4));

/** Writes all of it before it returns, so that text is neither lost at an exit nor mixed with another stream's. */
function writeSync(descriptor: 1 | 2, text: string): void {
  const { writeSync } = nodeModule("fs", "write to the terminal");
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN" || !neverNotified) throw error;
      Atomics.wait(neverNotified, 0, 0, 1); // a pipe whose reader is slower than we are
    }
  }
}

/**
 * Writes text to standard output as it is; in a browser to the console, without its last line break.
 *
 * @param text The text
 */
export function writeOut(text: string): void {
  if (hostProcess) writeSync(DESCRIPTORS.stdout, text);
  else console.log(text.replace(/\r?\n$/, ""));
}

/** Columns of the line that stands in the terminal and has no end yet. */
let standing = 0;

/**
 * Writes text to standard error as it is; in a browser to the console, without its last line break. A line that
 * {@link drawErr} left standing gives way to it.
 *
 * @param text The text
 */
export function writeErr(text: string): void {
  if (!hostProcess) return console.error(text.replace(/\r?\n$/, ""));
  eraseErr();
  writeSync(DESCRIPTORS.stderr, text);
}

/**
 * Draws a line of a terminal over the one that stands there, in one write: nothing flickers.
 *
 * @param line The line
 * @param columns How many columns it takes, without its codes for colours
 */
export function drawErr(line: string, columns: number): void {
  const rest = " ".repeat(Math.max(0, Math.min(standing, terminalColumns() - 1) - columns));
  standing = columns;
  writeSync(DESCRIPTORS.stderr, `\r${line}${rest}`);
}

/** Takes the line away that stands in the terminal, if one does. */
export function eraseErr(): void {
  const blank = " ".repeat(Math.min(standing, Math.max(1, terminalColumns() - 1)));
  standing = 0;
  if (blank !== "") writeSync(DESCRIPTORS.stderr, `\r${blank}\r`);
}

/** Leaves the line that stands in the terminal, if one does, and goes to the next. */
export function endErr(): void {
  const stood = standing > 0;
  standing = 0;
  if (stood) writeSync(DESCRIPTORS.stderr, "\n");
}
