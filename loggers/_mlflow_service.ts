import { env, writeErr } from "../platform/mod.ts";
import { basicAuth, Refused, type Send, textAt } from "./_http.ts";
import type { FileItem, Item } from "./_item.ts";
import { contentOf, patienceOf, type RunService } from "./_run_service.ts";
import { forget } from "./remote_logger.ts";

/** Limits of a `log-batch` request (MLflow's REST API, "Log Batch"). */
const MOST = { metric: 1000, param: 100, tag: 100, all: 1000, bytes: 1_000_000 } as const;
/** Characters of names and of values (MLflow's tracking server). */
const NAME = 250, PARAM = 6000, TAG = 5000;
/** What the names of fields and brackets take in a request, at most. */
const AROUND = 200;

/** A run of MLflow, as far as it is known. */
export interface MLflowRun {
  readonly base: string;
  readonly experimentName: string;
  readonly runName: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly artifactLocation: string | null;
  readonly started: number;
  /** Given by the server, or by the user who goes on with a run. */
  readonly runId: string | null;
  readonly artifactUri: string | null;
}

/** Entries of one request. */
interface Batch {
  metrics: { key: string; value: number | string; timestamp: number; step: number }[];
  params: { key: string; value: string }[];
  tags: { key: string; value: string }[];
}

/** MLflow's REST API 2.0. */
export class MLflowService implements RunService {
  readonly kind: string = "mlflow";
  readonly epochIsMetric: boolean = true;
  readonly gap: number = 0;
  #run: MLflowRun;
  #connected = false;
  readonly #warned = new Set<string>();

  /** @param run What is known of the run */
  constructor(run: MLflowRun) {
    this.#run = run;
  }

  get base(): string {
    return this.#run.base;
  }

  get title(): string {
    return `MLflow at ${this.base}`;
  }

  get name(): string {
    return this.#run.experimentName;
  }

  get version(): string {
    return this.#run.runId ?? this.#run.runName ?? "new";
  }

