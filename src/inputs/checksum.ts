/** Parses checksums in the forms that templates use. */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { VmbuildError } from "../errors.js";
import { ALGORITHMS, TEMPLATE_ALGORITHMS } from "./algorithms.js";
import type { Digest } from "./digest.js";

/** Requirement of a template for the content of a download. */
export type Checksum =
  | { readonly kind: "digest"; readonly digest: Digest }
  | { readonly kind: "sums"; readonly url: string }
  | { readonly kind: "none" };

/** Returns whether the text is an address rather than a path. */
export function isUrl(text: string): boolean {
  return /^(https?|file):\/\//i.test(text);
}

/**
 * Parses `sha256:<hex>` and similar forms, `file:<url or path>` and `none`.
 * @throws {VmbuildError} TEMPLATE_INVALID for anything else, which the schema does not accept.
 */
export function parseChecksum(text: string): Checksum {
  if (text.toLowerCase() === "none") return { kind: "none" };
  const [, label = "", rest = ""] = /^([a-z0-9]+):(.+)$/is.exec(text) ?? [];
  if (label.toLowerCase() === "file") {
    return { kind: "sums", url: isUrl(rest) ? rest : pathToFileURL(resolve(rest)).href };
  }
  const algorithm = TEMPLATE_ALGORITHMS.find((one) => one === label.toLowerCase());
  if (algorithm && rest.length === ALGORITHMS[algorithm] && /^[0-9a-f]+$/i.test(rest)) {
    return { kind: "digest", digest: { algorithm, hex: rest.toLowerCase() } };
  }
  throw new VmbuildError("TEMPLATE_INVALID", `${JSON.stringify(text)} is not a valid checksum`, {
    hint: 'Use "sha256:<hex>", "file:<URL of a checksum file>", or "none" to accept an unverified download.',
  });
}

/** Returns the checksum with the relative path of a local checksum file replaced. */
export function moveChecksum(text: string, move: (path: string) => string): string {
  const path = /^file:(.+)$/is.exec(text)?.[1];
  if (path === undefined || isUrl(path) || isAbsolute(path)) return text;
  return `file:${move(path)}`;
}

/** Returns the checksum with the path of a local checksum file made absolute. */
export function anchorChecksum(text: string, folder: string): string {
  return moveChecksum(text, (path) => resolve(folder, path));
}
