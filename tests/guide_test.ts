/** What a comment behind a `console.log` of the pages says is what it prints; the examples' own run does not look. */
import { assert, assertEquals } from "@std/assert";
import * as core from "../mod.ts";
import * as nn from "../nn/mod.ts";

const root = new URL("../", import.meta.url);
/** A call that says what it prints. */
const SAYS = /^( *(?:if \(.*?\) )?console\.log\()(.*)\); \/\/ (.*)$/gm;

/** Letters and numbers of what is said or printed: brackets, quotes and commas are a matter of form. */
const bare = (text: string) => text.replaceAll(/[\s,[\]{}"']+/g, " ").trim();

/** Whether a comment agrees with what was printed: word by word, `…` stands for any, and what follows `:` explains. */
function agrees(says: string, printed: string): boolean {
  const [values] = says.split(/: (?=[a-z])/);
  const pattern = bare(values).split("…").map((part) => RegExp.escape(part)).join(".*");
  return new RegExp(`^${pattern}(?![\\w.]*\\w)`).test(bare(printed));
}

/** Blocks of code of a page that say what they print, with each such call told what it says. */
async function blocksOf(page: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(page, root));
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code).filter((code) => code.match(SAYS))
    .map((code) => code.replaceAll(SAYS, (_, call, args, says) => `${call}SAID, ${JSON.stringify(says)}, ${args});`));
}

Deno.test("what the pages say that their code prints is printed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const pages = ["README.md", "docs/from-lightning.md"];
    for await (const { name } of Deno.readDir(new URL("docs/guide", root))) pages.push(`docs/guide/${name}`);
    const program = [
      `const SAID = globalThis.SAID = Symbol();`,
      `const log = console.log;`,
      `console.log = (mark, says, ...values) => {`,
      `  if (mark === SAID) log(JSON.stringify([says, values.map((v) => typeof v === "string" ? v : Deno.inspect(v))]));`,
      `};`,
    ];
    let blocks = 0;
    for (const page of pages) {
      for (const code of await blocksOf(page)) {
        const file = `${folder}/${page.replaceAll(/\W/g, "_")}_${blocks++}.ts`;
        await Deno.writeTextFile(file, code);
        program.push(`await import(${JSON.stringify(file)});`);
      }
    }
    assert(blocks > 15, `${blocks} blocks say what they print`);
    await Deno.writeTextFile(`${folder}/all.js`, program.join("\n"));
    const config = new URL("deno.json", root).pathname;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", config, `${folder}/all.js`],
    }).output();
    const [printed, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert(code === 0, errors);
    const calls = printed.trim().split("\n").map((line): [string, string[]] => JSON.parse(line));
    const wrong = calls.filter(([says], i) => calls.findIndex((call) => call[0] === says) === i) // the first in a loop
      .filter(([says, values]) => !agrees(says, values.join(" ")))
      .map(([says, values]) => `"${says}", but ${values.join(" ")} was printed`);
    assert(wrong.length === 0, wrong.join("\n"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what docs/guide/from_pytorch.md says is not there is not, and what it says is there is", async () => {
  const page = await Deno.readTextFile(new URL("docs/guide/from_pytorch.md", root));
  const [, section] = /^## What is not there\n(.*?)^## /ms.exec(page)!;
  const said = section.split(/^- /m).slice(1).map((item) => item.split(/:\s/)).flatMap(([absent, instead = ""]) =>
    [absent, instead].flatMap((text, i) => [...text.matchAll(/`(\w+)`/g)].map(([, name]) => ({ name, here: i === 1 })))
  );
  assertEquals(said.filter(({ name, here }) => (name in core || name in nn) !== here).map(({ name }) => name), []);
  assert(said.length > 10, `${said.length} names are said`);
});
