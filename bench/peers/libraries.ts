// The libraries that take part. A new one is one file in adaptors/ and one line here.

import type { Adaptor } from "./adaptor.ts";

export interface Library {
  /** Loads the adaptor's module. The module may not touch WebGPU before `init()`. */
  load(): Promise<Adaptor>;
  /** Environment variable without which the library is skipped (a library that has no package). */
  requires?: string;
  /** Extra flags of the runtime. */
  flags?: string[];
  /** Environment of the library's process. */
  env?: Record<string, string>;
}

export const libraries: Record<string, Library> = {
  fulgurite: { load: async () => (await import("./adaptors/fulgurite.ts")).default },
  raw: { load: async () => (await import("./adaptors/raw.ts")).default },
  jaxjs: { load: async () => (await import("./adaptors/jaxjs.ts")).default },
  tfjs: { load: async () => (await import("./adaptors/tfjs.ts")).default },
  torchlette: {
    load: async () => (await import("./adaptors/torchlette.ts")).default,
    requires: "TORCHLETTE_DIR",
    flags: ["--unstable-sloppy-imports"],
  },
  webgpu_torch: { load: async () => (await import("./adaptors/webgpu_torch.ts")).default },
};
