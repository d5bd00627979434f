/** Compares the packages of an image with today's lists of its repositories. */
import { readIfThere } from "../host/files.js";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { isoDate } from "../inputs/freshness.js";
import { parsePackages } from "../packages/list.js";
import type { AptIndex, ListedPackage } from "../packages/list.js";
import type { RpmRepository } from "../packages/rpm-repositories.js";
import type { Manifest } from "../artifact/manifest.js";
import type { PublishedArtifact } from "../builds/find-artifact.js";
import type { AptRepositories, FetchedIndex } from "./apt-repository.js";
import type { Check } from "./check.js";
import { isModular } from "./rpm-packages.js";
import type { RpmList, RpmRepositories } from "./rpm-repository.js";
import { comparedRpms, findRpmUpgrades } from "./rpm-upgrades.js";
import { findUpgrades } from "./upgrades.js";
import type { Upgrade } from "./upgrades.js";

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

/** Result for the packages of one package manager, or why they are not compared. */
interface Compared {
  /** Packages that were compared. */
  readonly count: number;
  readonly upgrades: readonly Upgrade[];
  readonly since: string | undefined;
  /** Phrase about packages that were left out. */
  readonly besides?: string;
}

/** What is asked for newer versions of packages. */
export interface PackageSources {
  readonly apt: AptRepositories;
  readonly rpm: RpmRepositories;
  /** Lines of sources.list(5) in place of the image's own sources; empty for those. */
  readonly aptSources: readonly string[];
  /** Addresses of rpm repositories in place of the image's own; empty for those. */
  readonly rpmSources: readonly string[];
}

async function compareDebs(
  listed: readonly ListedPackage[],
  { indexes = [] }: NonNullable<Manifest["packages"]>,
  { apt, aptSources }: PackageSources,
): Promise<Compared | string> {
  const arches = archesOf(listed);
  const given = aptSources.flatMap((line) => parseAptSource(line, arches));
  const wanted = aptSources.length > 0 ? given : indexes;
  if (wanted.length === 0) return "the manifest names no repositories; see --apt-source";
  const fetched: FetchedIndex[] = [];
  for (const index of wanted) {
    const found = await apt.fetch(index);
    if (found) fetched.push(found);
  }
  if (fetched.length === 0) return "the repositories have no lists of packages";
  const upgrades = findUpgrades(listed, fetched);
  return { count: listed.length, upgrades, since: latestDate(fetched) };
}

/**
 * Returns the repository of `--rpm-source`.
 * @throws {VmbuildError} USAGE.
 */
function parseRpmSource(address: string): RpmRepository {
  if (/^https?:\/\//.test(address) && URL.canParse(address)) return { kind: "baseurl", address };
  throw new VmbuildError("USAGE", `--rpm-source "${address}" is not an address over HTTP`, {
    hint: "Give the folder that contains repodata: --rpm-source https://archive.example.org/rocky/8/BaseOS/x86_64/os/.",
  });
}

async function compareRpms(
  listed: readonly ListedPackage[],
  { repositories = [] }: NonNullable<Manifest["packages"]>,
  { rpm, rpmSources }: PackageSources,
): Promise<Compared | string> {
  const wanted = rpmSources.length > 0 ? rpmSources.map(parseRpmSource) : repositories;
  if (wanted.length === 0) return "the manifest names no repositories; see --rpm-source";
  const lists: RpmList[] = [];
  for (const repository of wanted) lists.push(await rpm.fetch(repository));
  const compared = comparedRpms(listed);
  const modular = listed.filter(({ version }) => isModular(version)).length;
  return {
    ...{ count: compared.length, upgrades: findRpmUpgrades(compared, lists) },
    since: lists
      .flatMap(({ made }) => made ?? [])
      .toSorted()
      .at(-1),
    ...(modular > 0 ? { besides: `${modular} of modules are not compared` } : {}),
  };
}

/**
 * Compares the packages.
 * @throws {VmbuildError} USAGE for a source that is not valid, and the errors of
 *   {@link AptRepositories.fetch} and {@link RpmRepositories.fetch}.
 */
export async function comparePackages(
  { folder, manifest }: PublishedArtifact,
  sources: PackageSources,
): Promise<Result> {
  const { packages } = manifest;
  const text = packages && (await readIfThere(join(folder, packages.list)));
  if (!packages || text === undefined) return unknown("there is no list of the image's packages");
  const all = parsePackages(text);
  const results: (Compared | string)[] = [];
  for (const [type, compare] of [["deb", compareDebs] as const, ["rpm", compareRpms] as const]) {
    const listed = all.filter((one) => one.type === type);
    if (listed.length > 0) results.push(await compare(listed, packages, sources));
  }
  const reasons = results.filter((one) => typeof one === "string");
  const compared = results.filter((one) => typeof one !== "string");
  if (compared.length === 0) return unknown(reasons[0] ?? "the list of packages is empty");
  const upgrades = compared.flatMap((one) => one.upgrades);
  const count = compared.reduce((sum, one) => sum + one.count, 0);
  const besides = compared.flatMap((one) => one.besides ?? []);
  const since = compared
    .flatMap((one) => one.since ?? [])
    .toSorted()
    .at(-1);
  const state = upgrades.length > 0 ? "changed" : "current";
  const reason = [`${upgrades.length} of ${count} have a newer version`, ...besides].join("; ");
  return { state, reason, since, ...(upgrades.length > 0 ? { upgrades } : {}) };
}
