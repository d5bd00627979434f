/** Resolves inputs: fetches them to this host, verifies them and caches them for later runs. */
import { dirname } from "node:path";
import { markUsed } from "../host/files.js";
import { hostPaths } from "../host/paths.js";
import { fillContext } from "./context.js";
import type { InputContext } from "./context.js";
import { inputKindOf } from "./registry.js";
import type { InputSpec } from "./registry.js";
import type { Freshness, KnownContent } from "./freshness.js";
import type { ResolvedInput } from "./spec.js";

export type { Freshness, KnownContent } from "./freshness.js";
export type { InputContext } from "./context.js";
export type { GitSpec } from "./git-input.js";
export type { InputSpec } from "./registry.js";
export type { ResolvedInput } from "./spec.js";
export type { UrlSpec } from "./url-source.js";

/**
 * Returns the path at which the input will be available; it is known before anything is fetched.
 * Pure; absolute.
 */
export function inputLocation(spec: InputSpec, cacheFolder: string = hostPaths().inputs): string {
  return inputKindOf(spec).location(spec, cacheFolder);
}

/**
 * Fetches an input, or finds it in the cache. Two runs that need the same input fetch it once.
 * @param name the name in the template, for messages and progress.
 * @throws {VmbuildError} INPUT_MISSING, INPUT_DOWNLOAD, INPUT_CHECKSUM, INPUT_SIGNATURE,
 *   INPUT_GIT, INPUT_OCI, INPUT_UNPACK, HOST_SPACE, HOST_PROGRAM_MISSING; the signal's own reason
 *   when it aborted, in which case received data is kept for the next run.
 */
export async function resolveInput(
  name: string,
  spec: InputSpec,
  context: InputContext,
): Promise<ResolvedInput> {
  const kind = inputKindOf(spec);
  const full = fillContext(context);
  full.signal.throwIfAborted();
  const input = await kind.resolve(name, spec, full);
  if (!kind.isLocal) await markUsed(dirname(input.path));
  return input;
}

/**
 * Compares what a run would use now with the content that an image was made from. Nothing is
 * downloaded to the cache.
 * @throws {VmbuildError} the errors of {@link resolveInput}.
 */
export async function compareInput(
  name: string,
  spec: InputSpec,
  known: KnownContent,
  context: InputContext,
): Promise<Freshness> {
  return inputKindOf(spec).compare(name, spec, known, fillContext(context));
}
