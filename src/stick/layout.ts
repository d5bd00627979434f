/** Plans the partitions of a stick. Units are bytes. Pure. */
import { SECTOR } from "../base/bootstrap/public.js";
import type { Extent } from "../base/bootstrap/public.js";

/** Bytes. */
export const MIB = 2 ** 20;

/** Partition of GRUB's core image for a BIOS. */
export const BIOS_BOOT: Extent = { offset: MIB, size: 3 * MIB };
/** EFI system partition with the live system, FAT32. */
export const ESP: Extent = { offset: 4 * MIB, size: 132 * MIB };
/** Offset of the data partition; all before it is the same on every stick. */
export const DATA_OFFSET = ESP.offset + ESP.size;
/** Space after the data partition, with GPT's copy. */
const TAIL = MIB;

/** Number of the EFI system partition, which GRUB's core image for a BIOS contains. */
export const ESP_NUMBER = 2;

/** Beginning of the data partition's name in GPT; the rest is random. */
export const PARTITION_PREFIX = "installer-";

/** Smallest data partition: exFAT with large clusters and a small image. */
export const SMALLEST_STICK = DATA_OFFSET + 64 * MIB + TAIL;

/** Data partition of a stick with this size. */
export function dataPartition(size: number): Extent {
  return { offset: DATA_OFFSET, size: size - DATA_OFFSET - TAIL };
}

/**
 * Returns the size of a stick with room for a payload: half as much again and 1 GiB, so that a
 * later image that is somewhat larger can take its place.
 */
export function sizeFor(payload: number): number {
  const wanted = DATA_OFFSET + payload * 1.5 + 1024 * MIB + TAIL;
  return Math.ceil(wanted / MIB) * MIB;
}

/**
 * Returns the input for sfdisk(8). The data partition is the first in the table, since some versions
 * of Windows show only that one of a removable disk.
 * @param partition name of the data partition in GPT, by which the live system finds it.
 */
export function partitionTable(size: number, partition: string): string {
  const line = (number: number, { offset, size }: Extent, type: string, name: string): string =>
    `${number}: start=${offset / SECTOR}, size=${size / SECTOR}, type=${type}, name="${name}"`;
  return [
    "label: gpt",
    "unit: sectors",
    "first-lba: 2048",
    "",
    line(1, dataPartition(size), "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", partition),
    line(ESP_NUMBER, ESP, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "esp"),
    line(3, BIOS_BOOT, "21686148-6449-6E6F-744E-656564454649", "bios"),
    "",
  ].join("\n");
}

/**
 * Returns GRUB's menu. The second entry is for machines whose remote console is the second serial
 * port.
 */
export function grubMenu(partition: string): string {
  const entry = (title: string, port: number): string =>
    [
      `menuentry '${title}' {`,
      `  linux /live/vmlinuz console=tty0 console=ttyS${port},115200 quiet installer.part=${partition}`,
      "  initrd /live/initrd",
      "}",
    ].join("\n");
  return [
    // UEFI shows its console on the serial port by itself where that is wanted.
    'if [ "$grub_platform" = pc ]; then',
    "  if serial --unit=0 --speed=115200; then",
    "    terminal_input console serial",
    "    terminal_output console serial",
    "  fi",
    "fi",
    "set default=0",
    "set timeout=3",
    entry("Installer", 0),
    entry("Installer, with the second serial port", 1),
    "",
  ].join("\n");
}
