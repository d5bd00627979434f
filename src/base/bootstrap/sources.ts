/** Where packages come from: the mirrors that this host's own apt uses, for any Debian suite. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { statIfThere } from "../../host/files.js";
import { runProgram } from "../../host/programs.js";

/** One archive that packages are taken from. */
export interface Source {
  /** As the host's apt has it. */
  readonly uri: string;
  /** `trixie`, `trixie-updates`, `trixie-security`. */
  readonly suite: string;
  readonly components: readonly string[];
}

/** The roles that a host's archives can have; others (backports, proposed) are left out. */
const ROLES = ["", "-updates", "-security"] as const;

/** `apt-get indextargets` fills these in from the Release files it has (apt-get(8)). */
const FORMAT = "$(REPO_URI)|$(CODENAME)|$(COMPONENT)|$(ORIGIN)|$(CREATED_BY)";

/**
 * The archives for `suite`, from what `apt-get indextargets` printed in {@link FORMAT}.
 * An archive of the host's release stands for the same one of the suite: Debian's mirrors carry
 * every release under one address. Empty when the host has no Debian archive.
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
  // Unstable has neither updates nor security archives.
  const rolling = suite === "sid" || suite === "unstable";
  return [...found.values()]
    .filter((source) => !rolling || source.suite === suite)
    .map((source) => ({ ...source, components: [...source.components].toSorted() }));
}

/** Debian's keys as packages ship them; newer releases use the first name. */
const KEYRINGS = ["debian-archive-keyring.pgp", "debian-archive-keyring.gpg"];

/** The host's keyring of Debian's archives, or undefined: then apt's trusted keys must do. */
export async function archiveKeyring(): Promise<string | undefined> {
  for (const name of KEYRINGS.toReversed()) {
    const path = join("/usr/share/keyrings", name);
    if ((await statIfThere(path)) !== undefined) return path;
  }
  return undefined;
}

/** The sources in deb822 form (sources.list(5)). */
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

/** The host's code name, or an empty text where /etc/os-release has none. */
async function hostCodename(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => ""); // then nothing matches
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(text)?.[1] ?? "";
}

/**
 * Asks the host's apt for its mirrors. Where apt has no lists (a container's image), it fetches
 * them into `workFolder`, since the origin of an archive stands nowhere else.
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
