/** Texts that generators write, kept beside the tests so that a change of a kernel is seen and reviewed. */
import { assertEquals } from "@std/assert";

/**
 * Compares a text with `testing/snapshots/NAME`. With the environment variable `UPDATE_SNAPSHOTS=1` it is written
 * instead.
 *
 * @param name Name of the file
 * @param text What was generated
 */
export async function assertSnapshot(name: string, text: string): Promise<void> {
  const file = new URL(`./snapshots/${name}`, import.meta.url);
  if (Deno.env.get("UPDATE_SNAPSHOTS") === "1") return await Deno.writeTextFile(file, text);
  assertEquals(
    text,
    await Deno.readTextFile(file),
    `${name} changed; if that is wanted, run the test with UPDATE_SNAPSHOTS=1`,
  );
}
