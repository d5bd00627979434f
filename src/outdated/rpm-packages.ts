/** Reads the metadata of rpm repositories, as createrepo_c writes it. */
import { compareVersions } from "../packages/versions.js";
import type { ListSum, PackageVersions } from "./lists.js";
import { XmlReader } from "./xml.js";
import type { XmlElement } from "./xml.js";

/** List of packages, as `repomd.xml` names it. */
export interface PrimaryFile {
  /** Path below the folder of the repository: `repodata/…-primary.xml.gz`. */
  readonly path: string;
  readonly sum: ListSum;
  /** Time at which the list was made; undefined where the file does not state it. ISO 8601. */
  readonly made: string | undefined;
}

/** Algorithms that Node.js and createrepo_c both know; `sha` is an old name of SHA-1. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  ...{ sha256: "sha256", sha512: "sha512", sha384: "sha384", sha224: "sha224" },
};

function madeAt(seconds: string): string | undefined {
  const time = seconds === "" ? Number.NaN : Number(seconds) * 1000;
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : undefined;
}

/**
 * Parses `repomd.xml`. Returns undefined when it names no list of packages with a checksum of at
 * least SHA-224.
 */
export function parseRepomd(text: string): PrimaryFile | undefined {
  let found: PrimaryFile | undefined;
  let fields = new Map<string, XmlElement>();
  const reader = new XmlReader((element) => {
    const { path, attributes } = element;
    if (path !== "/repomd/data") {
      if (path.startsWith("/repomd/data/")) fields.set(path.slice("/repomd/data/".length), element);
      return;
    }
    const checksum = fields.get("checksum");
    const algorithm = ALGORITHMS[checksum?.attributes["type"] ?? ""];
    const href = fields.get("location")?.attributes["href"];
    if (attributes["type"] === "primary" && algorithm && href && checksum) {
      const made = madeAt(fields.get("timestamp")?.text ?? "");
      found = { path: href, sum: { algorithm, hex: checksum.text.toLowerCase() }, made };
    }
    fields = new Map();
  });
  reader.write(text);
  return reader.end() ? found : undefined;
}

/** Returns whether a package belongs to a module, of which dnf uses one stream only. */
export function isModular(version: string): boolean {
  return /\.module[_+]/.test(version);
}

/**
 * Takes the lines of a list of packages. Packages of modules are left out, because the list does not
 * say to which stream they belong.
 */
export class PrimaryReader {
  readonly #versions = new Map<string, Map<string, string>>();
  readonly #reader = new XmlReader((element) => this.#element(element));
  #fields = new Map<string, XmlElement>();

  /** Takes the next line. */
  line(text: string): void {
    this.#reader.write(`${text}\n`);
  }

  /** Ends the list, and returns the versions; undefined when it was not complete. */
  end(): PackageVersions | undefined {
    return this.#reader.end() ? this.#versions : undefined;
  }

  #element(element: XmlElement): void {
    const inside = /^\/metadata\/package\/([^/]+)$/.exec(element.path)?.[1];
    if (inside !== undefined) this.#fields.set(inside, element);
    else if (element.path === "/metadata/package") this.#package();
  }

  #package(): void {
    const [name = "", arch = ""] = ["name", "arch"].map((field) => this.#fields.get(field)?.text);
    const { epoch = "0", ver = "", rel = "" } = this.#fields.get("version")?.attributes ?? {};
    this.#fields = new Map();
    const version = `${epoch === "0" ? "" : `${epoch}:`}${ver}-${rel}`;
    if (name === "" || arch === "src" || ver === "" || isModular(version)) return;
    const byArch = this.#versions.get(name) ?? new Map<string, string>();
    const known = byArch.get(arch);
    if (known === undefined || compareVersions("rpm", version, known) > 0) {
      byArch.set(arch, version);
    }
    this.#versions.set(name, byArch);
  }
}
