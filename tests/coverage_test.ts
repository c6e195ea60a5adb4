import { assertEquals } from "@std/assert";
import { coverage } from "../tools/coverage.ts";

/** PyTorch's names and ours: the rest of a row changes with every test that is written. */
const names = (page: string) =>
  page.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.split("|").slice(1, 3).join("=").replace(/ /g, "")
  );

Deno.test("docs/coverage.md has the names that the modules have; `deno task coverage` writes it anew", async () => {
  const page = await Deno.readTextFile(new URL("../docs/coverage.md", import.meta.url));
  assertEquals(
    names(page).filter((row) => !row.startsWith("--")),
    names(await coverage()).filter((row) => !row.startsWith("--")),
  );
});
