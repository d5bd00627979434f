/** Fills in the values of the finished image in its marketplace entry, and validates the result. */
import { readFile } from "node:fs/promises";
import { isNode, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import { startableFile } from "../artifact/manifest.js";
import type { Manifest } from "../artifact/manifest.js";
import { VmbuildError, messageOf } from "../errors.js";
import { formatPath } from "../template/document.js";
import type { JsonPath } from "../template/document.js";
import { problemsOf } from "../template/problems.js";
import { entrySchema } from "./entry-schema.js";

/** Image of the entry. */
export interface PublishedImage {
  readonly manifest: Manifest;
  /** Address from which the image is downloaded. */
  readonly url: string;
}

/** Matches a placeholder for a value that is still missing. */
const PLACEHOLDER = /PLACEHOLDER|PUBLISH_URL/;

function invalid(path: string, problem: string, lines: readonly string[], cause?: unknown) {
  return new VmbuildError("MARKETPLACE_INVALID", `${path} ${problem}`, { lines, cause });
}

/** Returns the values of an image by their place in the entry. */
function valuesOf({ manifest, url }: PublishedImage, index: number): [JsonPath, unknown][] {
  const file = startableFile(manifest);
  const at = (...rest: string[]): JsonPath => ["images", index, ...rest];
  const values: [JsonPath, unknown][] = [
    [["version"], manifest.version],
    [["creation_time"], Math.floor(Date.parse(manifest.created) / 1000)],
    [at("url"), url],
    [at("size"), file?.virtualSize],
    [at("checksum", "md5"), file?.checksums.md5],
    [at("checksum", "sha256"), file?.checksums.sha256],
  ];
  const missing = values.filter(([, value]) => value === undefined);
  if (missing.length === 0) return values;
  throw new VmbuildError("ARTIFACT_INVALID", "The image's manifest lacks required values", {
    lines: missing.map(([path]) => `missing: ${String(path.at(-1))}`),
    hint: 'The marketplace requires "checksums": ["sha256", "md5"] in the template\'s output.',
  });
}

/** Returns the index of the entry's image that is the operating system's disk, or the only one. */
function imageIndex(document: Document): number {
  const images: unknown = document.toJS();
  const list = (images as { images?: unknown } | null)?.images;
  if (!Array.isArray(list)) return 0;
  const index = list.findIndex((image) => (image as { type?: unknown } | null)?.type === "OS");
  return Math.max(0, index);
}

function placer(path: string, document: Document, lines: LineCounter) {
  return ({ path: place, message }: { path: JsonPath; message: string }): string => {
    for (let length = place.length; length >= 0; length--) {
      const node = document.getIn(place.slice(0, length), true);
      if (!isNode(node) || !node.range) continue;
      const { line, col } = lines.linePos(node.range[0]);
      return `${path}:${line}:${col}: ${formatPath(place)}: ${message}`;
    }
    return `${path}: ${formatPath(place)}: ${message}`;
  };
}

function* textsIn(value: unknown, path: JsonPath = []): Generator<[JsonPath, string]> {
  if (typeof value === "string") yield [path, value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    yield* textsIn(item, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

/** Requires that the image has the format and the architecture that the entry states. */
function imageProblems(value: unknown, { manifest }: PublishedImage) {
  const stated = (value ?? {}) as Readonly<Record<string, unknown>>;
  const facts = { format: startableFile(manifest)?.format, "os-arch": manifest.arch };
  return Object.entries(facts).flatMap(([key, fact]) => {
    const found = stated[key];
    if (found === undefined || fact === undefined || found === fact) return [];
    return [{ path: [key], message: `is ${JSON.stringify(found)}, while the image is ${fact}` }];
  });
}

/**
 * Returns the entry's text with all values filled in. Comments, order and style are preserved.
 * @param path the appliance's own `marketplace.yaml`.
 * @throws {VmbuildError} MARKETPLACE_INVALID with every problem; ARTIFACT_INVALID when the
 *   manifest lacks a checksum or a size.
 */
export async function composeEntry(path: string, image: PublishedImage): Promise<string> {
  let source: string;
  try {
    source = await readFile(path, "utf8");
  } catch (cause) {
    throw invalid(path, "cannot be read", [messageOf(cause)], cause);
  }
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines });
  if (document.errors.length > 0) {
    throw invalid(
      path,
      "is not YAML",
      document.errors.map(({ message }) => message),
    );
  }
  for (const [place, value] of valuesOf(image, imageIndex(document))) {
    try {
      document.setIn(place, value);
    } catch (cause) {
      // A list or a mapping is missing in the path, which the schema reports.
      void cause;
    }
  }
  const value: unknown = document.toJS();
  const problems = [
    ...problemsOf(entrySchema.safeParse(value, { reportInput: true }).error?.issues ?? []),
    ...imageProblems(value, image),
    ...[...textsIn(value)]
      .filter(([, text]) => PLACEHOLDER.test(text))
      .map(([place]) => ({ path: place, message: "contains a placeholder" })),
  ];
  if (problems.length > 0) {
    const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
    throw invalid(path, `has ${count}`, problems.map(placer(path, document, lines)));
  }
  // Lists and {…} keep their style, so that a diff shows only the filled-in values.
  const indentSeq = !/^[\w-]+:[ \t]*\n(?:#.*\n|\n)*- /m.test(source);
  const flowCollectionPadding = !/: \{[^\s}]/.test(source);
  return document.toString({ lineWidth: 0, indentSeq, flowCollectionPadding });
}
