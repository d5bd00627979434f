/**
 * Describes archives from which one file is extracted. Members are selected by name, but never
 * written under that name.
 */
import type { WrittenExtent } from "./program-output.js";

/** Regular file in an archive. */
export interface Member {
  /** Path of the file inside the archive. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** Part of a member to extract, and its destination. */
export interface ExtractJob {
  readonly member: Member;
  /** Absolute path. An existing file is replaced. */
  readonly target: string;
  readonly limit: number;
  /** Extracts only the first `limit` bytes. */
  readonly beginning?: boolean;
  readonly signal: AbortSignal;
}

/** Open archive. */
export interface Archive {
  /** Regular files in the order of the archive. */
  readonly members: readonly Member[];
  extract(job: ExtractJob): Promise<WrittenExtent>;
}

/** Names a member as the subject of a message: `disk.raw in the base X`. */
export function memberIn(name: string, what: string): string {
  return `${name} in ${what.replace(/^The /, "the ")}`;
}

/** Matches file names of disk images, compressed or not. */
const IMAGE_NAME =
  /\.(raw|img|qcow2?|vmdk|vdi|vhdx?|vpc|qed|hdd|dd|disk)(\.(gz|xz|zst|bz2|lz4|lzma))?$/i;

function baseName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/**
 * Returns whether a member is metadata that was added without the author's intent, such as macOS's
 * `._disk.raw`.
 */
function isMetadataFile({ name }: Member): boolean {
  return baseName(name).startsWith("._") || /(^|\/)__MACOSX\//.test(name);
}

/** An archive with more other files contains a file system, and none of them is inspected. */
const MAX_OTHERS = 32;
/** Smallest disk image: one boot sector. Bytes. */
const MIN_IMAGE_BYTES = 512;

/** Members that may be the disk image. */
export interface Candidates {
  /** Members named like a disk image. A single `disk.raw` takes precedence. */
  readonly named: readonly Member[];
  /** All other members, if there are only a few. */
  readonly others: readonly Member[];
}

/** Classifies the members of an archive by name and size. Pure. */
export function imageCandidates(members: readonly Member[]): Candidates {
  const candidates = members.filter((member) => !isMetadataFile(member));
  const isNamed = ({ name }: Member): boolean => IMAGE_NAME.test(baseName(name));
  const named = candidates.filter(isNamed);
  const disks = named.filter(({ name }) => baseName(name) === "disk.raw");
  const others = candidates.filter((member) => member.size >= MIN_IMAGE_BYTES && !isNamed(member));
  return {
    named: disks.length === 1 ? disks : named,
    others: others.length <= MAX_OTHERS ? others : [],
  };
}
