import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { DataLoader } from "../data/mod.ts";
import { Callback, type LightningModule, Trainer, type TrainerOptions } from "../lightning.ts";
import { type Tensor, tensor } from "../mod.ts";
import { exists, joinPath, readText } from "../platform/mod.ts";
import {
  cloudLoader,
  constantBatches,
  inFolder,
  MemoryLogger,
  Net,
  quiet,
  Slope,
  trainerTest,
} from "../testing/trainer.ts";
import {
  BasePredictionWriter,
  type BatchIndices,
  DeviceStatsMonitor,
  LambdaCallback,
  OnExceptionCheckpoint,
  SpikeDetection,
  type SpikeDetectionOptions,
  ThroughputMonitor,
  TrainingSpikeError,
} from "./mod.ts";

trainerTest("statistics of the device are in the rows of steps, and only there", async () => {
  const logger = new MemoryLogger();
  const callbacks = new DeviceStatsMonitor({ cpuStats: true });
  await new Trainer({ ...quiet, maxEpochs: 1, logger, logEveryNSteps: 2, callbacks }).fit(
    new Net(),
    cloudLoader(24, { batchSize: 4 } as never),
  );
  const rows = logger.rows.filter(({ metrics }) => "DeviceStatsMonitor.onTrainBatchEnd/pool.liveBytes" in metrics);
  assertEquals(rows.map(({ at }) => at.step), [1, 3, 5]);
  for (const { metrics } of rows) {
    for (const hook of ["onTrainBatchStart", "onTrainBatchEnd"]) {
      const of = (name: string) => metrics[`DeviceStatsMonitor.${hook}/${name}`];
      assert(of("pool.liveBytes") > 0 && of("pool.peakBytes") >= of("pool.liveBytes") && of("host.processBytes") > 1e6);
      assert(of("host.cpuPercent") >= 0 && of("host.cpuPercent") <= 100, `${of("host.cpuPercent")}`);
    }
    assert(metrics["DeviceStatsMonitor.onTrainBatchEnd/recorder.dispatches"] > 3);
  }
  await assertRejects(
    () => new Trainer({ ...quiet, callbacks: new DeviceStatsMonitor() }).fit(new Slope(), constantBatches([1])),
    TypeError,
    "the trainer must have a logger",
  );
});

trainerTest("throughput is told by batches, samples, items and operations, and as a share of the peak", async () => {
  const logger = new MemoryLogger();
  class Slow extends Slope {
    override async onTrainBatchEnd(): Promise<void> {
      await new Promise((done) => setTimeout(done, 20));
    }
    override testStep(): void {}
  }
  const monitor = new ThroughputMonitor({
    batchSizeFn: (batch) => (batch as Tensor).shape[0],
    lengthFn: () => 5,
    flopsPerBatch: 1e6,
    availableFlops: 1e9,
    windowSize: 3,
  });
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, logger, logEveryNSteps: 4, callbacks: monitor });
  await trainer.fit(new Slow(), constantBatches([1, 1, 1, 1, 1, 1, 1, 1], 2));
  const rows = logger.rows.map(({ metrics }) => metrics);
  assertEquals(rows.length, 2);
  const of = (name: string) => rows[1][`train|${name}`];
  assertEquals([of("batches"), of("samples"), of("lengths")], [8, 16, 80]);
  const perSecond = of("device/batches_per_sec");
  assert(perSecond > 2 && perSecond < 50, `${perSecond}`);
  assertAlmostEquals(of("device/samples_per_sec"), 2 * perSecond, 1e-3 * perSecond);
  assertAlmostEquals(of("device/items_per_sec"), 10 * perSecond, 1e-3 * perSecond);
  assertAlmostEquals(of("device/flops_per_sec"), 1e6 * perSecond, 1e3 * perSecond);
  assertAlmostEquals(of("device/mfu"), 1e-3 * perSecond, 1e-5 * perSecond);
  const [told] = await trainer.test(new Slow(), constantBatches([1, 1, 1]));
  assertEquals([told["test|batches"], told["test|samples"]], [3, 6]);
  assertThrows(() => new ThroughputMonitor({} as never), TypeError, "batchSizeFn must be a function of the batch");
});

trainerTest("a loss that jumps ends training, and its batches are listed", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "bad.json");
    const fit = async (losses: readonly number[], options: SpikeDetectionOptions = {}) => {
      class Given extends Slope {
        override trainingStep(x: Tensor): Tensor {
          return x.mean().add(this.weight.sum().mul(0));
        }
      }
      const callbacks = new SpikeDetection({ excludeBatchesPath: path, ...options });
      const run = new Trainer({ ...quiet, maxEpochs: 1, callbacks }).fit(new Given(), constantBatches(losses));
      return await run.then(() => null, (error) => error);
    };
    assertEquals(await fit([1, 1.1, 0.9, 1, 2.9]), null);
    assertEquals(await exists(path), false);
    const error = await fit([1, 1, 1, 5, 1]);
    assert(error instanceof TrainingSpikeError);
    assertEquals([error.batchIdx, JSON.parse(await readText(path))], [3, [2, 3]]);
    assertStringIncludes(error.message, "at batch 3 of epoch 0: the loss is 5, its running mean 1");
    assertEquals((await fit([1, NaN])).batchIdx, 1);
    assertEquals(JSON.parse(await readText(path)), [2, 3, 0, 1]);
    assertEquals(await fit([1, NaN, 1], { finiteOnly: false }), null);
    assertEquals((await fit([1, NaN, 1, 9], { finiteOnly: false })).batchIdx, 3);
    assertEquals(await fit([9, 30, 3], { warmup: 3 }), null);
    assertEquals((await fit([1, 1.2], { rtol: null, atol: 0.1 })).batchIdx, 1);
    assertEquals((await fit([5, 5, 1], { mode: "max", rtol: 0.5 })).batchIdx, 2);
    assertEquals((await fit([1, 1, 1, 4, 13], { window: 1, rtol: 4 }))?.batchIdx ?? null, null);
  });
});

