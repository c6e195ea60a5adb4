import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  exists,
  FileError,
  joinPath,
  listDir,
  makeTempDir,
  readFile,
  remove,
  sha256,
  writeFile,
} from "../platform/mod.ts";
import { type DataFile, type DataSource, mirror, prepareFiles } from "./download.ts";
import { DataError } from "./errors.ts";

const contentOf = (name: string) => new TextEncoder().encode(`content of ${name} `.repeat(100));
const fileOf = async (name: string): Promise<DataFile> => ({
  name,
  bytes: contentOf(name).length,
  sha256: await sha256(contentOf(name)),
});
const [a, b] = [await fileOf("a"), await fileOf("bb")];

async function gzip(plain: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([plain]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** A source that says what it is asked for. */
function source(
  name: string,
  give: (file: DataFile) => Uint8Array<ArrayBuffer> | Error,
): DataSource & { asked: string[] } {
  const asked: string[] = [];
  return {
    name,
    asked,
    async *fetch(files) {
      for (const file of files) {
        asked.push(file.name);
        const given = await Promise.resolve(give(file));
        if (given instanceof Error) throw given;
        yield { file, bytes: given };
      }
    },
  };
}
const good = () => source("good", ({ name }) => contentOf(name));

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const parent = await makeTempDir();
  try {
    await run(joinPath(parent, "set"));
  } finally {
    await remove(parent, { recursive: true });
  }
}

/** Serves requests on this machine for the time of a test. */
async function served(answer: (path: string) => Response | Promise<Response>, run: (address: string) => Promise<void>) {
  const end = new AbortController();
  const options = { port: 0, hostname: "127.0.0.1", signal: end.signal, onListen: () => {} };
  const server = Deno.serve(options, (request) => answer(new URL(request.url).pathname));
  try {
    await run(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    end.abort();
    await server.finished;
  }
}

Deno.test("files come from the first source that delivers, with one line, and from the folder from then on", async () => {
  await inFolder(async (folder) => {
    const lines: string[] = [];
    const broken = source("broken", () => new Error("no such host"));
    const first = good();
    const second = good();
    const set = {
      title: "Set",
      folder,
      files: [b, a],
      sources: [broken, first, second],
      report: (line: string) => lines.push(line),
    };
    assertEquals(await prepareFiles(set), [joinPath(folder, "bb"), joinPath(folder, "a")]);
    assertEquals(await readFile(joinPath(folder, "bb")), contentOf("bb"));
    assertEquals(lines, [`Set: taking it from good into ${folder} (broken: no such host)`]);
    assertEquals(first.asked, ["a", "bb"], "the smallest first");
    await prepareFiles(set);
    assertEquals([lines.length, broken.asked, first.asked.length, second.asked.length], [1, ["a"], 2, 0]);
  });
});

Deno.test("only what is missing is fetched, and a source that breaks off is continued by the next", async () => {
  await inFolder(async (folder) => {
    const half = source("half", ({ name }) => name === "a" ? contentOf(name) : new Error("broke off"));
    const rest = good();
    await prepareFiles({ title: "Set", folder, files: [a, b], sources: [half, rest], report: () => {} });
    assertEquals([half.asked, rest.asked], [["a", "bb"], ["bb"]]);
    await remove(joinPath(folder, "a"));
    const again = good();
    await prepareFiles({ title: "Set", folder, files: [a, b], sources: [again], report: () => {} });
    assertEquals(again.asked, ["a"]);
  });
});

Deno.test("a source that delivers something else is passed over, and nothing of it stays", async () => {
  await inFolder(async (folder) => {
    const flipped = source("flipped", ({ name }) => {
      const bytes = contentOf(name);
      bytes[3] ^= 1;
      return bytes;
    });
    const short = source("short", ({ name }) => contentOf(name).slice(1));
    const torn = source("torn", () => Uint8Array.of(0x1f, 0x8b, 8, 0));
    const none: DataSource = { name: "none", async *fetch() {} };
    const sources = [flipped, short, torn, none];
    const error = await assertRejects(
      () => prepareFiles({ title: "Set", folder, files: [a, b], sources, report: () => {} }),
      DataError,
      `Cannot prepare Set in ${folder}: a source must deliver a, bb, 4 were tried`,
    );
    assertStringIncludes(error.message, `\n  flipped: a: its SHA-256 must be ${a.sha256}, it is `);
    assertStringIncludes(error.message, `\n  short: a: its size must be ${a.bytes} bytes, it is ${a.bytes - 1}`);
    assertStringIncludes(error.message, "\n  torn: Cannot decompress a: ");
    assertStringIncludes(error.message, "\n  none: it lacks a, bb");
    assertEquals(error.file, "Set");
    assertEquals(await listDir(folder), []);
  });
});

Deno.test("a damaged file in the folder is an error that names it, and is left as it is", async () => {
  await inFolder(async (folder) => {
    await prepareFiles({ title: "Set", folder, files: [a, b], sources: [good()], report: () => {} });
    const path = joinPath(folder, "bb");
    const flipped = contentOf("bb");
    flipped[0] ^= 1;
    for (
      const [content, rule] of [[contentOf("bb").subarray(5), "its size must be"], [
        flipped,
        "its SHA-256 must be",
      ]] as const
    ) {
      await writeFile(path, content);
      const unused = good();
      const error = await assertRejects(
        () => prepareFiles({ title: "Set", folder, files: [a, b], sources: [unused], report: () => {} }),
        DataError,
        `Cannot use Set file ${path}: ${rule}`,
      );
      assertStringIncludes(error.message, "; remove it to have it fetched again");
      assertEquals(error.file, path);
      assertEquals(unused.asked, []);
      assertEquals(await readFile(path), Uint8Array.from(content));
    }
  });
});

Deno.test("name.gz stands for name", async () => {
  await inFolder(async (folder) => {
    await prepareFiles({ title: "Set", folder, files: [a], sources: [good()], report: () => {} });
    await writeFile(joinPath(folder, "bb.gz"), await gzip(contentOf("bb")));
    const paths = await prepareFiles({ title: "Set", folder, files: [a, b], sources: [] });
    assertEquals(paths, [joinPath(folder, "a"), joinPath(folder, "bb.gz")]);
  });
});

Deno.test("a folder that cannot be written is not blamed on the source", async () => {
  await inFolder(async (folder) => {
    const blocking: DataSource = {
      name: "blocking",
      async *fetch(files) {
        await remove(folder, { recursive: true });
        yield { file: files[0], bytes: contentOf(files[0].name) };
      },
    };
    await assertRejects(
      () => prepareFiles({ title: "Set", folder, files: [a], sources: [blocking], report: () => {} }),
      FileError,
      "no such file or folder",
    );
  });
});

Deno.test("a mirror delivers plain and compressed files", async () => {
  await served(
    async (path) =>
      new Response(path.endsWith(".gz") ? await gzip(contentOf(path.slice(3, -3))) : contentOf(path.slice(3))),
    async (address) => {
      for (const suffix of [".gz", ""]) {
        await inFolder(async (folder) => {
          const sources = [mirror(`${address}/d`, { suffix })];
          await prepareFiles({ title: "Set", folder, files: [a, b], sources, report: () => {} });
          assertEquals(await readFile(joinPath(folder, "a")), contentOf("a"));
        });
      }
    },
  );
});

Deno.test("a mirror that answers wrongly, too much, not at all, or stops is given up soon, with the reason", async () => {
  const stalled = () =>
    new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(contentOf("a").subarray(0, 10)) });
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const answer = async (path: string) => {
    const kind = path.split("/")[1];
    if (kind === "absent") return new Response("no", { status: 404 });
    if (kind === "endless") return new Response(new Uint8Array(2_000_000));
    if (kind === "stalled") return new Response(stalled());
    await held;
    return new Response("late");
  };
  await served(answer, async (address) => {
    const check = inFolder(async (folder) => {
      const started = performance.now();
      const patience = { suffix: "", answerWithin: 300, stallWithin: 300 };
      const sources = ["absent", "endless", "stalled", "silent"].map((kind) => mirror(`${address}/${kind}`, patience));
      const closed = Deno.listen({ port: 0, hostname: "127.0.0.1" });
      const { port } = closed.addr;
      closed.close();
      sources.push(mirror(`http://127.0.0.1:${port}`, patience));
      const error = await assertRejects(
        () => prepareFiles({ title: "Set", folder, files: [a], sources, report: () => {} }),
        DataError,
        "5 were tried",
      );
      assert(performance.now() - started < 10_000);
      const [, absent, endless, stalledLine, silent, refused] = error.message.split("\n");
      assertStringIncludes(absent, `/absent/a answers with status 404`);
      assertStringIncludes(endless, `/endless/a has more than `);
      assertStringIncludes(stalledLine, "no more data within 300 ms");
      assertStringIncludes(silent, "no answer within 300 ms");
      assertStringIncludes(refused.toLowerCase(), "refused");
      assert(!await exists(joinPath(folder, "a")));
    });
    await check.finally(() => release());
  });
});
