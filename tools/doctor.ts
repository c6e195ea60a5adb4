/**
 * Prints what this machine offers to Fulgurite, what is missing and how to get it: `deno task doctor [--json]`.
 *
 * It only looks: nothing is installed. It exits with 1 when no adapter can be used.
 *
 * @module
 */
import { cacheDir, hostMemory, systemInfo, writeOut } from "../platform/mod.ts";
import { swiftShaderEnv } from "../platform/software_vulkan.ts";
import { adviseHere } from "./setup/advice.ts";
import { distribution } from "./setup/apt.ts";
import { findChromium } from "./setup/chromium.ts";
import { type BackendReport, probe, type ProbeReport, usable } from "./setup/probe.ts";

/** Features that the kernels use where they are there, and what is lost without. */
const FEATURES: Record<string, { loss: string; remedy: (report: BackendReport) => string }> = {
  "shader-f16": {
    loss: "f16 is stored as f16 and computed in f32, which is slower",
    remedy: ({ adapter, backend }) =>
      /nvidia/i.test(adapter ?? "") && backend === "deno"
        ? "Dawn shows it on NVIDIA"
        : /swiftshader/i.test(adapter ?? "")
        ? "SwiftShader has none; Mesa's lavapipe has"
        : "a newer driver may have it",
  },
  "timestamp-query": {
    loss: "kernels are timed by the host's clock",
    remedy: () => "a newer driver may have it",
  },
  "subgroups": {
    loss: "reductions go through workgroup memory",
    remedy: ({ backend }) => backend === "deno" ? "Dawn has it where the driver has" : "a newer driver may have it",
  },
};

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20).toLocaleString("en")} MiB`;

/** All that the doctor finds out. */
interface Findings {
  runtime: string;
  system: string;
  memory: { total: number; available: number };
  cache: string;
  chromium: { path: string | null; reason?: string };
  /** The driver in the cache folder that is used where the system has none. */
  swiftShader: BackendReport | null;
  probe: ProbeReport;
  /** The adapter that the library takes. */
  chosen: BackendReport | null;
  missing: string[];
}

async function examine(): Promise<Findings> {
  const system = systemInfo();
  const linux = await distribution();
  const report = await probe({ all: true });
  const environment = await swiftShaderEnv();
  const kept = environment ? (await probe({ env: environment })).backends[0] : null;
  const chosen = usable(report) ?? (kept?.reason === undefined ? kept : null);
  const chromium = await findChromium().then(
    (path) => ({ path }),
    (error: Error) => ({ path: null, reason: error.message }),
  );
  const missing: string[] = [];
  if (!chosen) {
    missing.push("A WebGPU adapter. `deno task train` and `deno task test` get one where they can. By hand:");
    missing.push(...(await adviseHere()).map((line) => `  ${line}`));
  } else {
    for (const [name, { loss, remedy }] of Object.entries(FEATURES)) {
      if (!chosen.features?.includes(name)) missing.push(`${name}: without it ${loss} (${remedy(chosen)})`);
    }
    if (chosen.backend !== "dawn") {
      missing.push(`Dawn, which is tried first: ${report.backends.find(({ backend }) => backend === "dawn")?.reason}`);
      missing.push(...(await adviseHere()).map((line) => `  ${line}`));
    }
    if (chosen.software) {
      missing.push(
        "A GPU: this adapter computes on the processor. Where there is one, install its Vulkan driver" +
          (system.os === "linux" ? " (mesa-vulkan-drivers for AMD and Intel, nvidia-driver for NVIDIA)" : ""),
      );
    }
  }
  if (!chromium.path) {
    missing.push(
      "Chromium, for the browser tests only: `deno task test` installs it as root on Debian; elsewhere install Chromium or " +
        "Chrome, or name one in FULGURITE_CHROMIUM" + ("reason" in chromium ? ` (${chromium.reason})` : ""),
    );
  }
  return {
    runtime: `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`,
    system: [system.os, system.arch, system.release, [linux.id, linux.codename].filter(Boolean).join(" ")]
      .filter(Boolean).join(", ") + `, ${system.cores} cores${system.isRoot ? ", root" : ""}`,
    memory: hostMemory(),
    cache: cacheDir(),
    chromium,
    swiftShader: kept,
    probe: report,
    chosen,
    missing,
  };
}

function printBackend(report: BackendReport, isChosen: boolean): string {
  if (report.adapter === undefined) return `  ${report.backend}: ${report.reason}`;
  const lines = [
    `${isChosen ? "* " : "  "}${report.backend}: ${report.adapter}${report.software ? " (on the processor)" : ""}`,
    ...(report.reason ? [`      NOT USABLE  ${report.reason}`] : []),
    `      driver    ${report.driver}`,
    `      features  ${
      Object.keys(FEATURES).map((name) => `${name} ${report.features?.includes(name) ? "yes" : "no"}`).join(", ")
    }`,
    ...Object.entries(report.limits ?? {}).map(([name, value]) =>
      `      ${name.padEnd(34)} ${
        /Size$/.test(name) && value >= 2 ** 20 ? mebibytes(value) : value.toLocaleString("en")
      }`
    ),
  ];
  return lines.join("\n");
}

function print(findings: Findings): string {
  const { probe: report, swiftShader, chosen } = findings;
  return [
    `runtime   ${findings.runtime}`,
    `system    ${findings.system}`,
    `memory    ${mebibytes(findings.memory.available)} of ${mebibytes(findings.memory.total)} available`,
    `cache     ${findings.cache}`,
    `chromium  ${findings.chromium.path ?? "none"}`,
    "",
    "WebGPU (* is what the library takes):",
    ...report.backends.map((backend) => printBackend(backend, backend === chosen)),
    ...(swiftShader ? ["", "SwiftShader in the cache folder:", printBackend(swiftShader, swiftShader === chosen)] : []),
    "",
    ...(findings.missing.length > 0
      ? ["Missing:", ...findings.missing.map((line) => `  ${line}`)]
      : ["Nothing is missing."]),
    "",
  ].join("\n");
}

if (import.meta.main) {
  const findings = await examine();
  writeOut(Deno.args.includes("--json") ? `${JSON.stringify(findings, null, 2)}\n` : print(findings));
  Deno.exit(findings.chosen ? 0 : 1);
}
