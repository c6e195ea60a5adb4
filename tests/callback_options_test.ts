/** The page of callbacks' options lists each of them, and none that does not exist. */
import { assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, root));

/** The members of an interface in a source text. */
function membersOf(source: string, name: string): string[] {
  const [, body] = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, "s").exec(source)!;
  return [...body.matchAll(/^ {2}(\w+)\??: /gm)].map(([, member]) => member);
}

Deno.test("docs/guide/callback_options.md lists every option of every callback", async () => {
  const sections = (await read("docs/guide/callback_options.md")).split("\n## ").slice(1);
  const listed = new Map(sections.map((section) => {
    const [heading, ...lines] = section.split("\n");
    const options = lines.flatMap((line) => /^\| `(\w+)` /.exec(line)?.[1] ?? []);
    return [/`(\w+)`/.exec(heading)![1], options];
  }));
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
