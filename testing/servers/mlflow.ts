import { type Handler, TestServer } from "./serve.ts";

/**
 * A tracking server that keeps what MLflow's REST API 2.0 documents, and refuses what it says is refused: it shares no
 * code with the logger. Limits are those of "Log Batch" and of the server's validation of names and values.
 */
export class MLflowServer extends TestServer {
  readonly experiments: Map<string, { id: string; deleted: boolean }> = new Map();
  readonly runs: Map<string, ServerRun> = new Map();
  /** Artifacts by path. */
  readonly artifacts: Map<string, Uint8Array> = new Map();
  /** Sizes of the log-batch requests: metrics, params, tags, bytes. */
  readonly batches: [metrics: number, params: number, tags: number, bytes: number][] = [];
  /** What an `authorization` header must be. */
  authorization: string | null = null;
  /** Where files of runs are. */
  artifactRoot = "mlflow-artifacts:";
  /** A metric that the server refuses. */
  refusedMetric: string | null = null;

  constructor() {
    super((request, path) => this.#route(request, path));
  }

  /** The only run. */
  get run(): ServerRun {
    if (this.runs.size !== 1) throw new Error(`there are ${this.runs.size} runs`);
    return [...this.runs.values()][0];
  }

  #route: Handler = async (request, path) => {
    try {
      if (this.authorization !== null && request.headers.get("authorization") !== this.authorization) {
        // A careless server that tells what it was asked: the logger must not show it.
        throw new Bad(401, "UNAUTHENTICATED", `not you: ${request.headers.get("authorization")}`);
      }
      return Response.json(await this.#answer(request, path));
    } catch (error) {
      if (!(error instanceof Bad)) throw error;
      return Response.json({ error_code: error.code, message: error.message }, { status: error.status });
    }
  };

  async #answer(request: Request, path: string): Promise<unknown> {
    const query = new URL(request.url).searchParams, call = `${request.method} ${path.replace("/api/2.0/", "")}`;
    if (call.startsWith("PUT mlflow-artifacts/artifacts/")) {
      const name = decodeURIComponent(call.slice("PUT mlflow-artifacts/artifacts/".length));
      need(!name.split("/").includes("..") && !name.startsWith("/"), "Invalid path");
      this.artifacts.set(name, await request.bytes());
      return {};
    }
    if (call === "GET mlflow/experiments/get-by-name") {
      const name = query.get("experiment_name"), experiment = this.experiments.get(name!);
      if (experiment === undefined) throw new Bad(404, "RESOURCE_DOES_NOT_EXIST", `no experiment ${name}`);
      return { experiment: { experiment_id: experiment.id, name, lifecycle_stage: "active" } };
    }
    if (call === "GET mlflow/runs/get") return { run: { info: this.#run(query.get("run_id")).info } };
    need(request.method === "POST", `no such call: ${call}`);
    need(request.headers.get("content-type") === "application/json", "JSON is expected");
    const text = await request.text();
    // Strict JSON: a bare NaN would throw here.
    const body = JSON.parse(text) as Record<string, unknown>;
    switch (call) {
      case "POST mlflow/experiments/create":
        return this.#createExperiment(only(body, "name", "artifact_location"));
      case "POST mlflow/runs/create":
        return this.#createRun(only(body, "experiment_id", "start_time", "run_name", "tags", "user_id"));
      case "POST mlflow/runs/update":
        return this.#updateRun(only(body, "run_id", "status", "end_time", "run_name"));
      case "POST mlflow/runs/log-batch":
        return this.#logBatch(only(body, "run_id", "metrics", "params", "tags"), new TextEncoder().encode(text).length);
    }
    throw new Bad(404, "ENDPOINT_NOT_FOUND", call);
  }

  #createExperiment({ name }: Record<string, unknown>): unknown {
    need(typeof name === "string" && name.length > 0 && name.length <= 500, "Invalid experiment name");
    if (this.experiments.has(name as string)) {
      throw new Bad(400, "RESOURCE_ALREADY_EXISTS", `experiment ${name} exists`);
    }
    const id = String(this.experiments.size + 1);
    this.experiments.set(name as string, { id, deleted: false });
    return { experiment_id: id };
  }

  #createRun({ experiment_id, start_time, run_name = "able-ape-1" }: Record<string, unknown>): unknown {
    need([...this.experiments.values()].some(({ id }) => id === experiment_id), `no experiment ${experiment_id}`);
    need(Number.isInteger(start_time), "start_time must be whole");
    const run_id = crypto.randomUUID().replaceAll("-", "");
    const artifact_uri = `${this.artifactRoot}/${experiment_id}/${run_id}/artifacts`;
    const info = { run_id, experiment_id, run_name, status: "RUNNING", start_time, artifact_uri } as ServerRun["info"];
    this.runs.set(run_id, { info, metrics: [], params: new Map(), tags: new Map() });
    return { run: { info } };
  }

