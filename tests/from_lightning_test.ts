/** The page for Lightning's users names everything there is, and nothing that there is not. */
import { assertEquals } from "@std/assert";
import * as callbacks from "../callbacks/mod.ts";
import * as lightning from "../lightning.ts";
import * as loggers from "../loggers/mod.ts";
import { trainerRules } from "../trainer/options.ts";

const page = await Deno.readTextFile(new URL("../docs/from-lightning.md", import.meta.url));
const named = new Set([...page.matchAll(/`(\w+)/g)].map(([, name]) => name));

Deno.test("every argument of the trainer, callback, logger and profiler has its place in docs/from-lightning.md", () => {
  const profilers = Object.keys(lightning).filter((name) => /.Profiler$/.test(name));
  const wanted = [...Object.keys(trainerRules), ...Object.keys(callbacks), ...Object.keys(loggers), ...profilers];
  const errors = /Error$/;
  assertEquals(wanted.filter((name) => !named.has(name) && !errors.test(name)), []);
});

Deno.test("every hook, and every option of log, of a scheduler and of entry points has its place there", async () => {
  const read = (file: string) => Deno.readTextFile(new URL(`../trainer/${file}.ts`, import.meta.url));
  const files = ["module_hooks", "callback", "log", "optimizer_config", "entry_call"];
  const sources = (await Promise.all(files.map(read))).join("\n");
  const wanted = new Set([...sources.matchAll(/^ {2}(?:readonly )?(\w+)\?[(:]/gm)].map(([, name]) => name));
  const inCode = new Set(
    [...page.replace(/```[^]*?```/g, "").matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code.match(/\w+/g) ?? []),
  );
  assertEquals([...wanted].filter((name) => !inCode.has(name)), []);
  assertEquals(["onTrainBatchStart", "reduceFx", "frequency"].filter((name) => !wanted.has(name)), []);
});

Deno.test("what docs/from-lightning.md says is here of callbacks and modules is here", () => {
  const rows = page.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.split(/(?<!\\)\|/).map((cell) => cell.trim())
  );
  const classes = rows.flatMap(([, , here = ""]) => [...here.matchAll(/`([A-Z]\w+)`/g)].map(([, name]) => name));
  const known = new Set([...Object.keys(callbacks), ...Object.keys(loggers), ...Object.keys(lightning)]);
  const elsewhere = new Set([
    "DataLoader",
    "CombinedLoader",
    "LightningCLI",
    "AbortSignal",
    "Logger",
    "DistributedSampler",
    "GradScaler",
    "FULGURITE_TRAINER_MAX_EPOCHS",
  ]);
  assertEquals(classes.filter((name) => !known.has(name) && !elsewhere.has(name)), []);
});
