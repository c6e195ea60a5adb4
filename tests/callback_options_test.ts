/** The page of callbacks' options lists each of them, and none that does not exist. */
import { assert, assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, root));

/** The members of an interface in a source text. */
function membersOf(source: string, name: string): string[] {
  const [, body] = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, "s").exec(source)!;
  return [...body.matchAll(/^ {2}(\w+)\??: /gm)].map(([, member]) => member);
}

/** The rule of an option in a source text, with what stands for it by a constant of the file. */
function rulesOf(source: string, option: string): string[] {
  const constants = new Map([...source.matchAll(/^const (\w+) = (.*);$/gm)].map(([, name, value]) => [name, value]));
  return [...source.matchAll(new RegExp(`^ {2}${option}: (.*(?:\\n {3}.*)*)`, "gm"))]
    .map(([, rule]) => rule.replaceAll(/\b(?!flag\b)[a-z]\w*\b/g, (name) => constants.get(name) ?? name));
}

/** The sections of the page: the callback, and the rows of its table as option and default. */
async function sectionsOf(): Promise<[callback: string, rows: [option: string, preset: string][]][]> {
  return (await read("docs/guide/callback_options.md")).split("\n## ").slice(1).map((section) => {
    const [heading, ...lines] = section.split("\n");
    const rows = lines.flatMap((line) => {
      const [, option, preset] = /^\| `(\w+)` +\| (.*?) +\| /.exec(line) ?? [];
      return option === undefined ? [] : [[option, preset.replaceAll("\\|", "|")] as [string, string]];
    });
    return [/`(\w+)`/.exec(heading)![1], rows];
  });
}

Deno.test("docs/guide/callback_options.md lists every option of every callback", async () => {
  const listed = new Map((await sectionsOf()).map(([callback, rows]) => [callback, rows.map(([option]) => option)]));
  const sources: Record<string, string> = {
    LearningRateFinder: "trainer/tuner/lr_finder.ts LrFindOptions",
    BatchSizeFinder: "trainer/tuner/tuner.ts ScaleBatchSizeOptions",
    WeightAveraging: "optim/averaged_model.ts AveragedModelOptions",
  };
  for await (const { name } of Deno.readDir(new URL("callbacks/", root))) {
    if (name.startsWith("_")) continue;
    const [, options] = /export interface (\w+Options) /.exec(await read(`callbacks/${name}`)) ?? [];
    if (options !== undefined) sources[options.replace(/Options$/, "")] = `callbacks/${name} ${options}`;
  }
  for (const [callback, place] of Object.entries(sources)) {
    const [path, name] = place.split(" ");
    assertEquals(listed.get(callback)?.toSorted(), membersOf(await read(path), name).toSorted(), callback);
  }
});

Deno.test("the defaults that docs/guide/callback_options.md gives are those of the rules", async () => {
  const finders = await read("trainer/tuner/tuner.ts"), own = new Map<string, string>();
  for await (const { name } of Deno.readDir(new URL("callbacks/", root))) {
    if (!/^[a-z].*(?<!_test)\.ts$/.test(name)) continue;
    const text = await read(`callbacks/${name}`);
    for (const [, callback] of text.matchAll(/^export (?:abstract )?class (\w+)/gm)) own.set(callback, text);
  }
  own.set("ModelCheckpoint", await read("callbacks/model_checkpoint_options.ts"));
  let held = 0;
  for (const [callback, rows] of await sectionsOf()) {
    const source = callback.endsWith("Finder") ? finders : own.get(callback)!;
    for (const [option, preset] of rows) {
      const [, literal] = /^`([^`]*)`$/.exec(preset) ?? [];
      const rules = rulesOf(source, option);
      if (literal === undefined || rules.length === 0) continue;
      const made = new RegExp(`(?:default|flag)\\((?:\\(\\) => )?${RegExp.escape(literal)}\\)`);
      assert(rules.some((rule) => made.test(rule)), `${callback}.${option}: ${preset}, but ${rules.join(" or ")}`);
      held++;
    }
  }
  assert(held > 60, `${held} defaults were compared`);
});
