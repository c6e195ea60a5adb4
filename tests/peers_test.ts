// Fulgurite's side of the comparison with other libraries: its adaptor gives what the harness's references expect.
import { assert } from "@std/assert";
import { type Case, NotAvailable } from "../bench/peers/adaptor.ts";
import fulgurite from "../bench/peers/adaptors/fulgurite.ts";
import { installGpu } from "../bench/peers/gpu.ts";
import { compare, type ExpectedOutputs, reference } from "../bench/peers/reference.ts";
import { checkedSteps, makeInputs, type Workload, workloads } from "../bench/peers/workloads.ts";

/** The smallest of each kind: a full run of the harness checks all. */
const IDS = ["matmul-batched", "conv-lenet", "layernorm-grad", "cross-entropy", "embedding-grad", "mlp-step", "chain-"];

async function build(w: Workload): Promise<Case> {
  const made = await fulgurite.ops[w.op](w, makeInputs(w));
  if (made instanceof NotAvailable) throw new Error(made.reason);
  return made;
}

async function results(w: Workload, expected: ExpectedOutputs): Promise<{ error: number; output: string }> {
  const made = await build(w);
  if (w.kind !== "train") {
    await made.run(0);
    await made.sync();
    return compare(expected, await made.outputs());
  }
  const losses: number[] = [];
  for (let step = 0; step < checkedSteps; step++) {
    await made.run(step);
    losses.push((await made.outputs()).loss[0]);
  }
  return compare(expected, { losses });
}

Deno.test({
  name: "the comparison's adaptor gives what the references expect",
  // The device stays open, and with it what its binding holds.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const gpu = installGpu();
    await fulgurite.init();
    for (const w of workloads.filter(({ id }) => IDS.some((prefix) => id.startsWith(prefix)))) {
      await t.step(w.id, async () => {
        const { error, output } = await results(w, reference(w));
        assert(error <= w.tolerance, `${output}: error ${error} is above ${w.tolerance}`);
        assert(gpu.errors.length === 0, gpu.errors.join("\n"));
      });
    }
  },
});
