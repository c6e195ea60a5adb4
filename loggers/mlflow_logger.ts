import { env } from "../platform/mod.ts";
import { addressOf } from "./_address.ts";
import { checkKinds } from "./_kinds.ts";
import { MLflowService } from "./_mlflow_service.ts";
import { REMOTE_OPTIONS, RemoteLogger, type RemoteLoggerOptions } from "./remote_logger.ts";

/** Where an {@link MLflowLogger} sends, and what. */
export interface MLflowLoggerOptions extends RemoteLoggerOptions {
  /** The experiment; it is made where there is none of that name. Default `"fulgurite_logs"`. */
  experimentName?: string;
  /** The run's name as it is shown; default one that the server chooses. */
  runName?: string;
  /** The server's address; default `MLFLOW_TRACKING_URI` in the environment. */
  trackingUri?: string;
  /** Tags of the run. */
  tags?: Readonly<Record<string, string>>;
  /** A run to go on with, by its id. */
  runId?: string;
  /** Where a new experiment keeps its files; default the server's choice. */
  artifactLocation?: string;
}

/**
 * Sends a run to an MLflow tracking server by its REST API 2.0, in the background. Access is proven by
 * `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, in the environment. Pictures,
 * texts, histograms, tables and checkpoints become artifacts where the server takes them itself (`mlflow-artifacts:`).
 *
 * It was run against a local server that enforces the documented limits, not against MLflow itself.
 *
 * @example
 * ```ts
 * import { MLflowLogger } from "@fulgurite/core/loggers";
 *
 * const trackingUri = "http://localhost:5000";
 * const logger = new MLflowLogger({ experimentName: "mnist", trackingUri, tags: { team: "vision" } });
 * console.log(logger.name); // "mnist"; nothing is sent before training begins
 * ```
 */
export class MLflowLogger extends RemoteLogger {
  /**
   * Makes the logger; it sends nothing before training begins.
   *
   * @param options Where to send, and what
   * @throws {TypeError} If an option does not exist or is of another type, or there is no address of a server
   */
  constructor(options: MLflowLoggerOptions = {}) {
    const task = "make an MLflowLogger";
    checkKinds(task, options, {
      ...{ ...REMOTE_OPTIONS, experimentName: "text", runName: "text", trackingUri: "text", tags: "named" },
      ...{ runId: "text", artifactLocation: "text" },
    });
    const { experimentName = "fulgurite_logs", runName = null, tags = {}, runId = null, artifactLocation = null } =
      options;
    const uri = options.trackingUri ?? env("MLFLOW_TRACKING_URI");
    if (!uri) throw new TypeError(`Cannot ${task}: give trackingUri, or set MLFLOW_TRACKING_URI in the environment`);
    const base = addressOf(task, "trackingUri", uri, "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD");
    const run = {
      base,
      experimentName,
      runName,
      tags,
      artifactLocation,
      started: Date.now(),
      runId,
      artifactUri: null,
    };
    super(new MLflowService(run), options);
  }
}
