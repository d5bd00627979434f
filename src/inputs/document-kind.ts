/**
 * Recognizes texts that were downloaded in place of a disk image: error pages, pointers, listings.
 */
import type { Content } from "./content-kind.js";

/** Number of bytes that are inspected. */
const SAMPLE_BYTES = 4096;
const EXCERPT_CHARACTERS = 60;

/** Decodes the bytes as text in any encoding; undefined when they are binary. */
function textOf(head: Buffer): string | undefined {
  const part = head.subarray(0, SAMPLE_BYTES);
  if (part[0] === 0xff && part[1] === 0xfe) return part.toString("utf16le");
  if (part[0] === 0xfe && part[1] === 0xff) {
    return Buffer.from(part.subarray(0, part.length & ~1))
      .swap16()
      .toString("utf16le");
  }
  // eslint-disable-next-line no-control-regex -- a text has none of these
  if (/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(part.toString("latin1"))) return undefined;
  const text = part.toString("utf8");
  // The last character may be incomplete.
  return text.slice(0, -4).includes("\ufffd") ? undefined : text;
}

const KINDS: readonly (readonly [RegExp, string, string?])[] = [
  [
    /^<!doctype html|^<html|^(<\?xml[^>]*>|<!--.*?-->|\s)*<(!doctype html|html)/is,
    "an HTML page",
    "The address probably returns a web page instead of the file (a login, an error, a list of mirrors).",
  ],
  [/^<\?xml|^<[a-z][\w:-]*[\s>]/i, "an XML document"],
  [/^[[{]\s*(["{[]|\})/, "a JSON document"],
  [
    /^version https:\/\/git-lfs\.github\.com/,
    "a Git LFS pointer",
    "Run git lfs pull, or use the address of the content.",
  ],
  [/^-----BEGIN PGP/, "an OpenPGP message or signature"],
  [/^-----BEGIN /, "a key or certificate in PEM form"],
  [/^#!/, "a script"],
  [/^(sha\d+ ?\(.+\) ?= ?)?[0-9a-f]{32,128}\b/i, "a list of checksums"],
];

/** Recognizes a text; undefined for binary data. */
export function documentIn(head: Buffer): Content | undefined {
  const text = textOf(head)
    ?.replace(/^\ufeff/, "")
    .trimStart();
  if (text === undefined) return undefined;
  const found = KINDS.find(([pattern]) => pattern.test(text));
  if (found) {
    const [, what, hint] = found;
    return { kind: "other", what, ...(hint === undefined ? {} : { hint }) };
  }
  const line = text.split(/\r?\n/)[0] ?? "";
  const shown = line.length > EXCERPT_CHARACTERS ? `${line.slice(0, EXCERPT_CHARACTERS)}…` : line;
  return {
    kind: "other",
    what: shown === "" ? "an empty file" : `a text file that begins with ${JSON.stringify(shown)}`,
  };
}