  #updateRun({ run_id, status, end_time }: Record<string, unknown>): unknown {
    need(["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"].includes(status as string), `no status ${status}`);
    const { info } = this.#run(run_id);
    Object.assign(info, { status, end_time });
    return { run_info: info };
  }

  #logBatch(body: Record<string, unknown>, bytes: number): unknown {
    const run = this.#run(body.run_id);
    const lists = ["metrics", "params", "tags"].map((name) => (body[name] ?? []) as Record<string, unknown>[]);
    const [metrics, params, tags] = lists, total = lists.reduce((sum, { length }) => sum + length, 0);
    need(metrics.length <= 1000, `at most 1000 metrics, got ${metrics.length}`);
    need(params.length <= 100, `at most 100 params, got ${params.length}`);
    need(tags.length <= 100, `at most 100 tags, got ${tags.length}`);
    need(total <= 1000, `at most 1000 items, got ${total}`);
    need(bytes <= 1_000_000, `at most 1 MB, got ${bytes} bytes`);
    for (const { key } of lists.flat()) {
      need(typeof key === "string" && /^[/\w.\- ]+$/.test(key), `Invalid name ${JSON.stringify(key)}`);
      need((key as string).length <= 250, `names have 250 characters at most, got ${(key as string).length}`);
    }
    for (const { key, value, timestamp, step } of metrics) {
      const known = typeof value === "number" || ["NaN", "Infinity", "-Infinity"].includes(value as string);
      need(known, `metric ${key} must be a double, got ${JSON.stringify(value)}`);
      need(Number.isInteger(timestamp) && (timestamp as number) > 1e12, "timestamp must be in milliseconds");
      need(Number.isInteger(step), "step must be whole");
      need(key !== this.refusedMetric, `metric ${key} is refused`);
    }
    need(new Set(params.map(({ key }) => key)).size === params.length, "Duplicate parameter keys have been submitted");
    for (const { key, value } of params as { key: string; value: string }[]) {
      need(typeof value === "string" && value.length <= 6000, `param ${key} is too long`);
      const before = run.params.get(key);
      need(before === undefined || before === value, `Changing param values is not allowed. Param with key='${key}'`);
    }
    for (const { key, value } of tags as { key: string; value: string }[]) {
      need(typeof value === "string" && value.length <= 5000, `tag ${key} is too long`);
    }
    this.batches.push([metrics.length, params.length, tags.length, bytes]);
    for (const { key, value, step } of metrics) run.metrics.push([key as string, Number(value), step as number]);
    for (const { key, value } of params) run.params.set(key as string, value as string);
    for (const { key, value } of tags) run.tags.set(key as string, value as string);
    return {};
  }

  #run(id: unknown): ServerRun {
    const run = this.runs.get(id as string);
    if (run === undefined) throw new Bad(404, "RESOURCE_DOES_NOT_EXIST", `no run ${id}`);
    return run;
  }
}

/** A run as the server has it. */
export interface ServerRun {
  readonly info: {
    run_id: string;
    experiment_id: string;
    run_name: string;
    status: string;
    start_time: number;
    end_time?: number;
    artifact_uri: string;
  };
  readonly metrics: [key: string, value: number, step: number][];
  readonly params: Map<string, string>;
  readonly tags: Map<string, string>;
}

class Bad extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

function need(holds: boolean, message: string): void {
  if (!holds) throw new Bad(400, "INVALID_PARAMETER_VALUE", message);
}

/** Refuses fields that the documents do not have. */
function only(body: Record<string, unknown>, ...fields: string[]): Record<string, unknown> {
  for (const field of Object.keys(body)) need(fields.includes(field), `there is no field ${field}`);
  return body;
}
