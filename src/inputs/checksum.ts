/** Checksums as templates write them. */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { VmbuildError } from "../errors.js";
import { ALGORITHMS, TEMPLATE_ALGORITHMS } from "./algorithms.js";
import type { Digest } from "./digest.js";

/** What a template says about a download's content. */
export type Checksum =
  | { readonly kind: "digest"; readonly digest: Digest }
  | { readonly kind: "sums"; readonly url: string }
  | { readonly kind: "none" };

/** Whether the text is an address, and not a path. */
export function isUrl(text: string): boolean {
  return /^(https?|file):\/\//i.test(text);
}

/**
 * Reads `sha256:<hex>` and its like, `file:<url or path>` and `none`.
 * @throws {VmbuildError} TEMPLATE_INVALID for anything else; the schema lets nothing else through.
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

/** The checksum with the path of a local sums file made absolute. */
export function anchorChecksum(text: string, folder: string): string {
  const path = /^file:(.+)$/is.exec(text)?.[1];
  if (path === undefined || isUrl(path) || isAbsolute(path)) return text;
  return `file:${resolve(folder, path)}`;
}
