/**
 * Defines the names of an image's assets. Consumers find them by name: an image is `NAME.qcow2`, or
 * all assets whose names begin with `NAME.qcow2.part`, sorted and joined. No other asset may have
 * such a name, or end in `.qcow2`.
 */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { ALGORITHMS } from "../artifact/digest.js";
import { METADATA_SUFFIXES } from "../artifact/names.js";
import { VmbuildError } from "../errors.js";

/** Largest size of an asset in bytes: GitHub accepts less than 2 GiB. */
export const PART_LIMIT = 2_147_483_647;

const IMAGE_ENDING = ".qcow2";
const PART = /\.part([a-z]{2})$/;
const LETTERS = 26;
/** Parts that two letters can name. */
const MAX_PARTS = LETTERS * LETTERS;

/**
 * Returns the name of an image's asset: `NAME.qcow2`. The asset has that name when it is whole;
 * those of its parts, index and sums begin with it.
 * @param name of the template.
 */
export function imageAsset(name: string): string {
  return `${name}${IMAGE_ENDING}`;
}

/** Returns the template's name for an asset of that image; undefined for other assets. */
export function imageOf(asset: string): string | undefined {
  const [, name, rest = ""] = /^(.+?)\.qcow2($|\..*)/.exec(asset) ?? [];
  return name !== undefined && isOwnEnding(rest) ? name : undefined;
}

const INDEX_ENDING = ".json";
const OWN_ENDINGS = new Set<string>([
  "",
  INDEX_ENDING,
  ...ALGORITHMS.map((algorithm) => `.${algorithm}`),
  ...Object.values(METADATA_SUFFIXES),
]);

const isOwnEnding = (rest: string): boolean => OWN_ENDINGS.has(rest) || PART.test(rest);

/** Returns the name of the index, which lists the parts of an image. */
export function indexName(image: string): string {
  return `${imageAsset(image)}${INDEX_ENDING}`;
}

/** Returns the name of the file with the sha256 of the whole image, in `sha256sum`'s format. */
export function sumsName(image: string): string {
  return `${imageAsset(image)}.sha256`;
}

/** Returns the name of the asset that an upload holds as a lock. */
export function lockName(image: string): string {
  return `${imageAsset(image)}.lock`;
}

/**
 * Returns the name of a part, as `split` names them: `NAME.qcow2.partaa`, `.partab`, …
 * @param index from 0.
 * @throws {VmbuildError} USAGE for more parts than two letters can name.
 */
export function partName(image: string, index: number): string {
  if (index >= MAX_PARTS) {
    throw new VmbuildError("USAGE", `${image} has more than ${MAX_PARTS} parts`, {
      hint: "Use larger parts.",
    });
  }
  const letter = (value: number): string => (value + 10).toString(36);
  const ending = letter(Math.floor(index / LETTERS)) + letter(index % LETTERS);
  return `${imageAsset(image)}.part${ending}`;
}

/** Returns whether an asset is a part of an image, or looks like one to consumers. */
export function isPartOf(image: string, asset: string): boolean {
  return asset.startsWith(`${imageAsset(image)}.part`);
}

/**
 * Returns whether an asset is one of an image, or looks like a part of it: those that an upload
 * replaces, and a removal removes.
 */
export function belongsTo(image: string, asset: string): boolean {
  return imageOf(asset) === image || isPartOf(image, asset);
}

/**
 * Sorts assets for a removal: the index last. As long as it is there, an image that is incomplete
 * can be told from one of a release without indexes.
 */
export function indexLast<T extends { readonly name: string }>(
  image: string,
  assets: readonly T[],
): T[] {
  const isIndex = ({ name }: T): boolean => name === indexName(image);
  return [...assets.filter((asset) => !isIndex(asset)), ...assets.filter(isIndex)];
}

const STAGED = /^upload-([0-9a-f]{16})-([0-9a-f]{8})-(\d+)\.tmp$/;
const RETIRED_PREFIX = "retired-";

/** Process that uploads: a value that differs between hosts, and its pid. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
}

/** Returns this process. Containers have host names of their own. */
export function thisOwner(): Owner {
  return {
    host: createHash("sha256").update(hostname()).digest("hex").slice(0, 8),
    pid: process.pid,
  };
}

/** Returns the key of an upload, from which its name is made: one for each name and content. */
export function stagingKey(asset: string, sha256: string): string {
  return createHash("sha256").update(`${asset}\n${sha256}`).digest("hex").slice(0, 16);
}

/** Returns the name that an upload has until it is complete. */
export function stagedName(key: string, { host, pid }: Owner): string {
  return `upload-${key}-${host}-${pid}.tmp`;
}

/** Returns the key and the owner in the name of an upload; undefined for other names. */
export function parseStagedName(
  name: string,
): { readonly key: string; readonly owner: Owner } | undefined {
  const [, key, host, pid] = STAGED.exec(name) ?? [];
  if (key === undefined || host === undefined) return undefined;
  return { key, owner: { host, pid: Number(pid) } };
}

/** Returns the name of an asset that is replaced, until it is deleted. */
export function retiredName(image: string, id: string): string {
  return `${RETIRED_PREFIX}${stagingKey(image, "")}-${id}.tmp`;
}

/** Returns whether an asset was replaced by a newer one of this image. */
export function isRetiredOf(image: string, name: string): boolean {
  return name.startsWith(`${RETIRED_PREFIX}${stagingKey(image, "")}-`);
}

/** Returns whether an asset belongs to an upload that is under way or was killed. */
export function isInternal(name: string): boolean {
  return /^(upload|retired)-[0-9a-f]{16}[-.].*tmp$/.test(name) || name.endsWith(".qcow2.lock");
}
