/** Compares the packages of an image with today's lists of its repositories. */
import { readIfThere } from "../host/files.js";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { isoDate } from "../inputs/freshness.js";
import { parsePackages } from "../packages/list.js";
import type { AptIndex, ListedPackage } from "../packages/list.js";
import type { PublishedArtifact } from "../builds/find-artifact.js";
import type { AptRepositories, FetchedIndex } from "./apt-repository.js";
import type { Check } from "./check.js";
import { findUpgrades } from "./upgrades.js";

/** Fields of a check besides its subject. */
type Result = Omit<Check, "what" | "origin">;

const unknown = (reason: string): Result => ({ state: "unknown", reason });

/**
 * Parses a line of sources.list(5) without options: `deb URI SUITE COMPONENT…`.
 * @param arches architectures of the guest's packages.
 * @throws {VmbuildError} USAGE.
 */
export function parseAptSource(line: string, arches: readonly string[]): AptIndex[] {
  const [type, uri = "", suite = "", ...components] = line.trim().split(/\s+/);
  const isFlat = suite.endsWith("/");
  const isValid = type === "deb" && /^https?:\/\//.test(uri) && URL.canParse(uri) && suite !== "";
  if (!isValid || isFlat !== (components.length === 0)) {
    throw new VmbuildError("USAGE", `--apt-source "${line}" is not a source of apt over HTTP`, {
      hint: 'Write it as in sources.list: --apt-source "deb http://archive.example.org/debian bookworm main".',
    });
  }
  const root = uri.replace(/\/*$/, "/");
  if (isFlat) return [{ release: `${root}${suite}`, packages: "Packages" }];
  const release = `${root}dists/${suite}/`;
  return components.flatMap((component) =>
    arches.map((arch) => ({ release, packages: `${component}/binary-${arch}/Packages` })),
  );
}

/** Returns the architectures of packages. */
function archesOf(packages: readonly ListedPackage[]): string[] {
  return [...new Set(packages.map(({ arch }) => arch))].filter((arch) => arch !== "all");
}

/** Returns the latest date of the release files. */
function latestDate(indexes: readonly FetchedIndex[]): string | undefined {
  return indexes
    .flatMap(({ release }) => isoDate(release.date) ?? [])
    .toSorted()
    .at(-1);
}

/**
 * Compares the packages.
 * @param sources lines of sources.list(5) in place of the image's own sources; empty for those.
 * @throws {VmbuildError} USAGE for a source that is not valid, and the errors of
 *   {@link AptRepositories.fetch}.
 */
export async function comparePackages(
  { folder, manifest }: PublishedArtifact,
  repositories: AptRepositories,
  sources: readonly string[],
): Promise<Result> {
  const { packages } = manifest;
  const text = packages && (await readIfThere(join(folder, packages.list)));
  if (!packages || text === undefined) return unknown("there is no list of the image's packages");
  const listed = parsePackages(text).filter(({ type }) => type === "deb");
  if (listed.length === 0) return unknown("repositories of rpm packages are not compared");
  const arches = archesOf(listed);
  const given = sources.flatMap((line) => parseAptSource(line, arches));
  const wanted = sources.length > 0 ? given : (packages.indexes ?? []);
  if (wanted.length === 0) return unknown("the manifest names no repositories; see --apt-source");
  const fetched: FetchedIndex[] = [];
  for (const index of wanted) {
    const found = await repositories.fetch(index);
    if (found) fetched.push(found);
  }
  if (fetched.length === 0) return unknown("the repositories have no lists of packages");
  const upgrades = findUpgrades(listed, fetched);
  const since = latestDate(fetched);
  const state = upgrades.length > 0 ? "changed" : "current";
  const reason = `${upgrades.length} of ${listed.length} have a newer version`;
  return { state, reason, since, ...(upgrades.length > 0 ? { upgrades } : {}) };
}
