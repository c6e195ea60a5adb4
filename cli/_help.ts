import { SCHEDULER_INTERVAL } from "../trainer/interval.ts";
import { trainerRules } from "../trainer/options.ts";
import { defaultsOf } from "./_config.ts";
import { allowedBy, fieldsOf, meaningOf } from "./_words.ts";
import type { Program } from "./program.ts";
import { type Registry, schemasOf } from "./registry.ts";

/** The subcommands, and what the help says of them. */
export const SUBCOMMANDS = {
  fit: "train, and validate between",
  validate: "validate",
  test: "test",
  predict: "predict",
} as const;

/** The name of a subcommand. */
export type Subcommand = keyof typeof SUBCOMMANDS;

/** What a program says without a subcommand. */
export function overview({ name = "train.ts", description }: Program): string {
  return [
    ...description === undefined ? [] : [description, ""],
    `Usage: ${name} SUBCOMMAND [--config FILE] [--OPTION=VALUE]`,
    "",
    ...Object.entries(SUBCOMMANDS).map(([subcommand, meaning]) => line(subcommand, meaning)),
    "",
    `${name} SUBCOMMAND --help lists the options.`,
    "",
  ].join("\n");
}

/** All options of a subcommand, as their schemas say them. */
export function usage(program: Program, subcommand: Subcommand): string {
  const { name = "train.ts", optimizers = {}, lrSchedulers = {}, callbacks = {}, loggers = {} } = program;
  const trainer = Object.entries(trainerRules).map(([option, [schema, allowed]]) => {
    const words = option === "callbacks"
      ? `a list of ${names(callbacks)}`
      : option === "logger"
      ? Object.keys(loggers).length === 0 ? "true or false" : `true, false, or a list of ${names(loggers)}`
      : allowed;
    return line(`--trainer.${option}`, words, schema.safeParse(undefined).data);
  });
  return [
    `Usage: ${name} ${subcommand} [--config FILE] [--OPTION=VALUE]`,
    "",
    line("--config FILE", "options as YAML; later files and flags lie over earlier ones"),
    line("--print-config", "print the whole configuration as YAML, and end"),
    line("--help", "show this"),
    line("--seedEverything", "a whole number from 0 on, or false", 0),
    line("--ckptPath", "the checkpoint's folder to begin with"),
    "",
    ...section("model", program.models, program),
    ...section("data", program.data, program),
    ...section("optimizer", optimizers, program),
    ...section("lrScheduler", lrSchedulers, program),
    "Trainer:",
    ...trainer,
    "",
  ].join("\n");
}

function section(title: string, registry: Registry<unknown, never[]>, { links = [] }: Program): string[] {
  if (Object.keys(registry).length === 0) return [];
  const lines = [line(`--${title}`, names(registry))];
  if (title === "lrScheduler") {
    lines.push(line("--lrScheduler.interval", SCHEDULER_INTERVAL, "epoch"));
    lines.push(line("--lrScheduler.frequency", "a whole number from 1 on", 1));
    lines.push(line("--lrScheduler.monitor", "the name of a metric"));
  }
  for (const [name, entry] of Object.entries(registry)) {
    lines.push(`${name}:`);
    const defaults = defaultsOf(entry);
    for (const [option, schema] of Object.entries(schemasOf(entry))) {
      const path = `${title}.${option}`, meaning = meaningOf(schema);
      const link = links.find(({ to }) => to === path);
      const source = typeof link?.from === "string" ? `--${link.from}` : "the data";
      const words = link === undefined ? allowedBy(schema) : `follows from ${source}`;
      lines.push(line(`--${path}`, said(meaning, words), link ? undefined : defaults[option]));
      if (link !== undefined) continue;
      for (const field of fieldsOf(schema)) {
        lines.push(line(`--${path}.${field.path}`, said(field.meaning, field.allowed), field.preset));
      }
    }
  }
  return [...lines, ""];
}

function said(meaning: string, words: string): string {
  return meaning === "" ? words : `${meaning}: ${words}`;
}

function names(registry: Registry<unknown, never[]>): string {
  return Object.keys(registry).join(" or ");
}

function line(option: string, words: string, preset?: unknown): string {
  const shown = preset === undefined || preset === null ? "" : ` [${JSON.stringify(preset)}]`;
  return `  ${option.padEnd(38)} ${words}${shown}`;
}
