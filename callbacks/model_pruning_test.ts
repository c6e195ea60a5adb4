import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Trainer } from "../lightning.ts";
import { joinPath } from "../platform/mod.ts";
import { cloudLoader, inFolder, Net, quiet, trainerTest } from "../testing/trainer.ts";
import { LambdaCallback, ModelCheckpoint, ModelPruning } from "./mod.ts";

const loader = () => cloudLoader(24, { batchSize: 4 } as never);
/** Share of zeros among the weights of a module's two layers. */
async function zeros(module: Net): Promise<number[]> {
  const shares: number[] = [];
  for (const { weight } of [module.fc1, module.fc2]) {
    const values = [...await weight.data() as Float32Array];
    shares.push(values.filter((value) => value === 0).length / values.length);
  }
  return shares;
}

trainerTest("the smallest weights are cut away epoch by epoch, and stay away", async () => {
  const seen: number[][] = [];
  const module = new Net();
  const pruning = new ModelPruning({
    pruningFn: "l1_unstructured",
    parameterNames: ["weight"],
    useLotteryTicketHypothesis: false,
  });
  const look = new LambdaCallback({ onTrainBatchEnd: async () => void seen.push(await zeros(module)) });
  const trainer = new Trainer({ ...quiet, maxEpochs: 3, callbacks: [pruning, look] });
  await trainer.fit(module, loader());
  const whole = ([a, b]: number[]) => (a * 64 + b * 48) / 112;
  assertEquals(seen.map(whole), [...new Array(6).fill(0), ...new Array(6).fill(0.5), ...new Array(6).fill(0.75)]);
  assertEquals(pruning.sparsity, whole(await zeros(module)));
  assertEquals(pruning.sparsity, 98 / 112);
});

trainerTest("weights of 16 bits are pruned, too", async () => {
  const module = new Net();
  const callbacks = new ModelPruning({ pruningFn: "l1_unstructured", parameterNames: ["weight"] });
  await new Trainer({ ...quiet, maxEpochs: 2, precision: "bf16-true", callbacks }).fit(module, loader());
  const [first, second] = await zeros(module);
  assertEquals(64 * first + 48 * second, 84);
});

trainerTest("lottery tickets begin again, and a resumed run has masks and beginnings", async () => {
  await inFolder(async (folder) => {
    const run = async (module: Net, ckptPath?: string) => {
      const callbacks = [
        new ModelPruning({
          pruningFn: "l1_unstructured",
          amount: 0.25,
          useGlobalUnstructured: false,
          useLotteryTicketHypothesis: true,
        }),
        new ModelCheckpoint({ dirpath: folder, filename: ckptPath ? "again" : "{epoch}", saveTopK: -1 }),
      ];
      await new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 2, callbacks }).fit(module, loader(), {
        ckptPath,
      });
      return module;
    };
    const module = new Net(), start = [...await module.fc1.weight.data() as Float32Array];
    await run(module);
    const end = [...await module.fc1.weight.data() as Float32Array];
    assertEquals(end.filter((value, i) => value !== 0 && value !== start[i]), []);
    assertEquals(end.filter((value) => value === 0).length, 28); // 16 of 64, then 12 of 48
    const again = await run(new Net(), joinPath(folder, "epoch=0.ckpt"));
    assertEquals([...await again.fc1.weight.data() as Float32Array], end);
  });
});

trainerTest("whole rows, chance, and functions choose, too", async () => {
  const after = async (options: Partial<ConstructorParameters<typeof ModelPruning>[0]>) => {
    const module = new Net();
    const pruning = new ModelPruning({
      pruningFn: "ln_structured",
      useGlobalUnstructured: false,
      parametersToPrune: ["fc1.weight"],
      useLotteryTicketHypothesis: false,
      ...options,
    });
    await new Trainer({ ...quiet, maxEpochs: 1, callbacks: pruning }).fit(module, loader());
    return await module.fc1.weight.array() as number[][];
  };
  const empty = (rows: number[][]) => rows.filter((row) => row.every((value) => value === 0)).length;
  assertEquals(empty(await after({ amount: 0.25 })), 4);
  assertEquals(empty(await after({ amount: 2.5 / 16 })), 2); // as in PyTorch
  assertEquals(empty(await after({ pruningFn: "random_structured", amount: 3 })), 3);
  const columns = await after({ amount: 1, pruningDim: 1, pruningNorm: 1 });
  assertEquals([0, 1, 2, 3].filter((i) => columns.every((row) => row[i] === 0)).length, 1);
  const random = (await after({ pruningFn: "random_unstructured" })).flat();
  assertEquals(random.filter((value) => value === 0).length, 32);
  const own = (await after({ pruningFn: (values) => Uint8Array.from(values, (_, i) => Math.min(1, i % 4)) })).flat();
  assert(own.every((value, i) => (value === 0) === (i % 4 === 0)));
  assertEquals(empty(await after({ applyPruning: (epoch) => epoch > 0 })), 0);
  const wrong = { pruningFn: "ln_structured" } as const;
  assertThrows(() => new ModelPruning(wrong), TypeError, "useGlobalUnstructured must be false for structured pruning");
  for (const amount of [-1, 1.5, NaN]) {
    const rule = `amount must be a share from 0 to 1, a count, or a function of the epoch, got ${amount}`;
    assertThrows(() => new ModelPruning({ pruningFn: "l1_unstructured", amount }), TypeError, rule);
    const given = `Cannot prune in epoch 0: amount must be a share from 0 to 1 or a count, its function gave ${amount}`;
    await assertRejects(() => after({ amount: () => amount }), RangeError, given);
  }
  await assertRejects(
    () => after({ pruningDim: 2 }),
    RangeError,
    "Cannot prune Net: pruningDim must be an axis of each parameter that has channels, is 2, the shape of fc1.weight is [16, 4]",
  );
  await assertRejects(
    () => after({ pruningFn: () => new Uint8Array(1) }),
    TypeError,
    "Cannot prune fc1.weight: pruningFn must give 0 or 1 for each of 64 values, it gave 1",
  );
});
