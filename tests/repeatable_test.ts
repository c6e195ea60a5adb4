/** Two runs with one seed are the same, bit for bit: in other processes, and captured. */
import { assertEquals, assertMatch } from "@std/assert";

const program = new URL("../testing/repeat_training.ts", import.meta.url).pathname;

async function digest(kind: "eager" | "captured"): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program, kind],
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const text = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
  assertMatch(text, /^[0-9a-f]{64}$/);
  return text;
}

Deno.test("a training with dropout repeats in other processes, eager and captured", async () => {
  const first = await digest("eager");
  assertEquals(await digest("eager"), first);
  assertEquals(await digest("captured"), first);
});
