/**
 * Trains a small network for very long and fails when memory grows: `deno task soak [STEPS] [KIND…]`, by default 20,000
 * steps of each kind.
 *
 * @module
 */
import { growth, soak, SOAKS } from "../testing/soak.ts";

const [amount = "20000", ...kinds] = Deno.args.filter((arg) => arg !== "--");
const steps = Number(amount);
if (!Number.isInteger(steps) || steps < 20) {
  throw new RangeError(`Cannot soak: the number of steps must be a whole number from 20, got ${amount}`);
}
const unknown = kinds.filter((kind) => !SOAKS.some((known) => known === kind));
if (unknown.length > 0) throw new RangeError(`Cannot soak ${unknown.join(", ")}: kinds are ${SOAKS.join(", ")}`);
let failed = false;
for (const kind of SOAKS.filter((kind) => kinds.length === 0 || kinds.includes(kind))) {
  console.log(`${kind}, ${steps} steps`);
  const started = performance.now();
  const samples = await soak(kind, steps, Math.floor(steps / 20), {
    seen: (sample) => console.log(Object.entries(sample).map(([name, value]) => `${name} ${value}`).join(", ")),
  });
  const grown = growth(kind, samples, 2);
  failed ||= grown.length > 0;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${kind}: ${grown.length > 0 ? `grew: ${grown.join("; ")}` : "flat"}, ${seconds} s\n`);
}
Deno.exit(failed ? 1 : 0);
