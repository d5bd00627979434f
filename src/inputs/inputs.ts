/** Inputs: whatever a template names, brought to this host, checked, and kept for the next run. */
import { dirname } from "node:path";
import { markUsed } from "../host/files.js";
import { hostPaths } from "../host/paths.js";
import { cacheEntry } from "./cache.js";
import { fillContext } from "./context.js";
import type { FullContext, InputContext } from "./context.js";
import { gitEntry, resolveGit } from "./git-input.js";
import { ociEntry, resolveOci } from "./oci-input.js";
import { resolvePath } from "./path-input.js";
import type { InputSpec, PathSpec, ResolvedInput } from "./spec.js";
import { unpackedPath } from "./unpack.js";
import { resolveUrl } from "./url-input.js";

export type { InputContext } from "./context.js";
export type { GitSpec, InputSpec, ResolvedInput, UrlSpec } from "./spec.js";

/** Where the input will lie, known before anything is fetched. Pure; absolute. */
export function inputLocation(spec: InputSpec, cacheFolder: string = hostPaths().inputs): string {
  switch (spec.kind) {
    case "url": {
      const { file } = cacheEntry(spec.url, cacheFolder);
      return spec.unpack ? unpackedPath(file) : file;
    }
    case "git":
      return gitEntry(spec, cacheFolder).tree;
    case "oci":
      return ociEntry(spec, cacheFolder).tree;
    case "path":
      return spec.path;
  }
}

function fetchInput(
  name: string,
  spec: Exclude<InputSpec, PathSpec>,
  context: FullContext,
): Promise<ResolvedInput> {
  switch (spec.kind) {
    case "url":
      return resolveUrl(name, spec, context);
    case "git":
      return resolveGit(name, spec, context);
    case "oci":
      return resolveOci(name, spec, context);
  }
}

/**
 * Brings an input here, or finds it in the cache. Two runs that want the same one fetch it once.
 * @param name as in the template; for messages and progress.
 * @throws {VmbuildError} INPUT_MISSING, INPUT_DOWNLOAD, INPUT_CHECKSUM, INPUT_SIGNATURE,
 *   INPUT_GIT, INPUT_OCI, INPUT_UNPACK, HOST_SPACE, HOST_PROGRAM_MISSING; the signal's own reason when it
 *   was aborted, in which case what was received is kept for the next run.
 */
export async function resolveInput(
  name: string,
  spec: InputSpec,
  context: InputContext,
): Promise<ResolvedInput> {
  const full = fillContext(context);
  full.signal.throwIfAborted();
  if (spec.kind === "path") return resolvePath(name, spec, full);
  const input = await fetchInput(name, spec, full);
  await markUsed(dirname(input.path));
  return input;
}
