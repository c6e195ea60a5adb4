import { type SystemInfo, systemInfo } from "../../platform/mod.ts";
import { type Distribution, distribution } from "./apt.ts";

/** The commands that get a Vulkan driver on a kind of Linux, by ids of os-release. */
const LINUX: { ids: string[]; commands: string[] }[] = [
  {
    ids: ["debian", "ubuntu"],
    commands: ["sudo apt-get update", "sudo apt-get install -y libvulkan1 mesa-vulkan-drivers"],
  },
  { ids: ["fedora", "rhel", "centos"], commands: ["sudo dnf install -y vulkan-loader mesa-vulkan-drivers"] },
  { ids: ["arch"], commands: ["sudo pacman -S --needed vulkan-icd-loader vulkan-swrast"] },
  { ids: ["suse", "opensuse"], commands: ["sudo zypper install -y libvulkan1 libvulkan_lvp"] },
  { ids: ["alpine"], commands: ["sudo apk add vulkan-loader mesa-vulkan-swrast gcompat"] },
];

/**
 * What a person can do on this system to get a WebGPU adapter.
 *
 * @param system The system's facts
 * @param linux The Linux distribution, where it is one
 * @returns Lines to print: a sentence, or commands to run as they stand
 */
export function adapterAdvice(system: SystemInfo, linux: Distribution): string[] {
  if (system.os === "darwin") {
    return [
      "Metal answers on every Mac with macOS 13 or newer: run `softwareupdate --install --all` to update the system",
    ];
  }
  if (system.os === "win32") {
    return [
      "Direct3D 12 answers on Windows 10 and newer. Update the graphics driver, and install the runtime that Dawn needs:",
      "  winget install --id Microsoft.VCRedist.2015+.x64",
    ];
  }
  if (system.os !== "linux") return [`No WebGPU implementation is known for ${system.os}; use Linux, macOS or Windows`];
  const ids = [linux.id, ...linux.like];
  const known = LINUX.find((entry) => entry.ids.some((id) => ids.includes(id)));
  if (known) {
    const bookworm = linux.id === "debian" && linux.codename === "bookworm";
    const commands = bookworm
      ? [
        "# Debian 12's own Mesa is too old for Dawn; its backports have a newer one, on the same mirror:",
        `echo "deb $(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk '$2=="bookworm"{print $1;exit}') ` +
        `bookworm-backports main" | sudo tee /etc/apt/sources.list.d/backports.list`,
        "sudo apt-get update",
        "sudo apt-get install -y -t bookworm-backports libvulkan1 mesa-vulkan-drivers",
      ]
      : known.commands;
    return [
      "Install Mesa's Vulkan drivers (they compute on the processor where no GPU is found):",
      ...indent(commands),
    ];
  }
  return [
    "Install a Vulkan loader (libvulkan.so.1) and a Vulkan driver with your system's package manager: the GPU's own, or " +
    "Mesa's lavapipe, which computes on the processor",
  ];
}

function indent(lines: string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** {@link adapterAdvice} for the system that this is. */
export async function adviseHere(): Promise<string[]> {
  return adapterAdvice(systemInfo(), await distribution());
}
