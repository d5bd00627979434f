/**
 * Stand-in for a stick: a boot sector in place of the live system. It prints the installer's
 * messages, writes itself to the next disk, and restarts the machine; on that disk, where there is
 * no other one, it shows a login prompt. The real stick is tested in test/slow.
 */
import { writeFile } from "node:fs/promises";

const SECTOR = 512;
const SIZE = 2 ** 20;
/** Place of the boot sector in memory. */
const ORIGIN = 0x7c00;
/** Place of the texts in the sector. */
const TEXTS = 96;

/** What the stand-in prints, and in which order. */
export interface StandInTexts {
  /** Printed from the stick, after which the machine restarts. */
  readonly installed: string;
  /** Printed from the disk. */
  readonly alone: string;
}

const INSTALLED: StandInTexts = {
  installed: "\r\nThe image is installed on /dev/sda. Remove the stick.\r\n",
  alone: "\r\nnode login: ",
};

const word = (value: number): readonly number[] => [value & 0xff, value >> 8];

/** Returns the machine code for real mode. */
function code(installed: number, alone: number): readonly number[] {
  return [
    ...[0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0], // xor ax,ax; mov ds,ax; es; ss
    ...[0xbc, ...word(ORIGIN), 0xfc], // mov sp,ORIGIN; cld
    ...[0xb8, ...word(0x0301), 0xbb, ...word(ORIGIN)], // mov ax,0301 (write a sector); mov bx
    ...[0xb9, ...word(1), 0xba, ...word(0x81), 0xcd, 0x13], // mov cx,1; mov dx,81; int 13
    ...[0x19, 0xed, 0xbe, ...word(ORIGIN + installed)], // sbb bp,bp; mov si,installed
    ...[0x85, 0xed, 0x74, 0x03, 0xbe, ...word(ORIGIN + alone)], // test bp,bp; jz +3; mov si,alone
    ...[0xac, 0x84, 0xc0, 0x74, 0x12, 0x88, 0xc4], // next: lodsb; test al,al; jz end; mov ah,al
    ...[0xba, ...word(0x3fd), 0xec, 0xa8, 0x20, 0x74, 0xfb], // wait until the port takes a byte
    ...[0xba, ...word(0x3f8), 0x88, 0xe0, 0xee, 0xeb, 0xe9], // out 3f8,al; jmp next
    ...[0x85, 0xed, 0x75, 0x04, 0xb0, 0xfe, 0xe6, 0x64], // end: from the stick, reset the machine
    ...[0xf4, 0xeb, 0xfd], // hlt; again
  ];
}

/** Writes the image of a stand-in. */
export async function writeStandInStick(
  path: string,
  texts: Partial<StandInTexts> = {},
): Promise<void> {
  const { installed, alone } = { ...INSTALLED, ...texts };
  const image = Buffer.alloc(SIZE);
  const second = TEXTS + Buffer.byteLength(installed) + 1;
  Buffer.from(code(TEXTS, second)).copy(image);
  image.write(installed, TEXTS, "latin1");
  image.write(alone, second, "latin1");
  image.writeUInt16LE(0xaa55, SECTOR - 2);
  image.write("EFI PART", SECTOR, "latin1");
  image.write("installer-stand-in", 2 * SECTOR + 56, "utf16le");
  await writeFile(path, image);
}
