import { env } from "../platform/mod.ts";
import { basicAuth, Refused, type Send } from "./_http.ts";
import type { Service } from "./_outbox.ts";
import { contentOf, patienceOf } from "./_run_service.ts";
import { json } from "./_values.ts";
import { rowText, type RunInfo } from "./_wandb_file.ts";

/** What is sent while a run goes on. */
export type OnlineItem =
  | { readonly kind: "row"; readonly row: Readonly<Record<string, unknown>> }
  | { readonly kind: "config"; readonly config: Readonly<Record<string, unknown>> }
  /** A file of so many bytes: its name in the run, and where it is. */
  | { readonly kind: "file"; readonly name: string; readonly path: string; readonly size: number }
  | { readonly kind: "end"; readonly code: number };

/** Rows of a request, and characters in it. */
const MOST_ROWS = 1000, MOST_TEXT = 1_000_000;

const UPSERT = `mutation UpsertBucket($name: String, $project: String, $entity: String, $displayName: String,
  $config: JSONString, $tags: [String!]) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, displayName: $displayName,
    config: $config, tags: $tags}) {
    bucket { name displayName historyLineCount project { name entity { name } } }
    inserted
  }
}`;

const CREATE_FILES = `mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run, files: $files}) {
    runID
    uploadHeaders
    files { name uploadUrl }
  }
}`;

/** Where a file goes, and what has to be said there: `name:value`. */
interface Upload {
  readonly uploadHeaders?: readonly string[] | null;
  readonly files?: readonly { readonly uploadUrl?: string | null }[] | null;
}

/** What the service says of a run. */
interface Bucket {
  readonly historyLineCount?: number | null;
  readonly project: { readonly name: string; readonly entity: { readonly name: string } };
}

/** The protocol that W&B's own client speaks, as far as rows, configuration, files and the end of a run go. */
export class WandbService implements Service<OnlineItem> {
  /** The server's address. */
  readonly base: string;
  readonly gap: number = 500;
  readonly #run: RunInfo;
  readonly #folder: () => string;
  #config: Readonly<Record<string, unknown>>;
  #bucket: Bucket | null = null;
  /** Lines of the history that the service has: a request that is repeated writes the same lines. */
  #lines = 0;
  #summary: Record<string, unknown> = {};

  /**
   * @param base The server's address
   * @param run The run
   * @param folder Says where everything is kept, too
   */
  constructor(base: string, run: RunInfo, folder: () => string) {
    this.base = base;
    this.#folder = folder;
    this.#run = run;
    this.#config = run.config;
  }

  get kept(): string {
    return `\`wandb sync ${this.#folder()}\` uploads what is missing`;
  }

  get title(): string {
    return `W&B at ${this.base}`;
  }

  headers(): Record<string, string> {
    return { authorization: basicAuth("api", env("WANDB_API_KEY") ?? "") };
  }

  patienceFor(item: OnlineItem): number {
    return patienceOf(item);
  }

  async deliver(items: readonly OnlineItem[], send: Send): Promise<number> {
    this.#bucket ??= await this.#connect(send);
    const { project } = this.#bucket, [first] = items;
    const stream = `/files/${
      [project.entity.name, project.name, this.#run.id].map(encodeURIComponent).join("/")
    }/file_stream`;
    if (first.kind === "file") {
      await this.#upload(first, project, send);
      return 1;
    }
    if (first.kind === "config") {
      this.#config = { ...this.#config, ...first.config };
      await this.#upsert(send);
      return 1;
    }
    if (first.kind === "end") {
      await send({ method: "POST", path: stream, body: { complete: true, exitcode: first.code } });
      return 1;
    }
    const rows: string[] = [], summary = { ...this.#summary };
    let text = 0;
    for (const item of items) {
      if (item.kind !== "row" || rows.length === MOST_ROWS) break;
      const line = rowText(item.row);
      if (rows.length > 0 && text + line.length > MOST_TEXT) break;
      rows.push(line);
      text += line.length;
      Object.assign(summary, item.row);
    }
    const files = {
      "wandb-history.jsonl": { offset: this.#lines, content: rows },
      "wandb-summary.json": { offset: 0, content: [rowText(summary)] },
    };
    await send({ method: "POST", path: stream, body: { files } });
    this.#lines += rows.length;
    this.#summary = summary;
    return rows.length;
  }

  async #connect(send: Send): Promise<Bucket> {
    const bucket = await this.#upsert(send);
    this.#lines = bucket.historyLineCount ?? 0;
    return bucket;
  }

  /** Asks where a file goes, and puts it there. */
  async #upload(file: OnlineItem & { kind: "file" }, { name, entity }: Bucket["project"], send: Send): Promise<void> {
    const variables = { entity: entity.name, project: name, run: this.#run.id, files: [file.name] };
    const answer = await send({ method: "POST", path: "/graphql", body: { query: CREATE_FILES, variables } }) as
      | { data?: { createRunFiles?: Upload | null } | null }
      | null;
    const upload = answer?.data?.createRunFiles, path = upload?.files?.[0]?.uploadUrl;
    if (!path) throw new Refused(`there is no place for ${file.name}`, 200, "", false);
    const headers = Object.fromEntries((upload?.uploadHeaders ?? []).map((line) => {
      const end = line.indexOf(":");
      return [line.slice(0, end), line.slice(end + 1)];
    }));
    await send({ method: "PUT", path, headers, body: await contentOf({ content: file }), patience: patienceOf(file) });
  }

  /** Makes the run, or writes what is known of it. What is refused here would be refused for every entry. */
  async #upsert(send: Send): Promise<Bucket> {
    const { id: name, project, entity, displayName, tags } = this.#run;
    const config = json(Object.fromEntries(Object.entries(this.#config).map(([key, value]) => [key, { value }])));
    const body = { query: UPSERT, variables: { name, project, entity, displayName, config, tags } };
    const answer = await send({ method: "POST", path: "/graphql", body }) as {
      data?: { upsertBucket?: { bucket?: Bucket | null } | null };
      errors?: { message: string }[];
    } | null;
    const bucket = answer?.data?.upsertBucket?.bucket, of = bucket?.project;
    if (typeof of?.name === "string" && typeof of.entity?.name === "string") return bucket!;
    const why = answer?.errors?.[0]?.message ?? "it gave no run";
    throw new Refused(`the run cannot be made: ${why}`, 200, "", true);
  }
}