  get run(): Readonly<Record<string, unknown>> {
    return { ...this.#run };
  }

  headers(): Record<string, string> {
    const token = env("MLFLOW_TRACKING_TOKEN"), user = env("MLFLOW_TRACKING_USERNAME");
    if (token) return { authorization: `Bearer ${token}` };
    if (!user) return {};
    return { authorization: basicAuth(user, env("MLFLOW_TRACKING_PASSWORD") ?? "") };
  }

  opening(): Item[] {
    return Object.entries(this.#run.tags).map(([name, value]) => ({
      kind: "tag",
      name: nameOf(name),
      value: value.slice(0, TAG),
    }));
  }

  metricName(name: string): string {
    return nameOf(name);
  }

  param(name: string, value: string): Omit<Item & { kind: "param" }, "time"> {
    if (value.length > PARAM) this.#warnOnce(`hyperparameter ${name} is cut to ${PARAM} characters`);
    return { kind: "param", name: nameOf(name), value: value.slice(0, PARAM) };
  }

  patienceFor(item: Item): number {
    return patienceOf(item);
  }

  async deliver(items: readonly Item[], send: Send): Promise<number> {
    await this.#connect(send);
    const [first] = items, run_id = this.#run.runId!;
    if (first.kind === "file") await this.#upload(first, send);
    else if (first.kind === "end") {
      const status = first.status === "success" ? "FINISHED" : first.status === "interrupted" ? "KILLED" : "FAILED";
      await this.#post("runs/update", { run_id, status, end_time: first.time }, send);
    } else {
      const { batch, count } = batchOf(items);
      await this.#post("runs/log-batch", { run_id, ...batch }, send);
      return count;
    }
    return 1;
  }

  /** Finds or makes experiment and run. What is refused here would be refused for every entry. */
  async #connect(send: Send): Promise<void> {
    if (this.#connected) return;
    try {
      await (this.#run.runId === null ? this.#create(send) : this.#reopen(this.#run.runId, send));
      this.#connected = true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw new Refused(`the run cannot be made: ${error.message}`, error.status, error.code, true);
    }
  }

  async #create(send: Send): Promise<void> {
    const { runName, started } = this.#run, experiment_id = await this.#experiment(send);
    const body = { experiment_id, start_time: started, ...runName === null ? {} : { run_name: runName } };
    this.#take(await this.#post("runs/create", body, send));
  }

  async #reopen(run_id: string, send: Send): Promise<void> {
    this.#take(await send({ method: "GET", path: `${API}runs/get?run_id=${encodeURIComponent(run_id)}` }));
    await this.#post("runs/update", { run_id, status: "RUNNING" }, send);
  }

  #take(answer: unknown): void {
    const runId = textAt(answer, "run", "info", "run_id");
    const { artifact_uri = null } = (answer as { run: { info: { artifact_uri?: string } } }).run.info;
    this.#run = { ...this.#run, runId, artifactUri: artifact_uri };
  }

  async #experiment(send: Send): Promise<string> {
    const { experimentName: name, artifactLocation } = this.#run;
    const known = await this.#find(name, send);
    if (known !== null) return known;
    try {
      const place = artifactLocation === null ? {} : { artifact_location: artifactLocation };
      return textAt(await this.#post("experiments/create", { name, ...place }, send), "experiment_id");
    } catch (error) {
      // Another run made it in between.
      const made = error instanceof Refused && error.code === "RESOURCE_ALREADY_EXISTS"
        ? await this.#find(name, send)
        : null;
      if (made === null) throw error;
      return made;
    }
  }

  async #find(name: string, send: Send): Promise<string | null> {
    try {
      const path = `${API}experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
      return textAt(await send({ method: "GET", path }), "experiment", "experiment_id");
    } catch (error) {
      if (error instanceof Refused && error.code === "RESOURCE_DOES_NOT_EXIST") return null;
      throw error;
    }
  }

  async #upload(file: FileItem, send: Send): Promise<void> {
    const root = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(this.#run.artifactUri ?? "")?.[1];
    if (root === undefined) {
      return this.#warnOnce(
        `keeps files at ${this.#run.artifactUri}, not behind itself: pictures, texts, tables and checkpoints ` +
          "are not sent",
      );
    }
    const path = [...root.split("/"), ...file.name.split("/")].filter((part) => part !== "").map(encodeURIComponent)
      .join("/");
    await send({
      ...{ method: "PUT", path: `/api/2.0/mlflow-artifacts/artifacts/${path}` },
      ...{ body: await contentOf(file), patience: patienceOf(file) },
    });
    await forget(file);
  }

  #post(what: string, body: object, send: Send): Promise<unknown> {
    return send({ method: "POST", path: API + what, body });
  }

  #warnOnce(what: string): void {
    if (this.#warned.has(what)) return;
    this.#warned.add(what);
    writeErr(`Warning: ${this.title} ${what}\n`);
  }
}

const API = "/api/2.0/mlflow/";

/** A name as MLflow takes it: letters, digits, `/ . _ -` and spaces, 250 of them. */
function nameOf(name: string): string {
  return name.replaceAll(/[^/\w.\- ]+/g, "_").slice(0, NAME) || "_";
}

/** The entries of the front that fit in one request; a hyperparameter is in it once. */
function batchOf(items: readonly Item[]): { batch: Batch; count: number } {
  const batch: Batch = { metrics: [], params: [], tags: [] }, names = new Set<string>();
  let bytes = AROUND, count = 0;
  for (const item of items) {
    if (item.kind === "file" || item.kind === "end" || count === MOST.all) break;
    const { name, value } = item;
    const list = item.kind === "metric" ? batch.metrics : item.kind === "param" ? batch.params : batch.tags;
    if (list.length === MOST[item.kind] || (item.kind === "param" && names.has(name))) break;
    const entry = item.kind === "metric"
      ? { key: name, value, timestamp: item.time, step: item.step }
      : { key: name, value };
    bytes += new TextEncoder().encode(JSON.stringify(entry)).length + 1;
    if (bytes > MOST.bytes && count > 0) break;
    if (item.kind === "param") names.add(name);
    (list as unknown[]).push(entry);
    count++;
  }
  return { batch, count };
}
