import { TestServer } from "./serve.ts";

/** An experiment as the server has it. */
export interface CometExperiment {
  readonly workspaceName: string | null;
  readonly projectName: string;
  readonly experimentName: string | null;
  readonly metrics: { name: string; value: string; step: number; epoch: number }[];
  readonly parameters: Map<string, string>;
  readonly tags: string[];
  readonly others: Map<string, string>;
  readonly assets: Map<string, { type: string; step: string | null; bytes: Uint8Array; metadata: string | null }>;
  pulses: number;
  endTime: number | null;
}

/**
 * A server that keeps what Comet's REST API v2 documents (one value a request, the bare key as `Authorization`, its
 * rate limits) and refuses the rest; it shares no code with the logger.
 */
export class CometServer extends TestServer {
  readonly experiments: Map<string, CometExperiment> = new Map();
  readonly #key: string;
  /** Metrics a second; the documented limit is 12,000 a minute. */
  metricsPerSecond = 200;
  readonly #metricTimes: number[] = [];
  /** How often the service wants to hear that an experiment goes on. */
  pulseMilliseconds = 10_000;
  /** Requests that came too fast. */
  tooFast = 0;

  constructor(key: string) {
    super((request, path) => this.#answer(request, path));
    this.#key = key;
  }

  /** The only experiment. */
  get experiment(): CometExperiment {
    if (this.experiments.size !== 1) throw new Error(`there are ${this.experiments.size} experiments`);
    return [...this.experiments.values()][0];
  }

  async #answer(request: Request, path: string): Promise<Response> {
    const bad = (msg: string, status = 400) => Response.json({ msg, code: status }, { status });
    if (request.headers.get("authorization") !== this.#key) return bad("Invalid API key", 401);
    const call = `${request.method} ${path}`, root = "/api/rest/v2/write/experiment/";
    const query = new URL(request.url).searchParams;
    if (call === `POST ${root}upload-asset`) {
      const experiment = this.experiments.get(query.get("experimentKey") ?? "");
      if (experiment === undefined) return bad("no such experiment");
      const form = await request.formData(), file = form.get("file"), metadata = form.get("metadata");
      if (!(file instanceof File) || !query.get("fileName")) return bad("file and fileName are needed");
      experiment.assets.set(query.get("fileName")!, {
        type: query.get("type") ?? "asset",
        step: query.get("step"),
        bytes: await file.bytes(),
        metadata: typeof metadata === "string" ? metadata : null,
      });
      return Response.json({ assetId: crypto.randomUUID() });
    }
    if (call === `GET ${root}set-status`) {
      const experiment = this.experiments.get(query.get("experimentKey") ?? "");
      if (experiment === undefined) return bad("no such experiment");
      experiment.pulses++;
      return Response.json({ isAliveBeatDurationMillis: this.pulseMilliseconds });
    }
    if (request.method !== "POST" || !path.startsWith(root)) return bad(`no such call: ${call}`, 404);
    if (request.headers.get("content-type") !== "application/json") return bad("JSON is expected", 415);
    const body = JSON.parse(await request.text());
    if (path === `${root}create`) return this.#create(body);
    const experiment = this.experiments.get(body.experimentKey);
    if (experiment === undefined) return bad("no such experiment");
    switch (path.slice(root.length)) {
      case "metric": {
        const { metricName, metricValue, step, epoch, timestamp } = body;
        if (typeof metricName !== "string" || Number.isNaN(metricValue) || metricValue === null) {
          return bad("no metric");
        }
        if (!Number.isInteger(step) || !Number.isInteger(timestamp)) return bad("step and timestamp must be whole");
        if (this.#exceeds()) return new Response("slow down", { status: 429, headers: { "retry-after": "1" } });
        experiment.metrics.push({ name: metricName, value: String(metricValue), step, epoch });
        return Response.json({});
      }
      case "parameter":
        if (typeof body.parameterName !== "string" || typeof body.parameterValue !== "string") {
          return bad("no parameter");
        }
        if (!Number.isInteger(body.timestamp)) return bad("a parameter has its time");
        experiment.parameters.set(body.parameterName, body.parameterValue);
        return Response.json({});
      case "log-other":
        experiment.others.set(body.key, body.value);
        return Response.json({});
      case "tags":
        if (!Array.isArray(body.addedTags)) return bad("no tags");
        experiment.tags.push(...body.addedTags);
        return Response.json({});
      case "set-start-end-time":
        experiment.endTime = body.endTimeMillis;
        return Response.json({});
    }
    return bad(`no such call: ${call}`, 404);
  }

  /** Counts the metrics of the last second. */
  #exceeds(): boolean {
    const now = performance.now();
    while (this.#metricTimes.length > 0 && this.#metricTimes[0] < now - 1000) this.#metricTimes.shift();
    if (this.#metricTimes.length >= this.metricsPerSecond) return ++this.tooFast > 0;
    this.#metricTimes.push(now);
    return false;
  }

  #create(
    { workspaceName = null, projectName, experimentName = null, ...rest }: Record<string, string | null>,
  ): Response {
    if (typeof projectName !== "string" || Object.keys(rest).length > 0) {
      return Response.json({ msg: "a project is needed, and nothing else" }, { status: 400 });
    }
    const experimentKey = crypto.randomUUID().replaceAll("-", "");
    this.experiments.set(experimentKey, {
      ...{
        workspaceName,
        projectName,
        experimentName,
        metrics: [],
        parameters: new Map(),
        tags: [],
        others: new Map(),
      },
      ...{ assets: new Map(), pulses: 0, endTime: null },
    });
    return Response.json({ experimentKey, link: `https://example.org/${experimentKey}` });
  }
}
