/** Checks that this host lets the user connect machines to its bridges. */
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { readIfThere, statIfThere } from "../host/files.js";
import type { MachinePlan } from "../machine/shape.js";

/**
 * Paths of QEMU's program that connects a machine to a bridge: Debian, Ubuntu and Arch, then Fedora
 * and openSUSE.
 */
const HELPERS = ["/usr/lib/qemu/qemu-bridge-helper", "/usr/libexec/qemu-bridge-helper"];

/** Configuration of that program: `allow BRIDGE` or `allow all` (qemu-bridge-helper.c). */
const CONFIGURATION = "/etc/qemu/bridge.conf";

/** What is checked on this host; tests replace the paths. */
interface BridgePaths {
  readonly helpers: readonly string[];
  readonly configuration: string;
  /** Folder of the kernel's network interfaces. */
  readonly interfaces: string;
}

const HOST_PATHS: BridgePaths = {
  helpers: HELPERS,
  configuration: CONFIGURATION,
  interfaces: "/sys/class/net",
};

/**
 * Returns whether a configuration allows a bridge; undefined where that is not known, because it
 * includes other files. A line that denies it counts more than one that allows it.
 */
export function allowsBridge(configuration: string, bridge: string): boolean | undefined {
  let allowed = false;
  for (const line of configuration.split("\n")) {
    const [word, name] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (word === "include") return undefined;
    if (name !== bridge && name !== "all") continue;
    if (word === "allow") allowed = true;
    if (word === "deny") return false;
  }
  return allowed;
}

async function bridgeProblem(
  bridge: string,
  { configuration, interfaces }: BridgePaths,
): Promise<VmbuildError | undefined> {
  if (!(await statIfThere(join(interfaces, bridge, "bridge")))) {
    return new VmbuildError("HOST_UNSUPPORTED", `This host has no bridge ${bridge}`, {
      hint: `Create it: sudo ip link add ${bridge} type bridge && sudo ip link set ${bridge} up`,
    });
  }
  let text: string | undefined;
  try {
    text = await readIfThere(configuration);
  } catch {
    // Only QEMU's program can read it, which then decides.
    return undefined;
  }
  if (text !== undefined && allowsBridge(text, bridge) !== false) return undefined;
  const what = text === undefined ? "does not exist" : `does not allow the bridge ${bridge}`;
  return new VmbuildError("HOST_UNSUPPORTED", `${configuration} ${what}`, {
    hint: `Allow it: echo 'allow ${bridge}' | sudo tee -a ${configuration}`,
  });
}

/**
 * Checks that machines can be connected to the bridges that a machine needs.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING, HOST_UNSUPPORTED with what is missing.
 */
export async function requireBridges(
  { networks = [] }: Pick<MachinePlan, "networks">,
  paths: BridgePaths = HOST_PATHS,
): Promise<void> {
  const bridges = new Set(networks.flatMap(({ bridge }) => bridge ?? []));
  if (bridges.size === 0) return;
  const found = await Promise.all(paths.helpers.map((path) => statIfThere(path)));
  if (!found.some((status) => status !== undefined)) {
    throw new VmbuildError("HOST_PROGRAM_MISSING", "qemu-bridge-helper is not installed", {
      hint: "It connects machines to bridges. Debian and Ubuntu: apt-get install qemu-system-common",
    });
  }
  for (const bridge of bridges) {
    const problem = await bridgeProblem(bridge, paths);
    if (problem) throw problem;
  }
}
