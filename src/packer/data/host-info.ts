/**
 * Data source `host-info` of the plugin github.com/Stromweld/host-info: the host's system in Go's
 * and gopsutil's words.
 */
import { readFile } from "node:fs/promises";
import { arch, platform, release } from "node:os";
import { systemCode } from "../../errors.js";
import { mapOf } from "../eval/values.js";
import type { DataSourceKind } from "./data-source.js";

/** Go's names of architectures, by those of Node.js. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  loong64: "loong64",
};

/** Families of distributions, by the `ID` or an `ID_LIKE` of os-release. */
const FAMILIES: Readonly<Record<string, string>> = {
  debian: "debian",
  ubuntu: "debian",
  rhel: "rhel",
  fedora: "fedora",
  suse: "suse",
  arch: "arch",
  alpine: "alpine",
};

/** Parses the assignments of os-release; see os-release(5). */
function parseRelease(text: string): ReadonlyMap<string, string> {
  const pairs = [...text.matchAll(/^([A-Z_]+)=(["']?)(.*)\2$/gm)];
  return new Map(pairs.map(([, name = "", , value = ""]) => [name, value]));
}

async function readRelease(): Promise<ReadonlyMap<string, string>> {
  try {
    return parseRelease(await readFile("/etc/os-release", "utf8"));
  } catch (error) {
    // A system without the file is described by the kernel's version alone.
    if (systemCode(error) === "ENOENT") return new Map();
    throw error;
  }
}

export const hostInfo: DataSourceKind = {
  type: "host-info",
  text: "`os_type`, `version`, `architecture`, `platform` and `family` of the host.",
  arguments: {},
  read: async () => {
    const file = await readRelease();
    const id = file.get("ID") ?? "";
    const alike = [id, ...(file.get("ID_LIKE") ?? "").split(" ")];
    const family = alike.map((one) => FAMILIES[one]).find((one) => one !== undefined);
    return mapOf([
      ["os_type", platform()],
      ["version", file.get("VERSION_ID") ?? release()],
      ["architecture", ARCHITECTURES[arch()] ?? arch()],
      ["platform", id === "" ? platform() : id],
      ["family", family ?? id],
    ]);
  },
};
