import { TestServer } from "./serve.ts";

/** A server that takes what wandb 0.30.0 was seen to send: a run by GraphQL, then lines of files at their offsets. */
export class WandbServer extends TestServer {
  readonly #key: string;
  /** The run as it was made last. */
  bucket: Record<string, unknown> | null = null;
  /** Lines of the history; one that is sent again takes its own place. */
  readonly history: string[] = [];
  summary: Record<string, unknown> = {};
  exitCode: number | null = null;
  /** Files of the run. */
  readonly files: Map<string, string> = new Map();
  /** What was told of the sender to the place where each went: a key, and what the service wants to be said. */
  readonly told: [key: string | null, wanted: string | null][] = [];

  constructor(key: string) {
    super((request, path) => this.#answer(request, path));
    this.#key = key;
  }

  async #answer(request: Request, path: string): Promise<Response> {
    if (request.method !== "PUT" && request.headers.get("authorization") !== `Basic ${btoa(`api:${this.#key}`)}`) {
      return new Response("permission denied", { status: 401 });
    }
    const text = await request.text();
    if (request.method === "PUT") {
      this.told.push([request.headers.get("authorization"), request.headers.get("x-acl")]);
      this.files.set(path.slice("/put/".length), text);
      return new Response();
    }
    const body = JSON.parse(text);
    if (path === "/graphql") {
      const { query, variables } = body;
      // What only `wandb sync` asks for.
      if (/query ServerFeaturesQuery/.test(query)) return Response.json({ data: { serverInfo: { features: [] } } });
      if (/mutation CreateRunFiles/.test(query)) {
        const files = variables.files.map((name: string) => ({ name, uploadUrl: `${this.url}/put/${name}` }));
        return Response.json({ data: { createRunFiles: { runID: "1", uploadHeaders: ["x-acl:private:yes"], files } } });
      }
      if (!/upsertBucket\(input: ?\{[^}]*modelName: ?\$project[^}]*config: ?\$config/.test(query)) {
        return Response.json({ errors: [{ message: "unknown query" }] });
      }
      this.bucket = { ...variables, config: JSON.parse(variables.config) };
      const project = { id: "1", name: variables.project, entity: { id: "1", name: "own" } };
      const bucket = {
        id: "1",
        name: variables.name,
        displayName: "x",
        historyLineCount: this.history.length,
        project,
      };
      return Response.json({ data: { upsertBucket: { bucket, inserted: true } } });
    }
    if (path !== `/files/own/${this.bucket?.project}/${this.bucket?.name}/file_stream`) {
      return new Response("no such run", { status: 404 });
    }
    const { files = {}, complete, exitcode } = body;
    const lines = files["wandb-history.jsonl"];
    if (lines !== undefined) {
      if (lines.offset > this.history.length) return new Response("a gap in the history", { status: 400 });
      lines.content.forEach((line: string, i: number) => this.history[lines.offset + i] = line);
    }
    // The client sends each file when it has news of it, not always both at once.
    const [summary] = files["wandb-summary.json"]?.content ?? [];
    if (summary !== undefined) this.summary = JSON.parse(summary.replaceAll(/:(NaN|-?Infinity)/g, ':"$1"'));
    if (complete) this.exitCode = exitcode;
    return Response.json({});
  }
}
