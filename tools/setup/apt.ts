import { exists, readText, runCommand, systemInfo, writeFile } from "../../platform/mod.ts";

/** What /etc/os-release says of a Linux system; every field may be empty. */
export interface Distribution {
  /** For example `debian` or `ubuntu`. */
  id: string;
  /** The ids of systems that it is made from. */
  like: string[];
  /** For example `bookworm`. */
  codename: string;
}

/** Reads the text of an os-release file. */
export function parseOsRelease(text: string): Distribution {
  const field = (name: string) => new RegExp(`^${name}=["']?([^"'\\n]*)`, "m").exec(text)?.[1] ?? "";
  return { id: field("ID"), like: field("ID_LIKE").split(" ").filter(Boolean), codename: field("VERSION_CODENAME") };
}

/** The Linux distribution that this is. */
export async function distribution(): Promise<Distribution> {
  const file = "/etc/os-release";
  return parseOsRelease(await exists(file) ? await readText(file) : "");
}

/** Whether packages can be installed with apt-get by this user. */
export async function canUseApt(): Promise<boolean> {
  const { os, isRoot } = systemInfo();
  return os === "linux" && isRoot && await exists("/usr/bin/apt-get");
}

async function apt(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...args], {
    env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
  });
  if (code !== 0) {
    const last = `${stdout}\n${stderr}`.trim().split("\n").slice(-12).join("\n");
    throw new Error(`Cannot run apt-get ${args.at(-1)}: it ended with code ${code}\n${last}`);
  }
  return stdout;
}

/** Brings apt's package lists up to date. */
export async function aptUpdate(): Promise<void> {
  await apt("-qq", "update");
}

/** Installs packages, without those that they only recommend. */
export async function aptInstall(...packages: string[]): Promise<void> {
  await apt("-qq", "install", "-y", "--no-install-recommends", ...packages);
}

/** A line of apt's sources. */
interface AptSource {
  uri: string;
  release: string;
}

/** Where apt fetches the packages of its `main` component from. */
async function aptSources(): Promise<AptSource[]> {
  const format = "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)";
  const lines = (await apt("indextargets", "--format", format, "Identifier: Packages")).trim().split("\n");
  return lines.map((line) => line.split("\t"))
    .filter((fields) => fields[2] === "main")
    .map(([uri, release]) => ({ uri, release }));
}

/** The sources file that {@link addBackports} writes. */
const BACKPORTS_FILE = "/etc/apt/sources.list.d/fulgurite-backports.list";

/** The keys that Debian signs its releases with. */
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * The text of a sources file for a release's backports, on the mirror that the machine uses for the release itself.
 *
 * @param sources Where apt fetches from now
 * @param codename The release
 * @param keyring The file with the keys that sign it; without one apt's own trusted keys count
 * @returns The text, or `null` where apt knows the backports already
 * @throws {Error} When apt does not fetch the release itself from anywhere
 */
export function backportsSource(sources: AptSource[], codename: string, keyring?: string): string | null {
  if (sources.some((source) => source.release === `${codename}-backports`)) return null;
  const base = sources.find((source) => source.release === codename);
  if (!base) throw new Error(`Cannot find a mirror of ${codename}: apt's sources name none`);
  const options = keyring ? ` [signed-by=${keyring}]` : "";
  return "# Mesa's Vulkan driver for Fulgurite. Backports are taken only for packages that are asked for.\n" +
    `deb${options} ${base.uri} ${codename}-backports main\n`;
}

async function addBackports(codename: string): Promise<void> {
  const text = backportsSource(await aptSources(), codename, await exists(KEYRING) ? KEYRING : undefined);
  if (text === null) return;
  await writeFile(BACKPORTS_FILE, text);
  await aptUpdate();
}

/**
 * Installs Mesa's Vulkan drivers, the one that computes on the processor among them, and the Vulkan loader.
 *
 * Dawn refuses the Mesa 22.3 of Debian 12; its backports have a newer one.
 *
 * @throws {Error} When apt-get fails, with the end of what it printed
 */
export async function installMesa(): Promise<void> {
  const { id, codename } = await distribution();
  await aptUpdate();
  const packages = ["libvulkan1", "mesa-vulkan-drivers"];
  if (id === "debian" && codename === "bookworm") {
    await addBackports(codename);
    await aptInstall("-t", `${codename}-backports`, ...packages);
  } else {
    await aptInstall(...packages);
  }
}
