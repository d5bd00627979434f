/**
 * Reads the release file of an apt repository
 * (wiki.debian.org/DebianRepository/Format#A.22Release.22_files).
 */

/** Algorithms of its lists of checksums, the preferred one first, by the name of the field. */
const SUMS = { SHA256: "sha256", SHA512: "sha512" } as const;

/** Checksum of a file below the folder of the release file. */
export interface ReleaseFile {
  readonly algorithm: (typeof SUMS)[keyof typeof SUMS];
  /** Hexadecimal, lower case. */
  readonly hex: string;
}

/** Order in which apt prefers a repository (apt_preferences(5)). */
export type ReleaseOrder = "normal" | "upgrades only" | "never";

/** Release file. */
export interface Release {
  /** Time at which the repository was updated, as the file states it. */
  readonly date: string | undefined;
  /** Time after which the file must not be used. */
  readonly validUntil: string | undefined;
  /** Whether files are also found by their checksums. */
  readonly byHash: boolean;
  readonly order: ReleaseOrder;
  /** By their paths. */
  readonly files: ReadonlyMap<string, ReleaseFile>;
}

/** Splits the file into its fields. Lines that begin with a space belong to the field before. */
function fieldsOf(text: string): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, name, value = ""] = /^([!-9;-~]+):(.*)$/.exec(line) ?? [];
    if (name === undefined) lines.push(line.trim());
    else fields.set(name.toLowerCase(), (lines = [value.trim()]));
  }
  return fields;
}

function filesOf(fields: ReadonlyMap<string, string[]>): Map<string, ReleaseFile> {
  const files = new Map<string, ReleaseFile>();
  for (const [field, algorithm] of Object.entries(SUMS)) {
    for (const line of fields.get(field.toLowerCase()) ?? []) {
      const [, hex, path] = /^([0-9a-f]+)\s+\d+\s+(\S+)$/i.exec(line) ?? [];
      if (hex === undefined || path === undefined || files.has(path)) continue;
      files.set(path, { algorithm, hex: hex.toLowerCase() });
    }
  }
  return files;
}

/** Parses the text of `InRelease` or `Release`, without its signature. */
export function parseRelease(text: string): Release {
  const fields = fieldsOf(text);
  const valueOf = (name: string): string | undefined => fields.get(name)?.[0];
  const isSet = (name: string): boolean => valueOf(name)?.toLowerCase() === "yes";
  const order = isSet("butautomaticupgrades") ? "upgrades only" : "never";
  return {
    date: valueOf("date"),
    validUntil: valueOf("valid-until"),
    byHash: isSet("acquire-by-hash"),
    order: isSet("notautomatic") ? order : "normal",
    files: filesOf(fields),
  };
}
