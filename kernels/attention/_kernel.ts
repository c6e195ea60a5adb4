/**
 * What the kernels of attention are. All of them are one shape: an invocation owns a row (a query, or a key with its
 * value) and keeps it and its sums in registers, while the rows of the other side stream past, some at a time. So no
 * matrix of scores is ever in memory, and no invocation waits for the sums of another.
 *
 * @module
 */

/** What a kernel makes: results with statistics, gradients of queries, gradients of keys and values, or of the mask. */
export type AttentionKind = "forward" | "queries" | "keys" | "mask";

/**
 * How streamed rows come to the invocations that all need them: through workgroup memory; each lane of a subgroup loads
 * a part, which is broadcast to the others (on software adapters a load costs as much as dozens of broadcasts, whether
 * its address is the same for all lanes or not); or every invocation loads all of them.
 */
export type AttentionStream = "staged" | "broadcast" | "plain";

/** A kernel. */
export interface AttentionKernel {
  readonly kind: AttentionKind;
  /** How the streamed rows come. */
  readonly stream: AttentionStream;
  /** Invocations of a workgroup, a row each. */
  readonly width: number;
  /** Element type of everything but mask and statistics. */
  readonly type: "f32" | "f16" | "bf16";
  /** Elements of a query and a key, and of a value. */
  readonly size: number;
  readonly valueSize: number;
  /** Whether sizes, strides and offsets are multiples of four, so that four elements move at once. */
  readonly quads: boolean;
  /** Whether queries, keys and values lie in one buffer, and so do their gradients. */
  readonly sharedInputs: boolean;
  readonly sharedGrads: boolean;
  readonly mask: "none" | "bool" | "add";
  readonly causal: boolean;
  /** Where the step of the random numbers comes from in forward (backward reads what forward noted). */
  readonly dropout: "none" | "host" | "device";
  /** Rows of up to so many fours of elements are written out; longer ones are arrays and loops. */
  readonly mostUnrolled: number;
  /**
   * Whether an invocation's own row is loaded and stored in loops that no compiler can unroll. On software adapters
   * each place that touches memory is dozens of branches to compile, and they take longer than all else.
   */
  readonly rolled: boolean;
}

/**
 * Parameters of all kernels. Vectors of strides are (batch, head, row, offset), those of the mask (batch, head, row,
 * key).
 */
export const ATTENTION_PARAMS = {
  q: "vec4u",
  k: "vec4u",
  v: "vec4u",
  o: "vec4u",
  g: "vec4u",
  dq: "vec4u",
  dk: "vec4u",
  dv: "vec4u",
  m: "vec4u",
  seed: "vec4u",
  step: "vec4u",
  tiles: "u32",
  batches: "u32",
  heads: "u32",
  repeats: "u32",
  queries: "u32",
  keys: "u32",
  scale: "f32",
  keep: "f32",
  gain: "f32",
  sumBatches: "u32",
  sumHeads: "u32",
  fours: "u32",
  valueFours: "u32",
} as const;

/** Bytes of workgroup memory that every adapter has. */
const STAGE_BYTES = 16384;

/** 0 to `count` − 1. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
/** Lines moved to the right. */
export const indent = (lines: readonly string[], by = "  "): string[] => lines.map((line) => by + line);
/** A sum as text. */
export const sum = (terms: readonly string[]): string => terms.join(" + ");

/** Fours of elements of a row. */
export const quadsOf = (size: number): number => Math.ceil(size / 4);

/** Rows that are brought into workgroup memory at once, or 0 where not even a few fit. */
export function stagedRows(size: number, valueSize: number): number {
  const bytes = 16 * (quadsOf(size) + quadsOf(valueSize));
  for (const rows of [32, 16, 8, 4]) if (rows * bytes <= STAGE_BYTES) return rows;
  return 0;
}

/** Rows that are streamed at once: their scores are independent of each other. More would compile slowly. */
export const BLOCK = 4;

/** Names and uses of the buffers, in their order. */
export function attentionBindings(kernel: AttentionKernel): Record<string, "read" | "read_write"> {
  const { kind, sharedInputs, sharedGrads, mask, dropout } = kernel;
  const bindings: Record<string, "read" | "read_write"> = {};
  for (const name of sharedInputs ? ["q"] : ["q", "k", "v"]) bindings[name] = "read";
  if (mask !== "none") bindings.mask = "read";
  if (kind === "forward") {
    if (dropout === "device") bindings.step = "read";
    bindings.o = "read_write";
    bindings.stats = "read_write";
    return bindings;
  }
  if (kind === "queries") bindings.o = "read";
  bindings.g = "read";
  bindings.stats = kind === "queries" ? "read_write" : "read";
  if (kind === "queries") bindings.dq = "read_write";
  else if (kind === "mask") bindings.dm = "read_write";
  else if (sharedGrads) bindings.dq = "read_write";
  else bindings.dk = bindings.dv = "read_write";
  return bindings;
}
