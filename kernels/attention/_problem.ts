import type { Device } from "../../device/mod.ts";
import { isHalf } from "../../tensor/dtype.ts";
import type { RandomKey } from "../../tensor/generator.ts";
import { numel, stridesOf } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { family } from "../_family.ts";
import { launch } from "../_run.ts";
import type { KernelSource } from "../_source.ts";
import { subgroupLanes } from "../matmul/_lanes_plan.ts";
import { pureView } from "../matmul/_operand.ts";
import {
  ATTENTION_PARAMS,
  attentionBindings,
  type AttentionKernel,
  type AttentionKind,
  quadsOf,
  stagedRows,
} from "./_kernel.ts";
import { writeAttention } from "./_writer.ts";

/**
 * Rows by batch and head in a buffer: element e of a row lies at
 * `offset + batch·strides[0] + head·strides[1] + row·strides[2] + e`.
 */
export interface Heads {
  readonly tensor: Tensor;
  readonly strides: readonly [batch: number, head: number, row: number];
  readonly offset: number;
}

/** Which weights are dropped, and what the others are multiplied by. */
export interface AttentionDropout {
  readonly p: number;
  readonly key: RandomKey;
}

/** Sizes of an attention, with everything that does not lie on the device. */
export interface AttentionSizes {
  readonly batches: number;
  readonly heads: number;
  /** Heads of keys and values: a divisor of `heads`. */
  readonly keyHeads: number;
  readonly queries: number;
  readonly keys: number;
  /** Elements of a query and a key, and of a value. */
  readonly size: number;
  readonly valueSize: number;
  readonly scale: number;
  readonly causal: boolean;
  readonly dropout: AttentionDropout | null;
}

/** An attention to compute. */
export interface Attention extends AttentionSizes {
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
  /** Truth for pairs that count, or numbers that are added to scores; broadcasts to [batches, heads, queries, keys]. */
  readonly mask: Tensor | null;
  /** The step of dropout's random numbers, where it is on the device. */
  readonly step: Tensor | null;
}

/** What backward needs besides. */
export interface AttentionBackward extends Attention {
  /** The results and their gradients. */
  readonly o: Heads;
  readonly g: Heads;
  readonly stats: Tensor;
}

/** Words of statistics: two for each query, and four for step and stream of dropout. */
export function statisticsSize({ batches, heads, queries }: AttentionSizes): number {
  return 2 * (batches * heads * queries + 2);
}

/** Whether four elements of rows can be moved at once. */
const inFours = ({ strides, offset }: Heads): boolean => offset % 4 === 0 && strides.every((n) => n % 4 === 0);

/**
 * Where the rows of a tensor [batches, heads, rows, size] lie: views of other tensors are read in place where the
 * elements of a row are neighbours.
 */
export function headsOf(t: Tensor): Heads {
  const view = pureView(t);
  if (view !== null && (view.strides[3] === 1 || t.shape[3] === 1)) {
    const [batch, head, row] = view.strides;
    const found: Heads = {
      tensor: new Tensor({ shape: [view.storage.numel], storage: view.storage.retain(), scoped: false }),
      strides: [batch, head, row],
      offset: view.offset,
    };
    if (!isHalf(t.dtype) || inFours(found)) return found;
    found.tensor.dispose();
  }
  return ownRows(t, stridesOf(t.shape));
}

/** Rows at places of a tensor's own elements. */
export function ownRows(t: Tensor, [batch, head, row]: readonly number[], offset = 0): Heads {
  const tensor = new Tensor({ shape: t.shape, storage: t.storage.retain(), scoped: false });
  return { tensor, strides: [batch, head, row], offset };
}

/** Records the results [batches, queries, heads, valueSize] and their statistics. */
export function recordForward(attention: Attention, o: Heads, stats: Tensor): void {
  const { queries, step } = attention;
  const buffers: Record<string, Tensor> = { o: o.tensor, stats };
  if (step !== null) buffers.step = step;
  record("forward", attention, { o }, buffers, queries, attention.batches * attention.heads);
}

/** Records the gradient of the queries, and into the statistics what the other gradients need. */
export function recordQueries(attention: AttentionBackward, dq: Heads): void {
  const { queries, o, g, stats } = attention;
  const buffers = { o: o.tensor, g: g.tensor, stats, dq: dq.tensor };
  record("queries", attention, { o, g, dq }, buffers, queries, attention.batches * attention.heads);
}

/** Records the gradients of keys and values; `sharedGrads` when they lie in one tensor. */
export function recordKeys(attention: AttentionBackward, dk: Heads, dv: Heads, sharedGrads: boolean): void {
  const { keys, g, stats } = attention;
  const grads: Record<string, Tensor> = sharedGrads ? { dq: dk.tensor } : { dk: dk.tensor, dv: dv.tensor };
  const buffers = { g: g.tensor, stats, ...grads };
  record("keys", attention, { g, dk, dv }, buffers, keys, attention.batches * attention.keyHeads, { sharedGrads });
}

/** Records the gradient of the mask, [its batches, its heads, queries, keys]. */
export function recordMask(attention: AttentionBackward, dm: Tensor): void {
  const { keys, queries, g, stats } = attention;
  const rows = dm.shape[0] * dm.shape[1] * queries;
  record("mask", attention, { g }, { g: g.tensor, stats, dm }, keys, rows);
}

