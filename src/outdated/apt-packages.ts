/** Reads lists of packages of apt repositories: the newest version of each package. */
import { compareVersions } from "../packages/versions.js";
import type { PackageVersions } from "./lists.js";

interface Entry {
  name: string;
  version: string;
  arch: string;
  /** Share of the hosts that get an upgrade, in percent. */
  share: number;
}

const emptyEntry = (): Entry => ({ name: "", version: "", arch: "all", share: 100 });

/** Takes the lines of a `Packages` file one by one. */
export class PackagesReader {
  readonly #versions = new Map<string, Map<string, string>>();
  #entry = emptyEntry();

  /** Takes the next line, without its ending. */
  line(text: string): void {
    if (text === "") return this.#finish();
    const [, field, value = ""] = /^(\w[\w-]*):\s*(.*)$/.exec(text) ?? [];
    if (field === "Package") {
      this.#finish(); // The line between two entries is empty; some programs do not pass it on.
      this.#entry.name = value;
    } else if (field === "Version") this.#entry.version = value;
    else if (field === "Architecture") this.#entry.arch = value;
    else if (field === "Phased-Update-Percentage") this.#entry.share = Number(value);
  }

  /** Ends the last entry, and returns the versions. */
  end(): PackageVersions {
    this.#finish();
    return this.#versions;
  }

  #finish(): void {
    const { name, version, arch, share } = this.#entry;
    if (name === "") return;
    this.#entry = emptyEntry();
    // Ubuntu offers an upgrade to a growing share of hosts; it is an upgrade for all at 100 percent.
    if (version === "" || share < 100) return;
    const byArch = this.#versions.get(name) ?? new Map<string, string>();
    const known = byArch.get(arch);
    if (known === undefined || compareVersions("deb", version, known) > 0) {
      byArch.set(arch, version);
    }
    this.#versions.set(name, byArch);
  }
}
