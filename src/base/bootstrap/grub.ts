/**
 * Installs GRUB for BIOS as grub-bios-setup does, but in a plain file: boot.img in the master boot
 * record, core.img in the BIOS boot partition. Offsets are those of GRUB's
 * include/grub/i386/pc/boot.h and grub-core/boot/i386/pc/diskboot.S, the same in 2.02 to 2.12.
 */
import type { FileHandle } from "node:fs/promises";
import { VmbuildError } from "../../errors.js";
import type { Extent } from "./layout.js";
import { SECTOR } from "./layout.js";

/** Size of the code before the partition table; the rest belongs to GPT's protective record. */
const MBR_CODE_BYTES = 440;
/** boot.img: sector of core.img, 64 bits. */
const KERNEL_SECTOR = 0x5c;
/** boot.img: BIOS drive to read from; 0xff is the boot drive. */
const BOOT_DRIVE = 0x64;
/** boot.img: jump for floppy disks, which is replaced by two `nop` for hard disks. */
const DRIVE_CHECK = 0x66;
/**
 * core.img's first sector: location of the rest. 64 bits sector, 16 bits count, 16 bits segment.
 */
const BLOCKLIST = 0x1f4;

/** Returns boot.img, modified to load core.img from `coreSector`. Only the code is returned. */
export function patchBootImage(boot: Buffer, coreSector: number): Buffer {
  if (boot.length !== SECTOR || boot.readUInt16LE(SECTOR - 2) !== 0xaa55) {
    throw new VmbuildError("BASE_BOOTSTRAP", "GRUB's boot.img is not a boot sector");
  }
  const patched = Buffer.from(boot);
  patched.writeBigUInt64LE(BigInt(coreSector), KERNEL_SECTOR);
  patched.writeUInt8(0xff, BOOT_DRIVE);
  patched.writeUInt16LE(0x9090, DRIVE_CHECK);
  return patched.subarray(0, MBR_CODE_BYTES);
}

/** Returns core.img, modified to load its remaining sectors from right after the first one. */
export function patchCoreImage(core: Buffer, coreSector: number): Buffer {
  const sectors = Math.ceil(core.length / SECTOR);
  if (sectors < 2) throw new VmbuildError("BASE_BOOTSTRAP", "GRUB's core.img is truncated");
  const patched = Buffer.alloc(sectors * SECTOR);
  core.copy(patched);
  patched.writeBigUInt64LE(BigInt(coreSector + 1), BLOCKLIST);
  patched.writeUInt16LE(sectors - 1, BLOCKLIST + 8);
  return patched;
}

/**
 * Writes boot.img and core.img to a partitioned disk.
 * @throws {VmbuildError} BASE_BOOTSTRAP when core.img does not fit its partition.
 */
export async function embedGrub(
  disk: FileHandle,
  place: Extent,
  boot: Buffer,
  core: Buffer,
): Promise<void> {
  const sector = place.offset / SECTOR;
  const patchedCore = patchCoreImage(core, sector);
  if (patchedCore.length > place.size) {
    throw new VmbuildError("BASE_BOOTSTRAP", "GRUB's core.img is larger than its partition");
  }
  const patchedBoot = patchBootImage(boot, sector);
  await disk.write(patchedBoot, 0, patchedBoot.length, 0);
  await disk.write(patchedCore, 0, patchedCore.length, place.offset);
}
