import { assertEquals } from "@std/assert";
import { runCommand } from "../platform/mod.ts";

Deno.test("a program that never calls init makes a model and trains it: fit opens the device", async () => {
  const from = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { manualSeed, mean } from ${from("../mod.ts")};
    import { Linear } from ${from("../nn/mod.ts")};
    import { SGD } from ${from("../optim/mod.ts")};
    import { LightningModule, Trainer } from ${from("../lightning.ts")};
    class Lit extends LightningModule {
      constructor() {
        super();
        this.layer = new Linear(3, 1);
      }
      trainingStep(x) {
        return mean(this.layer.forward(x));
      }
      configureOptimizers() {
        return new SGD(this.parameters(), { lr: 0.5 });
      }
    }
    manualSeed(3);
    const lit = new Lit(), options = { maxEpochs: 1, logger: false, enableProgressBar: false, enableCheckpointing: false };
    await new Trainer(options).fit(lit, [new Float32Array([1, 2, 3])]);
    const again = (manualSeed(3), new Linear(3, 1));
    const [before, after] = [await again.weight.data(), await lit.layer.weight.data()];
    console.log(Array.from(after, (w, i) => Math.round(1000 * (before[i] - w))).join(" "));
    Deno.exit(0);`;
  const { stdout, stderr } = await runCommand(Deno.execPath(), ["eval", "--ext=js", program]);
  assertEquals(stdout.trim(), "500 1000 1500", stderr);
});
