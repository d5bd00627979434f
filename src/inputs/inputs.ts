/** Inputs: whatever a template names, brought to this host, checked, and kept for the next run. */
import { dirname } from "node:path";
import { markUsed } from "../host/files.js";
import { hostPaths } from "../host/paths.js";
import { fillContext } from "./context.js";
import type { InputContext } from "./context.js";
import { inputKindOf } from "./registry.js";
import type { InputSpec } from "./registry.js";
import type { ResolvedInput } from "./spec.js";

export type { InputContext } from "./context.js";
export type { GitSpec } from "./git-input.js";
export type { InputSpec } from "./registry.js";
export type { ResolvedInput } from "./spec.js";
export type { UrlSpec } from "./url-source.js";

/** Where the input will lie, known before anything is fetched. Pure; absolute. */
export function inputLocation(spec: InputSpec, cacheFolder: string = hostPaths().inputs): string {
  return inputKindOf(spec).location(spec, cacheFolder);
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
  const kind = inputKindOf(spec);
  const full = fillContext(context);
  full.signal.throwIfAborted();
  const input = await kind.resolve(name, spec, full);
  if (!kind.isLocal) await markUsed(dirname(input.path));
  return input;
}
