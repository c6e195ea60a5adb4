import { assertThrows } from "@std/assert";
import { setEnv } from "../platform/mod.ts";
import { CometLogger, CSVLogger, JSONLLogger, MLflowLogger, TensorBoardLogger, WandbLogger } from "./mod.ts";

Deno.test("options of another type are refused when the logger is made, not when training begins", () => {
  setEnv("COMET_API_KEY", "a key");
  try {
    const make = (Logger: new (options: never) => unknown, options: unknown) => () => new Logger(options as never);
    const there = { trackingUri: "http://host" };
    const wrong: [() => unknown, string][] = [
      [make(CSVLogger, { prefix: 5 }), "Cannot make a CSVLogger: prefix must be a text, got 5"],
      [make(JSONLLogger, { saveDir: 5 }), "saveDir must be a text, got 5"],
      [make(TensorBoardLogger, { prefix: 5 }), "Cannot make a TensorBoardLogger: prefix must be a text, got 5"],
      [make(TensorBoardLogger, { defaultHpMetric: "no" }), 'defaultHpMetric must be true or false, got "no"'],
      [make(WandbLogger, { saveDir: 5 }), "Cannot make a WandbLogger: saveDir must be a text, got 5"],
      [make(WandbLogger, { tags: "a" }), 'tags must be a list of texts, got "a"'],
      [make(WandbLogger, { offline: "no" }), 'offline must be true or false, got "no"'],
      [make(WandbLogger, { config: [1] }), "config must be an object, got [1]"],
      [make(WandbLogger, { id: 7 }), "id must be a text, got 7"],
      [make(MLflowLogger, { ...there, tags: { a: 5 } }), "tags must be an object whose values are texts"],
      [make(MLflowLogger, { ...there, tags: ["a"] }), 'tags must be an object whose values are texts, got ["a"]'],
      [make(MLflowLogger, { trackingUri: 5 }), "trackingUri must be a text, got 5"],
      [make(MLflowLogger, "http://host"), "options must be an object such as { saveDir: "],
      [make(CometLogger, { tags: [1] }), "tags must be a list of texts, got [1]"],
      [make(CometLogger, { project: null }), "project must be a text, got null"],
    ];
    for (const [logger, message] of wrong) assertThrows(logger, TypeError, message);
  } finally {
    setEnv("COMET_API_KEY", "");
  }
});
