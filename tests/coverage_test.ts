import { assert } from "@std/assert";
import { coverage } from "../tools/coverage.ts";

Deno.test("docs/coverage.md is what the modules and the tests say", async () => {
  const page = await Deno.readTextFile(new URL("../docs/coverage.md", import.meta.url));
  assert(page === await coverage(), "docs/coverage.md is stale: run `deno task coverage`");
});
