/** Determines the package sources: the mirrors of this host's own apt, for any Debian suite. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { statIfThere } from "../../host/files.js";
import { runProgram } from "../../host/programs.js";

/** Package archive. */
export interface Source {
  /** Address as in the host's apt configuration. */
  readonly uri: string;
  /** `trixie`, `trixie-updates`, `trixie-security`. */
  readonly suite: string;
  readonly components: readonly string[];
}

/** Suffixes of the suites that are used; others (backports, proposed) are ignored. */
const ROLES = ["", "-updates", "-security"] as const;

/** Format for `apt-get indextargets`, which fills it in from its Release files (apt-get(8)). */
const FORMAT = "$(REPO_URI)|$(CODENAME)|$(COMPONENT)|$(ORIGIN)|$(CREATED_BY)";

/**
 * Returns the sources for `suite` from the output of `apt-get indextargets` in {@link FORMAT}. An
 * archive of the host's release is also used for other suites, because Debian's mirrors have all
 * releases under one address. Empty when the host has no Debian archive.
 * @param hostCodename the host's own release, such as `bookworm`.
 */
export function sourcesFor(suite: string, hostCodename: string, targets: string): Source[] {
  const found = new Map<string, { uri: string; suite: string; components: Set<string> }>();
  for (const line of targets.split("\n")) {
    const [uri = "", codename = "", component = "", origin, createdBy] = line.trim().split("|");
    const role = ROLES.find((suffix) => codename === `${hostCodename}${suffix}`);
    if (origin !== "Debian" || createdBy !== "Packages" || role === undefined) continue;
    if (!/^https?:\/\/[^\s@[\]]+$/.test(uri) || !/^[a-z-]+$/.test(component)) continue;
    const key = `${uri} ${role}`;
    const source = found.get(key) ?? { uri, suite: `${suite}${role}`, components: new Set() };
    source.components.add(component);
    found.set(key, source);
  }
  // Unstable has no updates and no security archive.
  const rolling = suite === "sid" || suite === "unstable";
  return [...found.values()]
    .filter((source) => !rolling || source.suite === suite)
    .map((source) => ({ ...source, components: [...source.components].toSorted() }));
}

/** Names of Debian's keyring; newer releases use the first one. */
const KEYRINGS = ["debian-archive-keyring.pgp", "debian-archive-keyring.gpg"];

/**
 * Returns the host's keyring of Debian's archives; undefined where there is none and apt's trusted
 * keys are used.
 */
export async function archiveKeyring(): Promise<string | undefined> {
  for (const name of KEYRINGS.toReversed()) {
    const path = join("/usr/share/keyrings", name);
    if ((await statIfThere(path)) !== undefined) return path;
  }
  return undefined;
}

/** Formats the sources as deb822 (sources.list(5)). */
export function formatSources(sources: readonly Source[], keyring: string | undefined): string {
  return sources
    .map((source) =>
      [
        "Types: deb",
        `URIs: ${source.uri}`,
        `Suites: ${source.suite}`,
        `Components: ${source.components.join(" ")}`,
        ...(keyring === undefined ? [] : [`Signed-By: ${keyring}`]),
        "",
      ].join("\n"),
    )
    .join("\n");
}

/** Returns the host's code name; empty where /etc/os-release has none. */
async function hostCodename(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => ""); // Then no source matches.
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(text)?.[1] ?? "";
}

/**
 * Asks the host's apt for its mirrors. Where apt has no package lists (as in container images),
 * they are downloaded to `workFolder`: only they contain the origin of an archive.
 */
export async function hostSources(
  suite: string,
  workFolder: string,
  signal: AbortSignal,
): Promise<Source[]> {
  const codename = await hostCodename();
  const listTargets = async (options: readonly string[]): Promise<Source[]> => {
    const listed = await runProgram("apt-get", [...options, "indextargets", "--format", FORMAT], {
      signal,
      captureOutput: true,
    });
    return sourcesFor(suite, codename, listed.stdout);
  };
  const known = await listTargets([]);
  if (known.length > 0) return known;
  const lists = join(workFolder, "lists");
  await mkdir(join(lists, "partial"), { recursive: true });
  const options = ["-o", `Dir::State::Lists=${lists}`, "-o", "Debug::NoLocking=1"];
  await runProgram("apt-get", [...options, "-qq", "update"], { signal });
  return listTargets(options);
}
