/** From what a template writes to where an input comes from in this run. */
import { resolve } from "node:path";
import { anchorChecksum, isUrl } from "./checksum.js";
import type { InputDefinition, UrlSource } from "./schema.js";
import type { InputSpec, UrlSpec } from "./spec.js";

/** What decides beside the template. */
export interface Surroundings {
  /** What paths of the template are relative to; absolute. */
  readonly templateFolder: string;
  /** The value of `--input NAME=PATH` for this input; relative to the current folder. */
  readonly override?: string | undefined;
  /** Where `env` is looked up; the process's own by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A download's source with its paths made absolute. `unpack` is for a base, or as written. */
export function urlSpec(source: UrlSource, templateFolder: string, unpack = false): UrlSpec {
  const { url, checksum, mirrors, signature } = source;
  return {
    kind: "url",
    url,
    checksum: anchorChecksum(checksum, templateFolder),
    ...(mirrors ? { mirrors } : {}),
    ...(signature && signature.keyring !== ""
      ? { signature: { ...signature, keyring: resolve(templateFolder, signature.keyring) } }
      : {}),
    ...(unpack ? { unpack } : {}),
  };
}

/**
 * Settles one input: `--input` before the environment variable before the template. An
 * environment variable that is set but empty counts as not set.
 */
export function inputSpec(definition: InputDefinition, surroundings: Surroundings): InputSpec {
  const { templateFolder, override, environment = process.env } = surroundings;
  const named = definition.env === undefined ? undefined : environment[definition.env];
  const local = override ?? (named === "" ? undefined : named);
  if (local !== undefined) return { kind: "path", path: resolve(local) };
  if ("path" in definition) return { kind: "path", path: resolve(templateFolder, definition.path) };
  if ("url" in definition) return urlSpec(definition, templateFolder, definition.unpack);
  if ("oci" in definition) return { kind: "oci", image: definition.oci };
  const { git, ref, submodules } = definition;
  // A relative path of a local repository, but not host:path.
  const isPath = !isUrl(git) && /^\.{1,2}\//.test(git);
  return {
    kind: "git",
    url: isPath ? resolve(templateFolder, git) : git,
    ref,
    ...(submodules ? { submodules } : {}),
  };
}
