/** Fills in the values of the finished image in its marketplace entry, and checks the result. */
import { readFile } from "node:fs/promises";
import { startableFile } from "../artifact/manifest.js";
import type { Manifest } from "../artifact/manifest.js";
import { VmbuildError, messageOf } from "../errors.js";
import type { JsonPath } from "../template/document.js";
import { checkEntry, typeNameOf } from "./check.js";
import { EntryDocument } from "./document.js";
import { ENTRY_TYPES } from "./entry-types.js";
import type { Finding } from "./findings.js";

/** Image of the entry. */
export interface PublishedImage {
  readonly manifest: Manifest;
  /** Address from which the image is downloaded. */
  readonly url: string;
  /** UUID by which the entry is named. */
  readonly uuid?: string | undefined;
}

/** Entry with all values. */
export interface ComposedEntry {
  readonly text: string;
  /** The entry as plain values. */
  readonly value: unknown;
  /** Problems that OpenNebula accepts, with file, line and column. */
  readonly warnings: readonly string[];
}

/** Matches a placeholder for a value that is still missing. */
const PLACEHOLDER = /PLACEHOLDER|PUBLISH_URL/;

function invalid(path: string, problem: string, lines: readonly string[], cause?: unknown) {
  return new VmbuildError("MARKETPLACE_INVALID", `${path} ${problem}`, { lines, cause });
}

/**
 * Reads the file of an entry.
 * @throws {VmbuildError} MARKETPLACE_INVALID when it cannot be read.
 */
export async function readEntry(path: string): Promise<EntryDocument> {
  try {
    return new EntryDocument(path, await readFile(path, "utf8"));
  } catch (cause) {
    throw invalid(path, "cannot be read", [messageOf(cause)], cause);
  }
}

/** Returns the values of an image by their place in the entry. */
function valuesOf(document: EntryDocument, { manifest, url }: PublishedImage) {
  const general: [JsonPath, unknown][] = [
    [["version"], manifest.version],
    [["creation_time"], Math.floor(Date.parse(manifest.created) / 1000)],
  ];
  if (!hasImage(document)) return general;
  const file = startableFile(manifest);
  const index = imageIndex(document);
  const at = (...rest: string[]): JsonPath => ["images", index, ...rest];
  const values: [JsonPath, unknown][] = [
    ...general,
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

function hasImage(document: EntryDocument): boolean {
  return ENTRY_TYPES.get(typeNameOf(document))?.hasImage ?? false;
}

/** Returns the index of the entry's image that is the operating system's disk, or the only one. */
function imageIndex(document: EntryDocument): number {
  const images: unknown = (document.value as { images?: unknown } | null)?.images;
  if (!Array.isArray(images)) return 0;
  const index = images.findIndex((image) => (image as { type?: unknown } | null)?.type === "OS");
  return Math.max(0, index);
}

function* textsIn(value: unknown, path: JsonPath = []): Generator<[JsonPath, string]> {
  if (typeof value === "string") yield [path, value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    yield* textsIn(item, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

/** Names that OpenNebula accepts for the architecture of an image, besides its own. */
const ARCHITECTURE_NAMES: Readonly<Record<string, readonly string[]>> = {
  x86_64: ["amd64", "all"],
  aarch64: ["arm64", "all"],
  riscv64: ["all"],
};

/** Requires that the entry states the image's own format, architecture and name. */
function* mismatches(document: EntryDocument, image: PublishedImage): Generator<Finding> {
  const level = "error";
  const { manifest } = image;
  const facts = { format: startableFile(manifest)?.format, "os-arch": manifest.arch };
  for (const [key, fact] of hasImage(document) ? Object.entries(facts) : []) {
    const stated = document.textAt([key]);
    if (stated === undefined || fact === undefined) continue;
    if (stated !== fact && !ARCHITECTURE_NAMES[fact]?.includes(stated)) {
      yield { level, path: [key], message: `is "${stated}", while the image is ${fact}` };
    }
  }
  const id = document.textAt(["id"]);
  if (image.uuid !== undefined && id !== undefined && id.toLowerCase() !== image.uuid) {
    yield { level, path: ["id"], message: `is ${id}, while --uuid is ${image.uuid}` };
  }
  for (const [path, text] of textsIn(document.value)) {
    if (PLACEHOLDER.test(text)) yield { level, path, message: "contains a placeholder" };
  }
}

/**
 * Fills in the entry of an image and checks it. Comments, order and style are preserved.
 * @param path the appliance's own `marketplace.yaml`.
 * @throws {VmbuildError} MARKETPLACE_INVALID with every problem that breaks the appliance in
 *   OpenNebula; ARTIFACT_INVALID when the manifest lacks a checksum or a size.
 */
export async function composeEntry(path: string, image: PublishedImage): Promise<ComposedEntry> {
  const document = await readEntry(path);
  const isReadable = document.syntax.length === 0 && typeof document.value === "object";
  for (const [place, value] of isReadable ? valuesOf(document, image) : []) {
    try {
      document.document.setIn(place, value);
    } catch (cause) {
      // A list or a mapping is missing in the path, which the check reports.
      void cause;
    }
  }
  const findings = [...checkEntry(document), ...(isReadable ? mismatches(document, image) : [])];
  const lines = (level: Finding["level"]): string[] =>
    findings.filter((one) => one.level === level).map((one) => document.format(one));
  const errors = lines("error");
  if (errors.length > 0) {
    const count = errors.length === 1 ? "a problem" : `${errors.length} problems`;
    throw invalid(path, `has ${count}`, errors);
  }
  return { text: textOf(document), value: document.value, warnings: lines("warning") };
}

/** Lists and {…} keep their style, so that a diff shows only the filled-in values. */
function textOf({ document, source }: EntryDocument): string {
  const indentSeq = !/^[\w-]+:[ \t]*\n(?:#.*\n|\n)*- /m.test(source);
  const flowCollectionPadding = !/: \{[^\s}]/.test(source);
  return document.toString({ lineWidth: 0, indentSeq, flowCollectionPadding });
}
