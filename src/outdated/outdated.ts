/** Finds out whether anything that an image was made from has a newer version, without building. */
import { join } from "node:path";
import { baseKindOf } from "../base/registry.js";
import { MANIFEST_NAME, readManifest, startableFile } from "../artifact/manifest.js";
import type { PublishedArtifact } from "../builds/find-artifact.js";
import { statIfThere } from "../host/files.js";
import { planOutput } from "../requirements/plan.js";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { GraphNode } from "../graph/graph.js";
import { withAgent } from "../inputs/agent.js";
import { fillContext } from "../inputs/context.js";
import { compareInput } from "../inputs/inputs.js";
import type { InputContext } from "../inputs/inputs.js";
import { AptRepositories } from "./apt-repository.js";
import { attempt } from "./check.js";
import type { Check } from "./check.js";
import type { RepositoryOptions } from "./lists.js";
import { comparePackages } from "./packages.js";
import type { PackageSources } from "./packages.js";
import { RpmRepositories } from "./rpm-repository.js";

/** State of an image: that of its checks, the most important one. */
export type ImageState = "outdated" | "failed" | "unknown" | "current" | "not built";

/** Image with its checks. */
export interface OutdatedReport {
  readonly node: GraphNode;
  readonly state: ImageState;
  /** Time at which it was built. ISO 8601. */
  readonly created?: string;
  readonly checks: readonly Check[];
  /** Reason why there is no image; `state` is "not built". */
  readonly error?: VmbuildError;
}

/** Options of {@link findOutdated}. */
export interface OutdatedOptions extends RepositoryOptions {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Lines of sources.list(5) in place of the images' own sources. */
  readonly aptSources?: readonly string[];
  /** Addresses of rpm repositories in place of the images' own. */
  readonly rpmSources?: readonly string[];
  /** Folder of the image of each named template; that of its template unless given. */
  readonly directory?: string | undefined;
}

/** Attempts for each address. A schedule runs again soon. */
const ATTEMPTS = 3;

/** Command of one call. */
interface Session {
  readonly options: OutdatedOptions;
  readonly context: InputContext;
  readonly sources: PackageSources;
}

function stateOf(checks: readonly Check[]): ImageState {
  const has = (state: Check["state"]): boolean => checks.some((check) => check.state === state);
  if (has("changed")) return "outdated";
  if (has("failed")) return "failed";
  return checks.length > 0 && checks.every(({ state }) => state === "unknown")
    ? "unknown"
    : "current";
}

/** Compares the image of another template, which is the base. */
function compareBaseImage(
  { manifest }: PublishedArtifact,
  base: OutdatedReport,
  image: PublishedArtifact | undefined,
): Omit<Check, "what"> {
  const origin = base.node.name;
  if (base.state === "outdated") {
    return { origin, state: "changed", reason: `${origin} is outdated itself` };
  }
  const hex = image && startableFile(image.manifest)?.checksums.sha256;
  const to = hex === undefined ? undefined : `sha256:${hex}`;
  const { digest: from } = manifest.base;
  if (!image || to === undefined || from === undefined) {
    return { origin, state: "unknown", reason: "its image is not on this host" };
  }
  if (from === to) return { origin, state: "current", reason: "its image is the same" };
  const since = image.manifest.created;
  return { origin, state: "changed", reason: "it was built again", from, to, since };
}

async function checkBase(
  { template }: GraphNode,
  { manifest }: PublishedArtifact,
  { context }: Session,
): Promise<Check> {
  const { origin, digest, source: sourceDigest, upstream } = manifest.base;
  const spec = baseKindOf(template.base).source?.(template.base, template.folder);
  return attempt({ what: "base", origin }, context.signal, async () => {
    if (spec) {
      const known = { digest: sourceDigest ?? digest, upstream };
      return compareInput("base", spec, known, context);
    }
    const reason = "it was created on this host; its packages are compared";
    return { state: "unknown", reason };
  });
}

function checkInputs(
  { template }: GraphNode,
  { manifest }: PublishedArtifact,
  { context }: Session,
): Promise<Check[]> {
  const checks = [...template.inputSpecs].map(async ([name, spec]): Promise<Check> => {
    const known = manifest.inputs.find((input) => input.name === name);
    const subject = { what: `input ${name}`, ...(known ? { origin: known.origin } : {}) };
    if (!known) return { ...subject, state: "changed", reason: "the template has it since" };
    return attempt(subject, context.signal, () => compareInput(name, spec, known, context));
  });
  return Promise.all(checks);
}

/**
 * Reads the manifest of an image. The image itself need not be on this host.
 * @throws {VmbuildError} INPUT_MISSING when there is no manifest, or that of another template;
 *   ARTIFACT_INVALID.
 */
async function readImage(
  { template, isNamed }: GraphNode,
  { directory }: OutdatedOptions,
): Promise<PublishedArtifact> {
  const { folder } = planOutput(template, isNamed ? directory : undefined);
  const path = join(folder, MANIFEST_NAME);
  const manifest = (await statIfThere(path)) && (await readManifest(path));
  if (manifest?.name === template.name) return { folder, manifest };
  const what = manifest ? `belongs to ${manifest.name}` : "does not exist";
  const message = `${template.name} has no image to compare: ${path} ${what}`;
  throw new VmbuildError("INPUT_MISSING", message, {
    hint: `Build it first: vmbuild run ${template.name}`,
  });
}

/** Images of the templates so far, by name. */
interface Found {
  readonly reports: Map<string, OutdatedReport>;
  readonly images: Map<string, PublishedArtifact>;
}

async function checkNode(node: GraphNode, found: Found, session: Session): Promise<OutdatedReport> {
  const { options, sources } = session;
  const { signal } = options;
  let image: PublishedArtifact;
  try {
    image = await readImage(node, options);
  } catch (error) {
    if (!(error instanceof VmbuildError) || error.code !== "INPUT_MISSING") throw error;
    return { node, state: "not built", checks: [], error };
  }
  found.images.set(node.name, image);
  const base = node.base && found.reports.get(node.base.name);
  const list = join(image.folder, image.manifest.packages?.list ?? "");
  const checks = [
    base
      ? { what: "base", ...compareBaseImage(image, base, found.images.get(base.node.name)) }
      : await checkBase(node, image, session),
    ...(await checkInputs(node, image, session)),
    await attempt({ what: "packages", origin: list }, signal, () =>
      comparePackages(image, sources),
    ),
  ];
  return { node, state: stateOf(checks), created: image.manifest.created, checks };
}

/**
 * Compares the images of templates with what they would be made from today. Servers are asked, but
 * nothing is built and nothing is downloaded to the cache.
 * @param nodes each after its base.
 * @returns a report for each, in the same order. A check that fails is part of it.
 * @throws {VmbuildError} the errors of reading an artifact; the reason of the signal.
 */
export async function findOutdated(
  nodes: readonly GraphNode[],
  options: OutdatedOptions,
): Promise<OutdatedReport[]> {
  const { emit, signal, aptSources = [], rpmSources = [] } = options;
  const context = { emit, signal, offline: false, limits: { attempts: ATTEMPTS } };
  return withAgent(async (agent) => {
    const full = fillContext(context);
    const apt = new AptRepositories(agent, full, options);
    const rpm = new RpmRepositories(agent, full, options);
    const session = { options, context, sources: { apt, rpm, aptSources, rpmSources } };
    const found: Found = { reports: new Map(), images: new Map() };
    for (const node of nodes) {
      found.reports.set(node.name, await checkNode(node, found, session));
    }
    return [...found.reports.values()];
  });
}
