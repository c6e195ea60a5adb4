import { env } from "../platform/mod.ts";
import { Refused, type Send, textAt } from "./_http.ts";
import type { FileItem, Item } from "./_item.ts";
import { contentOf, patienceOf, type RunService } from "./_run_service.ts";
import { forget } from "./remote_logger.ts";

/** An experiment of Comet, as far as it is known. */
export interface CometRun {
  readonly base: string;
  readonly workspace: string | null;
  readonly project: string;
  readonly experimentName: string | null;
  readonly tags: readonly string[];
  readonly started: number;
  /** Given by the service, or by the user who goes on with an experiment. */
  readonly experimentKey: string | null;
}

const API = "/api/rest/v2/write/experiment/";
/** Milliseconds between two signs of life, unless the service wants them at other times. */
const PULSE = 10_000;
const ASSET = {
  image: "image",
  text: "text",
  histogram: "asset",
  table: "dataframe",
  checkpoint: "model-element",
} as const;

/** Comet's REST API v2. */
export class CometService implements RunService {
  readonly kind: string = "comet";
  readonly epochIsMetric: boolean = false;
  /** 12,000 metrics, 10,000 parameters and 8,000 of everything else a minute are allowed. */
  readonly gap: number = 8;
  #run: CometRun;
  #connected = false;
  #nextPulse = -Infinity;

  /** @param run What is known of the experiment */
  constructor(run: CometRun) {
    this.#run = run;
  }

  get base(): string {
    return this.#run.base;
  }

  get title(): string {
    return `Comet at ${this.base}`;
  }

  get name(): string {
    return this.#run.project;
  }

  get version(): string {
    return this.#run.experimentKey ?? this.#run.experimentName ?? "new";
  }

  get run(): Readonly<Record<string, unknown>> {
    return { ...this.#run };
  }

  headers(): Record<string, string> {
    return { authorization: env("COMET_API_KEY") ?? "" };
  }

  opening(): Item[] {
    return this.#run.tags.map((value) => ({ kind: "tag", name: "", value }));
  }

  metricName(name: string): string {
    return name;
  }

  param(name: string, value: string): Omit<Item & { kind: "param" }, "time"> {
    return { kind: "param", name, value };
  }

  patienceFor(item: Item): number {
    return patienceOf(item);
  }

  /** Sends one entry: the service takes no more with a request. */
  async deliver([item]: readonly Item[], send: Send): Promise<number> {
    await this.#connect(send);
    const experimentKey = this.#run.experimentKey!;
    const post = (what: string, body: object) =>
      send({ method: "POST", path: API + what, body: { experimentKey, ...body } });
    if (item.kind !== "end") await this.pulse(send);
    if (item.kind === "metric") {
      const { name, value, step, epoch, time } = item;
      await post("metric", { metricName: name, metricValue: value, step, epoch, timestamp: time });
    } else if (item.kind === "param") {
      const { name, value, time } = item;
      await post("parameter", { parameterName: name, parameterValue: value, timestamp: time });
    } else if (item.kind === "tag") await post("tags", { addedTags: [item.value] });
    else if (item.kind === "file") await this.#upload(item, experimentKey, send);
    else {
      await post("log-other", { key: "status", value: item.status });
      await post("set-start-end-time", { startTimeMillis: this.#run.started, endTimeMillis: item.time });
    }
    return 1;
  }

  async #connect(send: Send): Promise<void> {
    if (this.#connected) return;
    const { workspace, project, experimentName } = this.#run;
    try {
      if (this.#run.experimentKey === null) {
        const body = {
          ...workspace === null ? {} : { workspaceName: workspace },
          ...experimentName === null ? {} : { experimentName },
          projectName: project,
        };
        const experimentKey = textAt(await send({ method: "POST", path: `${API}create`, body }), "experimentKey");
        this.#run = { ...this.#run, experimentKey };
      }
      this.#connected = true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw new Refused(`the experiment cannot be made: ${error.message}`, error.status, error.code, true);
    }
  }

  /** Says that the experiment goes on; Comet calls it finished when it hears nothing. */
  async pulse(send: Send): Promise<void> {
    if (!this.#connected || performance.now() < this.#nextPulse) return;
    const path = `${API}set-status?experimentKey=${encodeURIComponent(this.version)}`;
    const { isAliveBeatDurationMillis: wanted } = (await send({ method: "GET", path }) ?? {}) as Record<
      string,
      unknown
    >;
    this.#nextPulse = performance.now() + (typeof wanted === "number" ? wanted : PULSE);
  }

  async #upload(file: FileItem, experimentKey: string, send: Send): Promise<void> {
    const { name, step, what, caption } = file;
    const query = new URLSearchParams({ experimentKey, fileName: name, type: ASSET[what], overwrite: "true" });
    if (step !== null) query.set("step", String(step));
    const body = new FormData();
    body.set("file", new Blob([await contentOf(file)]), name.split("/").at(-1)!);
    if (caption !== null) body.set("metadata", JSON.stringify({ caption }));
    await send({ method: "POST", path: `${API}upload-asset?${query}`, body, patience: patienceOf(file) });
    await forget(file);
  }
}
