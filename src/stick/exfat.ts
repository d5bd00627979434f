/**
 * Adds files to a new exFAT file system in a file, without mounting it: kernels of build hosts often
 * have no exFAT, and a mount needs root. mkfs.exfat makes the file system; each file is then one
 * run of clusters, which needs no file allocation table (flag NoFatChain), a few bits in the
 * allocation bitmap and a set of entries in the root folder. Numbers of sections refer to
 * Microsoft's exFAT specification.
 */
import type { FileHandle } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { writeAll } from "../host/files.js";
import { entrySet, ENTRY_BYTES } from "./exfat-entries.js";

/** Facts from the boot sector (section 3.1). Bytes and clusters. */
interface ExfatVolume {
  readonly clusterBytes: number;
  readonly clusterCount: number;
  /** Offset of the first cluster, which has the number 2. */
  readonly heapOffset: number;
  readonly rootCluster: number;
}

/** Number of the first cluster. */
const FIRST_CLUSTER = 2;

/** Types of entries in the root folder (sections 7.1 and 7.2). */
const END_OF_FOLDER = 0x00;
const ALLOCATION_BITMAP = 0x81;

/** Offset of the share of used clusters in the boot sector, which its checksum leaves out. */
const PERCENT_IN_USE = 112;

function invalid(what: string): VmbuildError {
  return new VmbuildError("ARTIFACT_STICK", `The exFAT file system of the stick ${what}`);
}

/**
 * Reads a boot sector. Pure.
 * @throws {VmbuildError} ARTIFACT_STICK where it is not one of exFAT.
 */
function parseBootSector(sector: Buffer): ExfatVolume {
  if (sector.toString("latin1", 3, 11) !== "EXFAT   ") throw invalid("has no boot sector");
  const sectorBytes = 2 ** sector.readUInt8(108);
  return {
    clusterBytes: sectorBytes * 2 ** sector.readUInt8(109),
    heapOffset: sector.readUInt32LE(88) * sectorBytes,
    clusterCount: sector.readUInt32LE(92),
    rootCluster: sector.readUInt32LE(96),
  };
}

/** Place of a file's content in the file system. Bytes. */
export interface FilePlace {
  readonly offset: number;
  readonly size: number;
}

/** File system in a file, at an offset in bytes. */
interface Place {
  readonly file: FileHandle;
  readonly start: number;
  readonly volume: ExfatVolume;
}

/** What was read of a file system; see the fields of {@link ExfatWriter}. */
interface FolderState {
  readonly entries: Buffer;
  /** Bytes of the entries that are in use. */
  readonly used: number;
  readonly bitmap: Buffer;
  readonly bitmapOffset: number;
  readonly next: number;
}

async function readExactly(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  const { bytesRead } = await file.read(buffer, 0, size, offset);
  if (bytesRead !== size) throw invalid("is truncated");
  return buffer;
}

/** New file system that files are added to; they are in it after {@link ExfatWriter.close}. */
export class ExfatWriter {
  /** Entries of the root folder; the rest of the cluster is zero, which ends the folder. */
  readonly #entries: Buffer;
  #used: number;
  readonly #bitmap: Buffer;
  readonly #bitmapOffset: number;
  /** First cluster after all that are in use. */
  #next: number;
  readonly #file: FileHandle;
  readonly #start: number;
  readonly #volume: ExfatVolume;

  private constructor({ file, start, volume }: Place, folder: FolderState) {
    this.#file = file;
    this.#start = start;
    this.#volume = volume;
    this.#entries = folder.entries;
    this.#used = folder.used;
    this.#bitmap = folder.bitmap;
    this.#bitmapOffset = folder.bitmapOffset;
    this.#next = folder.next;
  }

  /**
   * Opens a file system that mkfs.exfat has just made.
   * @param start offset of the file system in the file. Bytes.
   * @throws {VmbuildError} ARTIFACT_STICK where it is not one.
   */
  static async open(file: FileHandle, start: number): Promise<ExfatWriter> {
    const volume = parseBootSector(await readExactly(file, start, 512));
    const at = (cluster: number): number =>
      start + volume.heapOffset + (cluster - FIRST_CLUSTER) * volume.clusterBytes;
    const entries = await readExactly(file, at(volume.rootCluster), volume.clusterBytes);
    let used = 0;
    let bitmapAt: { cluster: number; size: number } | undefined;
    while (used < entries.length && entries[used] !== END_OF_FOLDER) {
      if (entries[used] === ALLOCATION_BITMAP) {
        const size = Number(entries.readBigUInt64LE(used + 24));
        bitmapAt = { cluster: entries.readUInt32LE(used + 20), size };
      }
      used += ENTRY_BYTES;
    }
    if (bitmapAt === undefined) throw invalid("has no allocation bitmap");
    const bitmapOffset = at(bitmapAt.cluster);
    const bitmap = await readExactly(file, bitmapOffset, bitmapAt.size);
    const last = bitmap.findLastIndex((byte) => byte !== 0);
    const next = FIRST_CLUSTER + last * 8 + (32 - Math.clz32(bitmap[last] ?? 0));
    return new ExfatWriter({ file, start, volume }, { entries, used, bitmap, bitmapOffset, next });
  }

  /** Bytes that a file can have. */
  get free(): number {
    return (this.#volume.clusterCount + FIRST_CLUSTER - this.#next) * this.#volume.clusterBytes;
  }

  /** Offset in the file after the last cluster that is in use. Bytes. */
  get usedEnd(): number {
    return this.#offsetOf(this.#next);
  }

  #offsetOf(cluster: number): number {
    return (
      this.#start + this.#volume.heapOffset + (cluster - FIRST_CLUSTER) * this.#volume.clusterBytes
    );
  }

  /** Marks the next clusters as used. */
  #allocate(count: number): void {
    const first = this.#next - FIRST_CLUSTER;
    for (let index = first; index < first + count; index++) {
      this.#bitmap[index >> 3] = (this.#bitmap[index >> 3] ?? 0) | (1 << (index & 7));
    }
    this.#next += count;
  }

  /**
   * Adds a file, whose content the caller writes to the returned place.
   * @throws {VmbuildError} ARTIFACT_STICK where there is no room, or the name is not allowed.
   */
  add(name: string, size: number, time: Date): FilePlace {
    if (size > this.free) throw invalid(`has no room for ${name}`);
    const count = Math.ceil(size / this.#volume.clusterBytes);
    const cluster = this.#next;
    const set = entrySet({ name, size, cluster: count === 0 ? 0 : cluster, time });
    if (this.#used + set.length > this.#entries.length) throw invalid("has too many files");
    set.copy(this.#entries, this.#used);
    this.#used += set.length;
    this.#allocate(count);
    return { offset: this.#offsetOf(cluster), size };
  }

  /** Adds a file with its content. */
  async write(name: string, content: Buffer, time: Date): Promise<void> {
    const { offset } = this.add(name, content.length, time);
    await writeAll(this.#file, content, offset);
  }

  /** Writes the folder and the bitmap. */
  async close(): Promise<void> {
    const file = this.#file;
    const volume = this.#volume;
    await writeAll(file, this.#bitmap, this.#bitmapOffset);
    await writeAll(file, this.#entries, this.#offsetOf(volume.rootCluster));
    const share = Math.floor(((this.#next - FIRST_CLUSTER) * 100) / volume.clusterCount);
    await writeAll(file, Buffer.from([share]), this.#start + PERCENT_IN_USE);
  }
}