trainerTest("an error leaves a checkpoint that the next fit goes on from, and a good end removes it", async () => {
  await inFolder(async (folder) => {
    let failsAt = 3;
    class Fails extends Slope {
      override onTrainBatchStart(_batch: Tensor, batchIdx: number): void {
        if (batchIdx === failsAt) throw new Error("on purpose");
      }
    }
    const rescue = () => new OnExceptionCheckpoint({ dirpath: folder });
    const options: TrainerOptions = { ...quiet, maxEpochs: 1 };
    const data = () => constantBatches([1, 2, 3, 4, 5]);
    const first = rescue();
    await assertRejects(
      () => new Trainer({ ...options, callbacks: first }).fit(new Fails(), data()),
      Error,
      "on purpose",
    );
    assert(await exists(first.ckptPath));
    failsAt = -1;
    const again = new Fails(), trainer = new Trainer({ ...options, callbacks: rescue() });
    await trainer.fit(again, data());
    assertEquals([await again.value(), trainer.globalStep, trainer.ckptPath], [-15, 5, first.ckptPath]);
    assertEquals(await exists(first.ckptPath), false);
  });
  await inFolder(async (folder) => {
    const rescue = new OnExceptionCheckpoint({ dirpath: folder }), stop = new AbortController();
    const stops = new LambdaCallback({
      onTrainBatchEnd: (_trainer, _module, _outputs, _batch, batchIdx) => {
        if (batchIdx === 1) stop.abort();
      },
    });
    const data = constantBatches([1, 2, 3]), options: TrainerOptions = { ...quiet, maxEpochs: 1 };
    await new Trainer({ ...options, callbacks: [rescue, stops] }).fit(new Slope(), data, { signal: stop.signal });
    assert(await exists(rescue.ckptPath), "an interruption, too");
    const again = new Slope(), trainer = new Trainer({ ...options, callbacks: rescue });
    await trainer.fit(again, data);
    assertEquals([await again.value(), trainer.globalStep, await exists(rescue.ckptPath)], [-6, 3, false]);
  });
  assertThrows(() => new OnExceptionCheckpoint({ dirpath: "" }), TypeError, "dirpath must be the path of a folder");
});

class Writes extends BasePredictionWriter {
  readonly batches: [number, BatchIndices][] = [];
  readonly epochs: unknown[] = [];
  override async writeOnBatchEnd(_: Trainer, __: LightningModule, y: unknown, indices: BatchIndices): Promise<void> {
    this.batches.push([await (y as Tensor).item(), indices]);
  }
  override writeOnEpochEnd(
    _: Trainer,
    __: LightningModule,
    predictions: readonly (readonly unknown[])[],
    indices: readonly (readonly BatchIndices[])[],
  ): void {
    this.epochs.push([predictions.map((list) => list.length), indices]);
  }
}

class Means extends Slope {
  override predictStep({ x }: never): Tensor {
    return (x as Tensor).mean();
  }
}

trainerTest("predictions are written by batch and at the end, with the numbers of their samples", async () => {
  const items = Array.from({ length: 5 }, (_, i) => ({ x: i }));
  const loader = new DataLoader(items, { batchSize: 2, shuffle: true, seed: 3 });
  const order = [...loader.batchIndices(0)!].map((batch) => Array.from(batch));
  const writer = new Writes("batch_and_epoch");
  const trainer = new Trainer({ ...quiet, callbacks: writer });
  const given = await trainer.predict(new Means(), loader as never, { returnPredictions: false });
  assertEquals(given, []);
  assertEquals(writer.batches.map(([, indices]) => indices), order);
  for (const [value, indices] of writer.batches) {
    assertAlmostEquals(value, indices!.reduce((a, b) => a + b) / indices!.length, 1e-6);
  }
  assertEquals([writer.epochs, trainer.predictions], [[[[3], [order]]], [[]]]);
  const plain = new Writes("batch");
  await new Trainer({ ...quiet, callbacks: plain }).predict(new Means(), [{ x: tensor([1, 2.5]) }] as never);
  assertEquals([plain.batches, plain.epochs], [[[1.75, null]], []]);
  const atEnd = new Writes("epoch");
  await new Trainer({ ...quiet, callbacks: atEnd }).predict(new Means(), { predict: [loader, loader] } as never);
  assertEquals([atEnd.batches.length, (atEnd.epochs[0] as unknown[])[0]], [0, [3, 3]]);
  assertThrows(() => new Writes("always" as never), TypeError, 'writeInterval must be "batch" or "epoch" or');
});

Deno.test("callbacks that try things first come first", () => {
  class First extends Callback {
    override get tuning(): boolean {
      return true;
    }
  }
  class Other extends Callback {}
  const first = new First(), other = new Other();
  assertEquals(new Trainer({ ...quiet, callbacks: [other, first] }).callbacks, [first, other]);
  assertEquals(new Trainer({ ...quiet, callbacks: [other, first], fastDevRun: true }).callbacks, [other]);
});