const kernels = new Map<string, KernelSource<Record<string, "read" | "read_write">, typeof ATTENTION_PARAMS>>();

function kernelFor(spec: AttentionKernel) {
  const name = `attention ${Object.values(spec).join(" ")}`;
  let kernel = kernels.get(name);
  if (kernel === undefined) {
    const code = writeAttention(spec);
    kernels.set(name, kernel = { name, bindings: attentionBindings(spec), params: ATTENTION_PARAMS, code });
  }
  return kernel;
}

/** Fours of elements of a row that are written out: compilers of software adapters take seconds for long kernels. */
const UNROLLED = { gpu: 32, software: 16, softwareOther: 2 };

/** How an adapter streams rows, and how many invocations share them. */
function streamFor(
  { size, valueSize }: AttentionSizes,
  kind: AttentionKind,
  device: Device,
): Pick<AttentionKernel, "stream" | "width" | "mostUnrolled" | "rolled"> {
  const rolled = device.info.software;
  if (kind === "mask") return { stream: "plain", width: 64, mostUnrolled: 0, rolled };
  if (family() === "groups" && stagedRows(size, valueSize) > 0) {
    return { stream: "staged", width: 64, mostUnrolled: rolled ? UNROLLED.softwareOther : UNROLLED.gpu, rolled };
  }
  const { lanes, broadcast } = subgroupLanes(device);
  return {
    stream: broadcast ? "broadcast" : "plain",
    width: lanes,
    mostUnrolled: broadcast ? UNROLLED.software : UNROLLED.softwareOther,
    rolled,
  };
}

/** Records one kernel: `rows` rows for each of `stacks` pairs of a batch and a head. */
function record(
  kind: AttentionKind,
  attention: Attention,
  places: { readonly [name in "o" | "g" | "dq" | "dk" | "dv"]?: Heads },
  buffers: Readonly<Record<string, Tensor>>,
  rows: number,
  stacks: number,
  { sharedGrads = false }: { sharedGrads?: boolean } = {},
): void {
  const { q, k, v, mask, dropout, batches, heads, keyHeads, queries, keys, size, valueSize } = attention;
  const { device, dtype } = q.tensor.storage;
  const streaming = streamFor(attention, kind, device);
  const sharedInputs = q.tensor.storage === k.tensor.storage && k.tensor.storage === v.tensor.storage;
  const spec: AttentionKernel = {
    kind,
    ...streaming,
    type: dtype === "f16" || dtype === "bf16" ? dtype : "f32",
    size,
    valueSize,
    quads: size % 4 === 0 && valueSize % 4 === 0 && [q, k, v, ...Object.values(places)].every(inFours),
    sharedInputs,
    sharedGrads,
    mask: mask === null ? "none" : mask.dtype === "bool" ? "bool" : "add",
    causal: attention.causal,
    dropout: dropout === null ? "none" : dropout.key.step instanceof Tensor && kind === "forward" ? "device" : "host",
  };
  const tiles = Math.ceil(rows / streaming.width);
  const at = (x: Heads | undefined) => x === undefined ? [0] : [...x.strides, x.offset];
  const own4 = mask === null ? [] : stridesOf(mask.shape).map((stride, axis) => mask.shape[axis] === 1 ? 0 : stride);
  const { seed, stream, step } = dropout?.key ?? { seed: [0, 0], stream: 0, step: [0, 0] };
  launch(
    kernelFor(spec),
    {
      q: q.tensor,
      ...(sharedInputs ? {} : { k: k.tensor, v: v.tensor }),
      ...(mask === null ? {} : { mask }),
      ...buffers,
    },
    {
      q: at(q),
      k: at(k),
      v: at(v),
      o: at(places.o),
      g: at(places.g),
      dq: at(places.dq),
      dk: at(places.dk),
      dv: at(places.dv),
      m: own4,
      seed: [...seed, stream],
      step: step instanceof Tensor ? [0] : [...step],
      tiles,
      batches,
      heads,
      repeats: heads / keyHeads,
      queries,
      keys,
      scale: attention.scale,
      keep: dropout === null ? 1 : 1 - dropout.p,
      gain: dropout === null ? 1 : dropout.p === 1 ? 0 : 1 / (1 - dropout.p),
      sumBatches: mask !== null && mask.shape[0] === 1 ? batches : 1,
      sumHeads: mask !== null && mask.shape[1] === 1 ? heads : 1,
      fours: quadsOf(size),
      valueFours: quadsOf(valueSize),
    },
    tiles * stacks,
  );
}

/** Lets go of the handles of places. */
export function release(...places: readonly Heads[]): void {
  for (const { tensor } of places) tensor.dispose();
}

/** Elements of a mask's gradient before axes of queries or keys that it repeats are summed. */
export function maskGradShape(mask: Tensor, { queries, keys }: AttentionSizes): number[] {
  return [mask.shape[0], mask.shape[1], queries, keys];
}

/** Whether there is anything to compute. */
export function isEmpty({ batches, heads, queries, valueSize }: AttentionSizes): boolean {
  return numel([batches, heads, queries, valueSize]) === 0;
}
