/**
 * Resolves an input that is an OCI image: the files of its single layer, verified by the manifest's
 * digests.
 */
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { describeExit, runProgram } from "../host/programs.js";
import { lockEntry, readTreeMeta } from "./cache.js";
import type { TreeMeta } from "./cache.js";
import type { FullContext } from "./context.js";
import { withAgent } from "./agent.js";
import { compareDigest } from "./freshness.js";
import type { Freshness, KnownContent } from "./freshness.js";
import { parseReference } from "./oci-reference.js";
import { openRegistry } from "./oci-registry.js";
import type { Layer, Registry } from "./oci-registry.js";
import type { ResolvedInput } from "./spec.js";
import { fillTree, treeEntry } from "./tree-cache.js";
import type { TreeEntry } from "./tree-cache.js";
import { resolveUrl } from "./url-input.js";

/** Source of the files of an OCI image. */
export interface OciSpec {
  readonly kind: "oci";
  /** Reference in the form that {@link parseReference} accepts. */
  readonly image: string;
  /** `linux/` and OCI's name of an architecture; {@link DEFAULT_PLATFORM} unless given. */
  readonly platform?: string;
}

/** Platform of an input that names none, whatever the host. */
export const DEFAULT_PLATFORM = "linux/amd64";

/** Returns the paths of the files, their metadata and their lock. Pure; all paths are absolute. */
export function ociEntry(spec: OciSpec, cacheFolder: string): TreeEntry {
  const { image, platform = DEFAULT_PLATFORM } = spec;
  const suffix = platform === DEFAULT_PLATFORM ? "" : ` ${platform}`;
  return treeEntry(`oci:${image}${suffix}`, cacheFolder);
}

function invalidReference({ image }: OciSpec): VmbuildError {
  return new VmbuildError("INPUT_OCI", `${image} is not of the form REGISTRY/REPOSITORY:TAG`);
}

/** Unpacks the layer. tar itself refuses to write outside the folder. */
async function unpackLayer(archive: string, folder: string, { signal }: FullContext) {
  const args = ["--extract", "--file", archive, "--directory", folder, "--no-same-owner"];
  const result = await runProgram("tar", args, { signal });
  signal.throwIfAborted();
  if (result.exitCode === 0) return;
  throw new VmbuildError(
    "INPUT_UNPACK",
    `tar could not unpack the layer of the image: ${describeExit(result)}`,
    {
      lines: result.lastLines,
    },
  );
}

/** Downloads the layer like any other input: resumed, verified, and cached by its own address. */
async function fetchLayer(
  name: string,
  registry: Registry,
  layer: Layer,
  context: FullContext,
): Promise<ResolvedInput> {
  const authorization = registry.authorization();
  return resolveUrl(
    name,
    {
      kind: "url",
      url: registry.blobAddress(layer.digest),
      checksum: layer.digest,
      ...(authorization === undefined ? {} : { authorization }),
    },
    context,
  );
}

/**
 * Fetches the files of an image with one layer, or finds them in the cache. A tag is looked up on
 * each run; a digest is fetched only once.
 * @throws {VmbuildError} INPUT_OCI, INPUT_DOWNLOAD, INPUT_CHECKSUM, INPUT_UNPACK,
 *   HOST_PROGRAM_MISSING, HOST_SPACE; the signal's own reason when it aborted.
 */
export async function resolveOci(
  name: string,
  spec: OciSpec,
  context: FullContext,
): Promise<ResolvedInput> {
  const image = parseReference(spec.image);
  if (!image) throw invalidReference(spec);
  const entry = ociEntry(spec, context.cacheFolder);
  const found = { name, path: entry.tree, origin: spec.image };
  const asResolved = ({ commit }: TreeMeta, fromCache: boolean): ResolvedInput => ({
    ...found,
    digest: { algorithm: "sha256", hex: commit },
    fromCache,
  });
  await using _lock = await lockEntry(entry, name, context);
  const known = (await statIfThere(entry.tree)) ? await readTreeMeta(entry.meta) : undefined;
  const isFixed = image.reference.startsWith("sha256:");
  if (known && (isFixed || context.offline)) return asResolved(known, true);
  if (context.offline) {
    const message = `${spec.image} is not cached, and this run is offline`;
    throw new VmbuildError("INPUT_DOWNLOAD", message, {
      hint: "Run the command once without --offline.",
    });
  }
  return await withAgent(async (agent) => {
    const registry = openRegistry(image, agent, context);
    const layer = await registry.onlyLayer(spec.platform ?? DEFAULT_PLATFORM);
    const hex = layer.digest.replace(/^sha256:/, "");
    if (known?.commit === hex) return asResolved(known, true);
    const archive = await fetchLayer(name, registry, layer, context);
    const fill = async (folder: string) => {
      await unpackLayer(archive.path, folder, context);
      return { url: spec.image, ref: image.reference, commit: hex };
    };
    return asResolved(await fillTree(entry, fill, context), false);
  });
}

/**
 * Compares the layer of an image in its registry with the one that an image was made from.
 * @throws {VmbuildError} INPUT_OCI, INPUT_DOWNLOAD; the signal's own reason when it aborted.
 */
export async function compareOci(
  spec: OciSpec,
  known: KnownContent,
  context: FullContext,
): Promise<Freshness> {
  const image = parseReference(spec.image);
  if (!image) throw invalidReference(spec);
  const platform = spec.platform ?? DEFAULT_PLATFORM;
  const { digest } = await withAgent((agent) =>
    openRegistry(image, agent, context).onlyLayer(platform),
  );
  const [algorithm = "", hex = ""] = digest.split(":");
  const reasons = { current: "its layer is the same", changed: "its layer differs" };
  return compareDigest(algorithm, hex, known, reasons);
}
