/** Registry of the kinds of targets. The first one that matches is used. */
import { posix } from "node:path";
import { VmbuildError } from "../errors.js";
import { folder } from "./stores/folder.js";
import { ssh } from "./stores/ssh.js";
import type { ParsedTarget, Store, StoreKind } from "./store.js";

const STORE_KINDS: readonly StoreKind[] = [ssh, folder];

/** Facts about an image that a target may contain. */
export interface TargetFacts {
  readonly name: string;
  readonly version: string;
  /** File name of the image. */
  readonly filename: string;
}

/**
 * Parses a target: a path of this host, or `ssh://user@host/path`.
 * @throws {VmbuildError} USAGE.
 */
export function parseTarget(target: string): ParsedTarget {
  const kind = STORE_KINDS.find((one) => one.matches(target));
  if (target !== "" && kind) return kind.parse(target);
  throw new VmbuildError("USAGE", `--to ${JSON.stringify(target)} is not a target`);
}

const PLACEHOLDERS = /\$\{(\w*)\}/g;

/** Returns whether a target names a file of its own for each image. */
export function namesEachImage(target: string): boolean {
  return /\$\{name\}/.test(target);
}

/**
 * Fills in `${name}` and `${version}`.
 * @throws {VmbuildError} USAGE for another placeholder.
 */
function fillIn(path: string, facts: TargetFacts): string {
  return path.replaceAll(PLACEHOLDERS, (all, key: string) => {
    if (key === "name" || key === "version") return facts[key];
    throw new VmbuildError("USAGE", `--to: ${all} is not \${name} or \${version}`);
  });
}

/** Returns the path of an image at a target: a file of that path, or in that folder. */
export async function placeOf(store: Store, path: string, facts: TargetFacts): Promise<string> {
  const filled = fillIn(path, facts);
  const isFolder = filled.endsWith("/") || (await store.stat(filled))?.isFolder === true;
  return isFolder ? posix.join(filled, facts.filename) : filled;
}
