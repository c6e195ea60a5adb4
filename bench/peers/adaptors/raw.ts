// No library: hand-written WGSL for some rows, to show what the adapter and the API themselves allow. It is a
// yardstick, not a competitor, and is left out of ratios.

import type { Adaptor, Build, Case, Outputs } from "../adaptor.ts";
import { notAvailable } from "../adaptor.ts";
import { type Inputs, product, shapeOf, type Workload } from "../workloads.ts";

let device: GPUDevice;

async function init(): Promise<void> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("No adapter");
  device = await adapter.requestDevice({
    requiredLimits: {
      maxBufferSize: adapter.limits.maxBufferSize,
      maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
    },
  });
}

function buffer(bytes: number, data?: ArrayBufferView): GPUBuffer {
  const out = device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  if (data) device.queue.writeBuffer(out, 0, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return out;
}

const load = (w: Workload, inputs: Inputs, name: string): GPUBuffer =>
  buffer(4 * product(shapeOf(w, name)), inputs[name]);

async function read(source: GPUBuffer): Promise<Float32Array> {
  const staging = device.createBuffer({ size: source.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, 0, staging, 0, source.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const data = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return data;
}

interface Dispatch {
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  grid: [number, number, number];
}

/** All bindings are read-write storage or read-only storage, as the code declares them, in the order given. */
function pipeline(code: string): GPUComputePipeline {
  return device.createComputePipeline({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
  });
}

function bind(pipeline: GPUComputePipeline, buffers: GPUBuffer[], grid: [number, number, number]): Dispatch {
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  return { pipeline, group: device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }), grid };
}

/** All dispatches of an iteration in one pass and one submit, bind groups made once. */
function call(dispatches: Dispatch[], results: Record<string, GPUBuffer>): Case {
  return {
    run() {
      const encoder = device.createCommandEncoder(), pass = encoder.beginComputePass();
      for (const { pipeline, group, grid } of dispatches) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...grid);
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    sync: async () => {
      await device.queue.onSubmittedWorkDone();
    },
    async outputs() {
      const out: Outputs = {};
      for (const [name, result] of Object.entries(results)) out[name] = await read(result);
      return out;
    },
  };
}

/**
 * Barrier-free: an invocation keeps 8 rows of one vec4 column in registers; the rows of A are uniform in a workgroup.
 */
const matmul: Build = (w, inputs) => {
  const { m, k, n, batch } = w.size, rows = 8, lanes = 8;
  const each = (count: number, line: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i)).join("\n");
  const code = `
    @group(0) @binding(0) var<storage, read> a: array<vec4f>;
    @group(0) @binding(1) var<storage, read> b: array<vec4f>;
    @group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
    @compute @workgroup_size(${lanes}) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
      let column = group.x * ${lanes}u + lane.x;
      let row = group.y * ${rows}u;
      let at = (group.z * ${m}u + row) * ${k / 4}u;
      let bt = group.z * ${k}u * ${n / 4}u + column;
      ${each(rows, (i) => `var c${i} = vec4f();`)}
      for (var p = 0u; p < ${k / 4}u; p++) {
        ${each(rows, (i) => `let a${i} = a[at + ${i * k / 4}u + p];`)}
        ${
    each(4, (q) =>
      `let b${q} = b[bt + (p * 4u + ${q}u) * ${n / 4}u];\n${
        each(rows, (i) => `c${i} += a${i}[${q}] * b${q};`)
      }`)
  }
      }
      let out = (group.z * ${m}u + row) * ${n / 4}u + column;
      ${each(rows, (i) => `c[out + ${i * n / 4}u] = c${i};`)}
    }`;
  const c = buffer(4 * batch * m * n);
  return call(
    [bind(pipeline(code), [load(w, inputs, "a"), load(w, inputs, "b"), c], [n / 4 / lanes, m / rows, batch])],
    { c },
  );
};

