import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { parse } from "yaml";
import * as z from "zod";
import { joinPath, listDir, readText, runCommand, writeFile } from "../platform/mod.ts";
import { inFolder } from "../testing/trainer.ts";
import { trainerRules } from "../trainer/options.ts";
import { readFlags } from "./_flags.ts";
import { readYaml, UsageError } from "./_tree.ts";
import { ConfigCheck } from "./_config.ts";
import { usage } from "./_help.ts";
import type { Program } from "./program.ts";
import { registered } from "./registry.ts";
import { standardCallbacks } from "./standard.ts";
import { standardOptimizers } from "./standard_optimizers.ts";

const PROGRAM = new URL("../testing/cli_program.ts", import.meta.url).pathname;

const run = (...words: string[]) => runCommand(Deno.execPath(), ["run", "-A", "--no-check", PROGRAM, ...words]);

/** Options of a quiet run whose files are in a folder. */
const quiet = (folder: string) => [
  `--trainer.defaultRootDir=${folder}`,
  "--trainer.enableProgressBar=false",
  "--trainer.enableModelSummary=false",
];

Deno.test("fit trains what files and flags say, later over earlier, and saves the configuration; test and predict follow", async () => {
  await inFolder(async (folder) => {
    const [first, second] = ["a.yaml", "b.yaml"].map((name) => joinPath(folder, name));
    await writeFile(
      first,
      "trainer: { maxEpochs: 7, logEveryNSteps: 1 }\nmodel: { classPath: Line, initArgs: { width: 5, lr: 0.5 } }\n",
    );
    await writeFile(
      second,
      "model: { classPath: Mlp, initArgs: { lr: 0.25 } }\ntrainer:\n  callbacks:\n    - classPath: EarlyStopping\n" +
        "      initArgs: { monitor: val_loss, patience: 9 }\n    - LearningRateMonitor\n",
    );
    const words = [
      ...["--config", first, "--trainer.maxEpochs", "3", "--config", second, "--trainer.maxEpochs=2"],
      ...["--optimizer=SGD", "--optimizer.lr=0.1", "--lrScheduler=StepLR", "--lrScheduler.stepSize=1"],
      ...["--lrScheduler.interval.every=3", "--lrScheduler.interval.unit=step"],
      ...["--data.batchSize=8", "--seedEverything=4", ...quiet(folder)],
    ];
    const { code, stderr } = await run("fit", ...words);
    assertEquals([code, stderr.replace(/^Warning:.*\n/gm, "")], [0, ""]);
    const log = joinPath(folder, "fulgurite_logs", "version_0");
    const config = parse(await readText(joinPath(log, "config.yaml")));
    assertEquals(config.model, { classPath: "Mlp", initArgs: { width: 8, lr: 0.25 } });
    assertEquals([config.trainer.maxEpochs, config.trainer.logEveryNSteps, config.seedEverything], [2, 1, 4]);
    const rest = { dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
    assertEquals(config.optimizer.initArgs, { lr: 0.1, momentum: 0, ...rest });
    // Three steps an epoch; the scheduler divides the rate by ten after three of them.
    const rows = (await readText(joinPath(log, "metrics.csv"))).trimEnd().split("\n");
    assert(rows[0].includes("train_loss") && rows[0].includes("lr-SGD"), rows[0]);
    const rate = rows[0].split(",").indexOf("lr-SGD");
    const rates = rows.slice(1).map((row) => row.split(",")[rate]).filter((cell) => cell !== "").map(Number);
    assert(Math.abs(rates[0] - 0.1) < 1e-9 && Math.abs(rates.at(-1)! - 0.01) < 1e-9, rates.join());
    const hparams = JSON.parse(await readText(joinPath(log, "hparams.json")));
    assertEquals(hparams, { width: 8, lr: 0.25, classes: 3, batchSize: 8 });
    // The saved configuration is one to run again, from the checkpoint that was saved.
    const [checkpoint] = await listDir(joinPath(log, "checkpoints"));
    const again = ["--config", joinPath(log, "config.yaml"), "--ckptPath", joinPath(log, "checkpoints", checkpoint)];
    const [tested, validated] = await Promise.all(["test", "validate"].map((subcommand) => run(subcommand, ...again)));
    assertEquals([tested.code, validated.code], [0, 0], tested.stderr + validated.stderr);
    assert(parse(validated.stdout).val_loss > 0, validated.stdout);
    assert(parse(tested.stdout).test_loss > 0, tested.stdout);
    const predicted = await run("predict", ...again, "--trainer.fastDevRun");
    assertEquals(predicted.code, 0, predicted.stderr);
  });
});

Deno.test("--print-config shows the whole configuration and runs nothing", async () => {
  const { code, stdout } = await run("fit", "--model=Line", "--model.lr", "1e-3", "--print-config");
  assertEquals(code, 0);
  const { model, data, trainer, ckptPath } = parse(stdout);
  assertEquals(model, { classPath: "Line", initArgs: { width: 8, lr: 0.001 } });
  assertEquals([data, trainer, ckptPath], [{ classPath: "Clouds", initArgs: { batchSize: 4 } }, {
    callbacks: [],
    logger: true,
  }, null]);
});

Deno.test("a logger is chosen by its name, with options beside it", async () => {
  await inFolder(async (folder) => {
    const chosen = ["--model=Line", "--trainer.logger=WandbLogger", "--trainer.logger.project=p"];
    const shown = await run("fit", ...chosen, "--print-config");
    assertEquals([shown.code, shown.stderr], [0, ""]);
    assertEquals(parse(shown.stdout).trainer.logger, [{ classPath: "WandbLogger", initArgs: { project: "p" } }]);
    const words = [...quiet(folder), "--trainer.fastDevRun=false", "--trainer.maxEpochs=1"];
    const wrong = await run("fit", ...chosen, ...words, "--trainer.logger.projct=q");
    assertStringIncludes(wrong.stderr, "Cannot make a WandbLogger: there is no option projct, project is the nearest");
    const { code, stderr } = await run("fit", ...chosen, ...words, `--trainer.logger.saveDir=${folder}`);
    assertEquals(code, 0, stderr);
    const [name] = await listDir(joinPath(folder, "wandb"));
    assertStringIncludes(name, "offline-run-");
  });
});

Deno.test("mistakes are named with option, value and what is allowed, all at once, and the exit code is 2", async () => {
  const { code, stdout, stderr } = await run(
    "fit",
    ...["--trainer.maxEpochs=many", "--trainer.maxEpoch=3", "--model=Mlp", "--model.width=0", "--model.lr=fast"],
    ...["--model.depth=3", "--data.batchSize=100", "--optimizer=Adams", "--lrScheduler=StepLR", "--colour=blue"],
    ...["--model.batchSize=3", "--seedEverything=-1", "--trainer.callbacks=[EarlyStop]"],
  );
  assertEquals([code, stdout], [2, ""]);
  assertEquals(stderr.trimEnd().split("\n"), [
    "--colour: there is no option colour",
    `--optimizer must be ${
      Object.keys(standardOptimizers).map((name) => `"${name}"`).join(" or ")
    }, got "Adams", Adam is the nearest`,
    "--model.batchSize must be left out: it follows from --data.batchSize",
    "--model.width must be a whole number from 1 on, got 0",
    '--model.lr must be a number above 0, got "fast"',
    "--model.depth: there is no option depth",
    "--data.batchSize must be a whole number from 1 on, up to 64, got 100",
    "--lrScheduler.stepSize must be a whole number from 1 on, got nothing",
    "--seedEverything must be a whole number from 0 on, or false, got -1",
    '--trainer.maxEpochs must be a whole number from 0 on, -1 for no end, or null, got "many"',
    "--trainer.maxEpoch: there is no option maxEpoch, maxEpochs is the nearest",
    `--trainer.callbacks.0 must be ${
      Object.keys(standardCallbacks).map((name) => `"${name}"`).join(" or ")
    }, got "EarlyStop", EarlyStopping is the nearest`,
  ]);
});

Deno.test("words that are no options, files that are no YAML, and classes that are refused are mistakes, too", async () => {
  await inFolder(async (folder) => {
    const bad = joinPath(folder, "bad.yaml"), sly = joinPath(folder, "sly.yaml"), list = joinPath(folder, "list.yaml");
    await writeFile(bad, "trainer: [");
    await writeFile(sly, "model: { __proto__: { polluted: 1 } }");
    await writeFile(list, "- 1");
    const loop = joinPath(folder, "loop.yaml");
    await writeFile(loop, "trainer: &t { maxEpochs: 1, callbacks: [*t] }");
    const words: [string[], string][] = [
      [["--config", loop], `Cannot read ${loop}: a value must not hold itself`],
      [["model.lr=3"], "Cannot understand model.lr=3: options begin with two dashes"],
      [["--trainer.maxEpochs:3"], "Cannot understand --trainer.maxEpochs:3: it must be --name or --name=value"],
      [["--config", bad], `Cannot read ${bad}: it must be YAML`],
      [["--config", sly], "a name must not be __proto__"],
      [["--config", list], "it must hold names and values"],
      [["--config"], "Cannot read --config: it must name a file"],
      [["--model.prototype.x=1"], 'Cannot understand the name "prototype"'],
    ];
    for (const [given, wanted] of words) await assertRejects(() => readFlags(given), UsageError, wanted);
    const cases: [string[], string][] = [
      [["train"], "The subcommand must be one of fit, validate, test, predict, got train"],
      [
        ["fit", "--model=Mlp", `--ckptPath=${folder}/none.ckpt`],
        `--ckptPath: Cannot load the checkpoint ${folder}/none.ckpt`,
      ],
      [["test", "--model=Mlp", "--ckptPath=best"], '--ckptPath must be a checkpoint\'s folder, got "best"'],
      [["fit", "--config", joinPath(folder, "none.yaml")], "Cannot read --config: no such file or folder"],
      [["fit", "--model=constructor"], '--model must be "Mlp" or "Line", got "constructor"'],
      [
        ["fit", "--model=Mlp", "--trainer.callbacks=[{classPath: EarlyStopping, initArgs: {patience: -1}}]"],
        "patience must be",
      ],
    ];
    const results = await Promise.all(cases.map(([words]) => run(...words)));
    for (const [i, { code, stderr }] of results.entries()) {
      assertStringIncludes(stderr, cases[i][1]);
      assertEquals(code, 2, stderr);
      assert(!stderr.includes("    at "), stderr);
    }
  });
});

Deno.test("an anchor is merged into other values, but no name comes in by it that is refused", () => {
  const read = (text: string) => readYaml(text, "a.yaml");
  assertEquals(read("a: &a { x: 1, y: 2 }\nb: { <<: *a, y: 3 }"), { a: { x: 1, y: 2 }, b: { x: 1, y: 3 } });
  for (const text of ["a: &a { __proto__: { x: 1 } }\nb: { <<: *a }", "{ <<: { __proto__: { x: 1 } } }"]) {
    assertThrows(() => read(text), UsageError, "a name must not be __proto__");
  }
  assertThrows(() => read("{ <<: 5 }"), UsageError, "it must be YAML");
});

Deno.test("+= adds to a list, whatever form it has", async () => {
  const { tree } = await readFlags([
    ...["--trainer.callbacks=Timer", "--trainer.callbacks+=LearningRateMonitor"],
    ...["--trainer.callbacks+={ classPath: EarlyStopping, monitor: loss }", "--model=Net", "--model.sizes+=[4, 8]"],
    ...["--model.sizes+=16", "--trainer.logger=CSVLogger", "--trainer.logger+=[JSONLLogger]"],
  ]);
  assertEquals(tree, {
    model: { classPath: "Net", initArgs: { sizes: [4, 8, 16] } },
    trainer: {
      callbacks: ["Timer", "LearningRateMonitor", { classPath: "EarlyStopping", monitor: "loss" }],
      logger: [{ classPath: "CSVLogger" }, "JSONLLogger"],
    },
  });
});

Deno.test("a scheduler needs an optimizer beside it", async () => {
  const { code, stderr } = await run("fit", "--model=Mlp", "--lrScheduler=ExponentialLR", "--lrScheduler.gamma=0.5");
  assertEquals([code, stderr], [2, "--lrScheduler needs an --optimizer beside it, there is none\n"]);
});

Deno.test("the help comes from the schemas", async () => {
  const [top, fit] = await Promise.all([run("--help"), run("fit", "--help")]);
  assertEquals([top.code, fit.code], [0, 0]);
  assertStringIncludes(top.stdout, "Sorts points into clouds.\n\nUsage: clouds SUBCOMMAND");
  for (const name of ["fit", "validate", "test", "predict"]) assertStringIncludes(top.stdout, `  ${name} `);
  for (const name of Object.keys(trainerRules)) assertStringIncludes(fit.stdout, `  --trainer.${name} `);
  const lines = fit.stdout.split("\n").map((line) => line.trim().replace(/ +/g, " "));
  for (
    const line of [
      "--model Mlp or Line",
      "--model.lr learning rate: a number above 0 [0.01]",
      "--model.batchSize follows from --data.batchSize",
      "--model.classes follows from the data",
      "--data.batchSize a whole number from 1 on, up to 64 [4]",
      `--optimizer ${Object.keys(standardOptimizers).join(" or ")}`,
      "--lrScheduler.stepSize intervals between drops: a whole number from 1 on",
      "--trainer.checkValEveryNEpoch a whole number from 1 on or null [1]",
    ]
  ) assert(lines.includes(line), `${line}\n${fit.stdout}`);
});

/** A program whose model has options within options. */
const nested: Program = {
  models: {
    Net: registered(
      z.object({
        head: z.strictObject({
          kind: z.enum(["linear", "mlp"]).describe("layers"),
          drop: z.object({ rate: z.number().min(0).max(1).default(0.5) }).prefault({}),
          sizes: z.array(z.number().int().min(1)).default([8]),
        }),
      }),
      () => {
        throw new Error("nothing is made here");
      },
    ),
    Other: registered(z.object({}), () => {
      throw new Error("nothing is made here");
    }),
  },
  data: {},
};

Deno.test("what is wrong within an option is named with its whole path, its value and what is allowed", async () => {
  const problems = async (...words: string[]) => {
    const check = new ConfigCheck(nested, (await readFlags(words)).tree);
    check.check();
    return check.problems;
  };
  assertEquals(await problems("--model=Net", "--model.head.kind=mlp", "--model.head.drop.rate=0.1"), []);
  assertEquals(
    await problems(
      ...["--model=Net", "--model.head.kind=c", "--model.head.drop.rate=2", "--model.head.sizes=[4, 0]"],
      "--model.head.knd=mlp",
    ),
    [
      '--model.head.kind must be "linear" or "mlp", got "c"',
      "--model.head.drop.rate must be a number from 0 on, up to 1, got 2",
      "--model.head.sizes.1 must be a whole number from 1 on, got 0",
      "--model.head.knd: there is no option knd, kind is the nearest",
    ],
  );
  assertEquals(await problems("--model=Net", "--model.head=3"), [
    "--model.head must be an object of kind, drop, sizes, got 3",
  ]);
  assertEquals(await problems("--model.class_path=Net", "--model.init_args.head.kind=mlp"), [
    "--model.class_path: it is called classPath here",
    "--model.init_args: it is called initArgs here",
  ]);
});

Deno.test("the help lists what lies within options", () => {
  const lines = usage(nested, "fit").split("\n").map((line) => line.trim().replace(/ +/g, " "));
  for (
    const line of [
      "--model.head an object of kind, drop, sizes",
      '--model.head.kind layers: "linear" or "mlp"',
      "--model.head.drop.rate a number from 0 on, up to 1 [0.5]",
      "--model.head.sizes a list, each a whole number from 1 on [[8]]",
    ]
  ) assert(lines.includes(line), `${line}\n${lines.join("\n")}`);
});
