import { env } from "../platform/mod.ts";
import { addressOf } from "./_address.ts";
import { CometService } from "./_comet_service.ts";
import { checkKinds } from "./_kinds.ts";
import { REMOTE_OPTIONS, RemoteLogger, type RemoteLoggerOptions } from "./remote_logger.ts";

/** Where a {@link CometLogger} sends, and what. */
export interface CometLoggerOptions extends RemoteLoggerOptions {
  /** The workspace; default `COMET_WORKSPACE` in the environment, else the key's own. */
  workspace?: string;
  /** The project; default `COMET_PROJECT_NAME` in the environment, else `"fulgurite_logs"`. */
  project?: string;
  /** The experiment's name as it is shown; default one that the service chooses. */
  experimentName?: string;
  /** An experiment to go on with, by its key. */
  experimentKey?: string;
  /** Tags of the experiment. */
  tags?: readonly string[];
}

/**
 * Sends an experiment to Comet by its REST API v2, in the background. The key comes from `COMET_API_KEY` in the
 * environment, and from nowhere else; `COMET_URL_OVERRIDE` names another server. One request holds one number, as the
 * API has it, so rows of many metrics take a while: log less often, or expect `finalize` to hand over to the spool.
 *
 * It was run against a local server that enforces the documented limits, not against the service itself.
 *
 * @example
 * ```ts ignore
 * import { CometLogger } from "@fulgurite/core/loggers";
 *
 * const logger = new CometLogger({ workspace: "me", project: "mnist" }); // with COMET_API_KEY in the environment
 * console.log(logger.name); // "mnist"; nothing is sent before training begins
 * ```
 */
export class CometLogger extends RemoteLogger {
  /**
   * Makes the logger; it sends nothing before training begins.
   *
   * @param options Where to send, and what
   * @throws {TypeError} If an option does not exist or is of another type, or there is no key in the environment
   */
  constructor(options: CometLoggerOptions = {}) {
    const task = "make a CometLogger";
    checkKinds(task, options, {
      ...{ ...REMOTE_OPTIONS, workspace: "text", project: "text", experimentName: "text", experimentKey: "text" },
      tags: "texts",
    });
    if (!env("COMET_API_KEY")) throw new TypeError(`Cannot ${task}: set COMET_API_KEY in the environment`);
    const address = env("COMET_URL_OVERRIDE") || "https://www.comet.com";
    const {
      workspace = env("COMET_WORKSPACE") || null,
      project = env("COMET_PROJECT_NAME") || "fulgurite_logs",
      experimentName = null,
      experimentKey = null,
      tags = [],
    } = options;
    const base = addressOf(task, "COMET_URL_OVERRIDE", address, "COMET_API_KEY").replace(/\/clientlib$/, "");
    const run = { base, workspace, project, experimentName, tags, started: Date.now(), experimentKey };
    super(new CometService(run), options);
  }
}
