/** Archives from which one file is wanted: its name is looked at, and never written to. */
import type { WrittenExtent } from "./program-output.js";

/** A regular file in an archive. */
export interface Member {
  /** As the archive has it, with its folders. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** What to take of a member, and where it goes. */
export interface ExtractJob {
  readonly member: Member;
  /** Absolute; a file that is there is replaced. */
  readonly target: string;
  readonly limit: number;
  /** Only the first `limit` bytes are wanted. */
  readonly beginning?: boolean;
  readonly signal: AbortSignal;
}

/** An archive that can be read. */
export interface Archive {
  /** Its regular files, in the archive's order. */
  readonly members: readonly Member[];
  extract(job: ExtractJob): Promise<WrittenExtent>;
}

/** A member as the subject of a message: `disk.raw in the base X`. */
export function memberIn(name: string, what: string): string {
  return `${name} in ${what.replace(/^The /, "the ")}`;
}

/** Endings of disk images, compressed or not. */
const IMAGE_NAME =
  /\.(raw|img|qcow2?|vmdk|vdi|vhdx?|vpc|qed|hdd|dd|disk)(\.(gz|xz|zst|bz2|lz4|lzma))?$/i;

function baseName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** Files that an archive's maker did not mean to put there, such as macOS's `._disk.raw`. */
function isMetadataFile({ name }: Member): boolean {
  return baseName(name).startsWith("._") || /(^|\/)__MACOSX\//.test(name);
}

/** More files than this are a file system's, and none of them is looked into. */
const MAX_OTHERS = 32;
/** A boot sector, in bytes. */
const MIN_IMAGE_BYTES = 512;

/** The members to look into for the disk image. */
export interface Candidates {
  /** Those named like one; a `disk.raw` is meant before any other. */
  readonly named: readonly Member[];
  /** All others, where they are few. */
  readonly others: readonly Member[];
}

/** Sorts an archive's members by what they may be. Pure. */
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
