/**
 * What a captured training step costs beside the step itself: `deno run -A bench/capture.bench.ts`.
 *
 * Host time is that of the call and its submit, with an idle device: medians, and the least in brackets. Memory is what
 * the step takes beyond parameters, moments and its inputs: eager the most that is live at once, captured all that the
 * recording holds, gradients included.
 */
import {
  backward,
  capture,
  crossEntropy,
  device,
  flatten,
  gelu,
  init,
  layerNorm,
  randint,
  randn,
  scope,
  type Tensor,
} from "../mod.ts";
import { Embedding, Linear, Module, TransformerEncoder, TransformerEncoderLayer } from "../nn/mod.ts";
import { Adam } from "../optim/mod.ts";
import { LeNet, Mlp } from "./_models.ts";

class Transformer extends Module<[Tensor], Tensor> {
  embedding = new Embedding(96, 128);
  encoder = new TransformerEncoder(
    new TransformerEncoderLayer(128, 4, { dimFeedforward: 512, activation: gelu, dropout: 0, normFirst: true }),
    4,
  );
  head = new Linear(128, 96);

  override forward(ids: Tensor): Tensor {
    const hidden = layerNorm(this.encoder.forward(this.embedding.forward(ids)), { normalizedShape: [128] });
    return flatten(this.head.forward(hidden), { startDim: 0, endDim: 1 });
  }
}

const STEPS: Record<string, { model: () => Module<[Tensor], Tensor>; x: () => Tensor; y: () => Tensor }> = {
  "MLP 784-256-128-10, batch 128": {
    model: () => new Mlp(),
    x: () => randn([128, 784]),
    y: () => randint(0, 10, [128]),
  },
  "LeNet-5, batch 64": {
    model: () => new LeNet(),
    x: () => randn([64, 1, 28, 28]),
    y: () => randint(0, 10, [64]),
  },
  "4-layer transformer, d 128, 8 × 64": {
    model: () => new Transformer(),
    x: () => randint(0, 96, [8, 64]),
    y: () => randint(0, 96, [512]),
  },
};

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

/** Microseconds on the host, each time with an idle device: the median and the least. */
async function hostTime(run: () => void, times: number): Promise<[median: number, least: number]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    run();
    device().flush();
    taken.push(1000 * (performance.now() - start));
    await device().sync();
  }
  taken.sort((a, b) => a - b);
  return [taken[times >> 1], taken[0]];
}

async function measure(name: string): Promise<void> {
  const { model: make, x: makeX, y: makeY } = STEPS[name];
  const d = device(), { pool } = d;
  const model = make(), optimizer = new Adam(model.parameters());
  const x = makeX(), y = makeY();
  for (const t of [x, y]) void t.storage.buffer;
  const plain = (x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(model.forward(x), y);
    backward(loss);
    optimizer.step();
    return loss;
  };
  const step = capture(plain);
  const eager = () => scope(() => void plain(x, y)), captured = () => scope(() => void step(x, y));
  eager();
  optimizer.zeroGrad();
  await d.sync();
  const persistent = d.memory().liveBytes;
  pool.resetPeak();
  const before = d.recorder.counts.dispatches;
  eager();
  const eagerDispatches = d.recorder.counts.dispatches - before;
  await d.sync();
  const eagerBytes = d.memory().peakBytes - persistent;
  const [eagerMedian, eagerLeast] = await hostTime(eager, 15);

  optimizer.zeroGrad();
  captured();
  const [median, least] = await hostTime(captured, 41);
  const { dispatches, bytes } = step.statistics;
  const perDispatch = (time: number, dispatches: number) => (time / dispatches).toFixed(1);
  console.log(
    `| ${name} | ${dispatches} | ${eagerDispatches} | ${perDispatch(median, dispatches)} (${
      perDispatch(least, dispatches)
    }) | ` +
      `${perDispatch(eagerMedian, eagerDispatches)} (${perDispatch(eagerLeast, eagerDispatches)}) | ` +
      `${mib(eagerBytes)} | ${mib(bytes)} | ${(100 * bytes / eagerBytes).toFixed(0)} % |`,
  );
  step.dispose();
  optimizer.zeroGrad();
  optimizer.dispose();
}

/** What the calls of WebGPU take for a dispatch of a kernel unlike the one before, without this library. */
async function callsAlone(count: number): Promise<[median: number, least: number]> {
  const { gpu } = device();
  const layout = gpu.createBindGroupLayout({
    entries: [
      { binding: 0, visibility: 0x4, buffer: { type: "storage" } },
      { binding: 1, visibility: 0x4, buffer: { type: "uniform", hasDynamicOffset: true } },
    ],
  });
  const pipelines = [1, 2].map((value) =>
    gpu.createComputePipeline({
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: gpu.createShaderModule({
          code: `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
            @group(0) @binding(1) var<uniform> at: vec4u;
            @compute @workgroup_size(1) fn main() { y[at.x] = ${value}u; }`,
        }),
      },
    })
  );
  const uniform = gpu.createBuffer({ size: 512, usage: 0x40 });
  const groups = pipelines.map(() =>
    gpu.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: gpu.createBuffer({ size: 16, usage: 0x80 }) } },
        { binding: 1, resource: { buffer: uniform, size: 256 } },
      ],
    })
  );
  const offsets = [[0], [256]];
  const [median, least] = await hostTime(() => {
    const encoder = gpu.createCommandEncoder(), pass = encoder.beginComputePass();
    for (let i = 0; i < count; i++) {
      pass.setPipeline(pipelines[i & 1]);
      pass.setBindGroup(0, groups[i & 1], offsets[i & 1]);
      pass.dispatchWorkgroups(1, 1, 1);
    }
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  }, 41);
  return [median / count, least / count];
}

await init();
console.log(
  "| step | dispatches, captured | dispatches, eager | host µs a dispatch, captured | host µs a dispatch, eager | memory, eager | captured | ratio |\n" +
    "| --- | --: | --: | --: | --: | --: | --: | --: |",
);
const wanted = Object.keys(STEPS).filter((name) =>
  Deno.args.length === 0 || Deno.args.some((arg) => name.includes(arg))
);
for (const name of wanted) await measure(name);
const [median, least] = await callsAlone(128);
console.log(`\nThree calls of WebGPU a dispatch, alone: ${median.toFixed(1)} (${least.toFixed(1)}) µs`);