/** One element an invocation; `body` sees x, a and b of its column. */
const pointwise = (names: string[], body: string): Build => (w, inputs) => {
  const { rows, cols } = w.size;
  const code = `
    ${
    ["x", ...names].map((name, i) => `@group(0) @binding(${i}) var<storage, read> all_${name}: array<f32>;`).join("\n")
  }
    @group(0) @binding(${names.length + 1}) var<storage, read_write> ys: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      let i = id.y * ${cols}u + id.x;
      let x = all_x[i];
      ${names.map((name) => `let ${name} = all_${name}[id.x];`).join("\n")}
      ${body}
    }`;
  const y = buffer(4 * rows * cols);
  return call([
    bind(pipeline(code), [load(w, inputs, "x"), ...names.map((name) => load(w, inputs, name)), y], [
      cols / 64,
      rows,
      1,
    ]),
  ], {
    y,
  });
};

/** A chain through two buffers that take turns. */
function chain(w: Workload, inputs: Inputs, steps: { code: string; input: string }[]): Case {
  const source = load(w, inputs, "x"), turns = [buffer(256), buffer(256)];
  const prepared = steps.map(({ code, input }) => ({ pipeline: pipeline(code), operand: load(w, inputs, input) }));
  const dispatches = Array.from({ length: w.size.length }, (_, i) => {
    const { pipeline, operand } = prepared[i % prepared.length];
    return bind(pipeline, [i ? turns[(i + 1) % 2] : source, operand, turns[i % 2]], [1, 1, 1]);
  });
  return call(dispatches, { x: turns[(w.size.length - 1) % 2] });
}

const binary = (operator: string): string => `
  @group(0) @binding(0) var<storage, read> x: array<f32>;
  @group(0) @binding(1) var<storage, read> y: array<f32>;
  @group(0) @binding(2) var<storage, read_write> out: array<f32>;
  @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { out[i] = x[i] ${operator} y[i]; }`;

const small = `
  @group(0) @binding(0) var<storage, read> x: array<f32>;
  @group(0) @binding(1) var<storage, read> y: array<f32>;
  @group(0) @binding(2) var<storage, read_write> out: array<f32>;
  @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
    var sum = 0.0;
    for (var k = 0u; k < 8u; k++) { sum += x[(i & 56u) + k] * y[k * 8u + (i & 7u)]; }
    out[i] = sum;
  }`;

const chainPointwise: Build = (w, inputs) =>
  chain(w, inputs, [{ code: binary("*"), input: "a" }, { code: binary("+"), input: "b" }]);

const embedding: Build = (w, inputs) => {
  const { tokens, dim } = w.size;
  const code = `
    @group(0) @binding(0) var<storage, read> rows: array<vec4f>;
    @group(0) @binding(1) var<storage, read> ids: array<i32>;
    @group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
    @compute @workgroup_size(${
    dim / 4
  }) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
      out[group.x * ${dim / 4}u + lane.x] = rows[u32(ids[group.x]) * ${dim / 4}u + lane.x];
    }`;
  const y = buffer(4 * tokens * dim);
  return call([bind(pipeline(code), [load(w, inputs, "table"), load(w, inputs, "ids"), y], [tokens, 1, 1])], { y });
};

const missing = notAvailable("not written by hand");

export default {
  name: "hand-written",
  version: "WGSL",
  notes: [
    "A yardstick of plain kernels without a library: one pass and one submit an iteration, bind groups made once.",
  ],
  init,
  ops: {
    matmul,
    matmulF16: missing,
    convForward: missing,
    convInputGrad: missing,
    convWeightGrad: missing,
    // gelu(v) = v * sigmoid(2 sqrt(2 / pi) (v + 0.044715 v^3)), the tanh form.
    geluChain: pointwise(
      ["a", "b"],
      "let v = x * a + b; ys[i] = v / (1.0 + exp(-1.5957691216 * (v + 0.044715 * v * v * v))) + x;",
    ),
    biasRelu: pointwise(["b"], "ys[i] = max(0.0, x + b);"),
    softmax: missing,
    softmaxGrad: missing,
    layerNorm: missing,
    layerNormGrad: missing,
    sumRows: missing,
    sumCols: missing,
    crossEntropyGrad: missing,
    embedding,
    embeddingGrad: missing,
    mlpStep: missing,
    lenetStep: missing,
    transformerStep: missing,
    chainEager: chainPointwise,
    chainPointwise,
    chainMatmul: (w, inputs) => chain(w, inputs, [{ code: small, input: "w" }]),
  },
} satisfies Adaptor;
