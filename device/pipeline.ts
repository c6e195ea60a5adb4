import { KernelError } from "./errors.ts";

/** Bind-group layout shared by all kernels with the same row of accesses. */
export interface BindingLayout {
  readonly key: string;
  readonly group: GPUBindGroupLayout;
  readonly hasParams: boolean;
  readonly pipeline: GPUPipelineLayout;
}

/** What is compiled. */
export interface PipelineSource {
  /** The kernel's name. */
  readonly label: string;
  readonly code: string;
  readonly constants: Record<string, number> | undefined;
  /** Shapes of the operands of its first use, for errors. */
  readonly operands: readonly (readonly number[])[];
}

/** A kernel, compiled at once or while the host goes on. */
export class Pipeline {
  /** The kernel's name. */
  readonly label: string;
  /**
   * What it is bound with.
   *
   * @internal
   */
  readonly layout: BindingLayout;
  /** Resolves when it is compiled, or when that has failed. */
  readonly ready: Promise<void>;
  readonly #device: GPUDevice;
  readonly #description: GPUComputePipelineDescriptor;
  readonly #onError: (error: Error) => void;
  #gpu: GPUComputePipeline | null = null;
  #error: Error | null = null;

  /**
   * Begins to compile a kernel.
   *
   * @param device Where it will run
   * @param source Its text
   * @param layout What it is bound with
   * @param onError Takes the error of a kernel that cannot be compiled, now and at each use
   * @param sideBySide Whether the host goes on meanwhile
   */
  constructor(
    device: GPUDevice,
    source: PipelineSource,
    layout: BindingLayout,
    onError: (error: Error) => void,
    sideBySide: boolean,
  ) {
    const { label, code, constants } = source;
    this.label = label;
    this.layout = layout;
    this.#device = device;
    this.#onError = onError;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label, code });
    this.#description = { label, layout: layout.pipeline, compute: { module, entryPoint: "main", constants } };
    const made = sideBySide
      ? device.createComputePipelineAsync(this.#description)
      : this.#gpu = device.createComputePipeline(this.#description);
    // Some implementations reject, others tell the scope.
    const compiled = Promise.all([made, device.popErrorScope()]).then(([gpu, error]) => {
      if (error !== null) throw error;
      this.#gpu = gpu;
    });
    this.ready = compiled.catch((reason) => this.#failed(source, module, reason)).catch(onError);
  }

  /** Whether it is compiled, or cannot be. */
  get settled(): boolean {
    return this.#gpu !== null || this.#error !== null;
  }

  /**
   * What WebGPU compiled; `null`, with the error reported once more, when that has failed. Only for one that is
   * settled.
   */
  get gpu(): GPUComputePipeline | null {
    if (this.#error !== null) this.#onError(this.#error);
    return this.#gpu;
  }

  /** Compiles it again without waiting. */
  compileNow(): void {
    this.#device.pushErrorScope("validation");
    this.#gpu = this.#device.createComputePipeline(this.#description);
    this.#device.popErrorScope().catch(() => {}); // what is wrong with it, the first compilation tells
  }

  async #failed(source: PipelineSource, module: GPUShaderModule, reason: unknown): Promise<void> {
    const { label, code, operands } = source;
    const first = (await module.getCompilationInfo()).messages.find((message) => message.type === "error");
    const line = first ? code.split("\n")[first.lineNum - 1] ?? "" : "";
    const where = first
      ? `${first.message}, WGSL line ${first.lineNum}: ${line.trim()}`
      : (reason as { message?: string }).message ?? String(reason);
    const shapes = operands.map((shape) => `[${shape.join(", ")}]`).join(", ");
    this.#gpu = null;
    this.#error = new KernelError(
      label,
      `Cannot compile the kernel of ${label}${shapes && ` for shapes ${shapes}`}: ${where}`,
      line,
      operands,
    );
    this.#onError(this.#error);
  }
}
