/**
 * What surrounds checkpoints: the order in which they are loaded and saved, and what is tried before training goes on.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { LambdaCallback, ModelCheckpoint, type ModelCheckpointOptions } from "../callbacks/mod.ts";
import { Callback, LightningDataModule, Trainer } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { joinPath } from "../platform/mod.ts";
import { written } from "../testing/stderr.ts";
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

class Validates extends Slope {
  override validationStep(x: Tensor): void {
    this.log("v", mean(x));
  }
}

trainerTest(
  "a checkpoint is loaded in Lightning's order, and hooks of the end come before loggers and profiler",
  async () => {
    await inFolder(async (folder) => {
      const calls: string[] = [], path = joinPath(folder, "x");
      /** Notes calls of these methods, beside what they do. */
      const noting = <T extends object>(who: string, owner: T, names: readonly string[]): T => {
        for (const name of names) {
          const method = (owner as Record<string, unknown>)[name];
          const noted = (...given: unknown[]) => {
            calls.push(`${who} ${name}`);
            return typeof method === "function" ? method.apply(owner, given) : undefined;
          };
          Object.defineProperty(owner, name, { value: noted, configurable: true });
        }
        return owner;
      };
      class Data extends LightningDataModule<Tensor> {
        override trainDataloader = () => constantBatches([1]);
        override stateDict = () => ({ place: 1 });
        override loadStateDict = () => {};
      }
      class Keeps extends Callback {
        override stateDict = () => ({ kept: 1 });
        override loadStateDict = () => {};
      }
      class Logs extends MemoryLogger {
        override finalize(status: string): void {
          calls.push(`logger ${status}`);
        }
      }
      await new Trainer({
        ...quiet,
        maxEpochs: 1,
        callbacks: [new Keeps(), new LambdaCallback({ onTrainEnd: (trainer) => trainer.saveCheckpoint(path) })],
      }).fit(new Slope(), new Data());
      const around = ["setup", "onLoadCheckpoint", "onFitStart", "onTrainStart", "onFitEnd", "teardown"];
      const names = [
        ...around,
        "configureCallbacks",
        "prepareData",
        "configureModel",
        "loadStateDict",
        "configureOptimizers",
      ];
      const module = noting("M", new Slope(), names),
        data = noting("D", new Data(), ["prepareData", "setup", "loadStateDict", "teardown"]);
      const callback = noting("C", new Keeps(), [...around, "loadStateDict", "onException"]);
      const trainer = new Trainer({
        ...quiet,
        maxEpochs: 2,
        callbacks: callback,
        logger: new Logs(),
        profiler: "simple",
      });
      noting("profiler", trainer.profiler!, ["report"]);
      calls.length = 0;
      await written(() => trainer.fit(module, data, { ckptPath: path }));
      assertEquals(calls, [
        ...[
          "M configureCallbacks",
          "D prepareData",
          "M prepareData",
          "D setup",
          "C setup",
          "M setup",
          "M configureModel",
        ],
        ...["M onLoadCheckpoint", "M loadStateDict", "D loadStateDict", "C onLoadCheckpoint", "C loadStateDict"],
        ...["M configureOptimizers", "C onFitStart", "M onFitStart", "C onTrainStart", "M onTrainStart"],
        ...["C onFitEnd", "M onFitEnd", "D teardown", "C teardown", "M teardown", "logger success", "profiler report"],
      ]);
    });
  },
);

trainerTest("validation is tried before training, but not where a run goes on within an epoch", async () => {
  await inFolder(async (folder) => {
    const data = () => ({ train: constantBatches([1, 1]), val: constantBatches([1]) });
    const path = (batches: number) => joinPath(folder, String(batches));
    const save = new LambdaCallback({
      onTrainBatchEnd: (trainer) => trainer.saveCheckpoint(path(trainer.batchesSeen)),
      onTrainEnd: (trainer) => trainer.saveCheckpoint(path(0)),
    });
    await new Trainer({ ...quiet, maxEpochs: 1, callbacks: save }).fit(new Validates(), data());
    const tries = async (ckptPath: string | null) => {
      let tried = 0;
      const callbacks = new LambdaCallback({ onSanityCheckStart: () => void tried++ });
      const trainer = new Trainer({ ...quiet, numSanityValSteps: 2, maxEpochs: 2, callbacks });
      await trainer.fit(new Validates(), data(), { ckptPath });
      return [tried, trainer.globalStep];
    };
    assertEquals([await tries(null), await tries(path(1)), await tries(path(0))], [[1, 4], [0, 4], [1, 4]]);
  });
});

trainerTest("a checkpoint holds what the module's own hook of its moment did", async () => {
  await inFolder(async (dirpath) => {
    const calls: string[] = [];
    class Notes extends Validates {
      override onTrainBatchEnd(): void {
        calls.push("batch");
      }
      override onValidationEnd(): void {
        calls.push("validation");
      }
      override onTrainEpochEnd(): void {
        calls.push("epoch");
      }
      override onSaveCheckpoint(): void {
        calls.push("save");
      }
    }
    const data = { train: constantBatches([1]), val: constantBatches([1]) };
    const fit = async (options: ModelCheckpointOptions, lightningCompat = false) => {
      const callbacks = new ModelCheckpoint({ dirpath, ...options });
      const given = { ...quiet, maxEpochs: 1, enableCheckpointing: true, lightningCompat, callbacks };
      await new Trainer(given).fit(new Notes(), data);
      return calls.splice(0).join(" ");
    };
    assertEquals(await fit({ everyNTrainSteps: 1 }), "batch save validation epoch");
    assertEquals(await fit({ saveOnTrainEpochEnd: false }), "batch validation save epoch");
    assertEquals(await fit({}), "batch validation epoch save");
    assertEquals(await fit({ everyNTrainSteps: 1 }, true), "save batch validation epoch");
    assertEquals(await fit({ saveOnTrainEpochEnd: false }, true), "batch save validation epoch");
  });
});

trainerTest("a module says whether its checkpoints must have all its names, and what loggers get of it", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "x"), given: object[] = [];
    class Small extends Slope {
      constructor() {
        super();
        this.saveHyperparameters({ lr: 1 }, { logger: false });
      }
    }
    class Loose extends Net {
      override strictLoading = false;
    }
    const logger = Object.assign(new MemoryLogger(), { logHyperparams: (values: object) => void given.push(values) });
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, logger });
    await trainer.fit(new Small(), constantBatches([1]));
    await trainer.saveCheckpoint(path);
    assertEquals(given, []);
    const validate = (module: Net) =>
      new Trainer(quiet).validate(module, cloudLoader(4, { batchSize: 4 }), { ckptPath: path, verbose: false });
    await assertRejects(() => validate(new Net()), Error, "fc1.weight");
    assertEquals((await validate(new Loose())).length, 1);
  });
});
