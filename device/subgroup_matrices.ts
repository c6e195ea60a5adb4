/** WebGPU's name for small matrices that the invocations of a subgroup hold together; still an experiment of Dawn's. */
export const SUBGROUP_MATRIX = "chromium-experimental-subgroup-matrix";

/** A product of small matrices that the hardware makes at once: m × k · k × n, added to m × n. */
export interface MatrixShape {
  /** The type of the operands' elements, as WGSL calls it. */
  readonly component: string;
  /** The type of the sums. */
  readonly result: string;
  /** Rows of the result. */
  readonly m: number;
  /** Columns of the result. */
  readonly n: number;
  /** Length of the sums. */
  readonly k: number;
}

/** What an adapter with subgroup matrices offers. */
export interface SubgroupMatrices {
  /** The products that it knows. */
  readonly shapes: readonly MatrixShape[];
  /** The most invocations of a subgroup: workgroups are multiples of it. */
  readonly lanes: number;
  /** Whether its WGSL names the order of rows and columns as a type; before, it was an argument. */
  readonly namesOrder: boolean;
}

/** The part of an adapter's information that WebGPU's types do not have yet. */
interface MatrixInfo {
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: Iterable<
    { readonly componentType: string; readonly resultComponentType: string } & Record<"M" | "N" | "K", number>
  >;
}

/** Uses the syntax that names the order, and nothing else. */
const PROBE = `
enable chromium_experimental_subgroup_matrix;
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(128)
fn main() {
  subgroupMatrixStore<row_major>(&x, 0u, subgroup_matrix_result<f32, 8, 8>(), 8u);
}`;

/**
 * What a device's subgroup matrices can do.
 *
 * @param info The adapter's own description
 * @param gpu The device
 * @returns `null` where it has none
 */
export async function subgroupMatrices(info: GPUAdapterInfo, gpu: GPUDevice): Promise<SubgroupMatrices | null> {
  if (!gpu.features.has(SUBGROUP_MATRIX as GPUFeatureName) || !gpu.features.has("subgroups")) return null;
  const { subgroupMaxSize, subgroupMatrixConfigs = [] } = info as MatrixInfo;
  if (subgroupMaxSize === undefined) return null;
  const shapes = [...subgroupMatrixConfigs].map(({ componentType, resultComponentType, M, N, K }) => ({
    component: componentType,
    result: resultComponentType,
    m: M,
    n: N,
    k: K,
  }));
  gpu.pushErrorScope("validation");
  gpu.createShaderModule({ label: "subgroup matrices", code: PROBE });
  return { shapes, lanes: subgroupMaxSize, namesOrder: await gpu.popErrorScope() === null };
}
