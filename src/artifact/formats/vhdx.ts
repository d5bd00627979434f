import type { MachineFacts } from "../format.js";
import { crc32c, readAt, stableUuid, writeAt } from "../identifiers.js";
import { qemuImgFormat } from "../qemu-img-format.js";

/** Offsets of the two headers, and of fields in them (Microsoft's MS-VHDX, 2.2.2). */
const HEADERS = [64 * 1024, 128 * 1024] as const;
const HEADER = {
  length: 4096,
  checksum: 4,
  sequence: 8,
  fileWrite: 16,
  dataWrite: 32,
  log: 48,
  logLength: 68,
};
/** Offset of the region table, and its entry of the metadata region (MS-VHDX, 2.2.3). */
const REGIONS = 192 * 1024;
const METADATA_REGION = Buffer.from("06a27c8b90479a4bb8fe575f050f886e", "hex");
/** Item with the disk's identifier in the metadata region (MS-VHDX, 2.6.2.3). */
const DISK_ID = Buffer.from("ab12cabee6b2234593efc309e000c746", "hex");
const TABLE_LENGTH = 64 * 1024;

/** Returns the offset of the identifier that a guest sees (SCSI page 83). */
async function diskIdOffset(path: string): Promise<number> {
  const regions = await readAt(path, REGIONS, TABLE_LENGTH);
  const region = regions.indexOf(METADATA_REGION);
  if (region === -1) throw new Error(`${path} has no metadata region`);
  const start = Number(regions.readBigUInt64LE(region + 16));
  const table = await readAt(path, start, TABLE_LENGTH);
  const item = table.indexOf(DISK_ID);
  if (item === -1) throw new Error(`${path} has no disk identifier`);
  return start + table.readUInt32LE(item + 16);
}

/** Returns the writes that make a header the same each time. Pure. */
function settleHeader(offset: number, header: Buffer, machine: MachineFacts): [number, Buffer][] {
  stableUuid(machine, "vhdx file").copy(header, HEADER.fileWrite);
  stableUuid(machine, "vhdx data").copy(header, HEADER.dataWrite);
  header.writeUInt32LE(0, HEADER.checksum);
  header.writeUInt32LE(crc32c(header), HEADER.checksum);
  // Entries of an empty log have no meaning, but contain random identifiers.
  const hasLog = header.subarray(HEADER.log, HEADER.log + 16).some((byte) => byte !== 0);
  if (hasLog) return [[offset, header]];
  const log = Number(header.readBigUInt64LE(HEADER.logLength + 4));
  return [
    [log, Buffer.alloc(header.readUInt32LE(HEADER.logLength))],
    [offset, header],
  ];
}

/** Hyper-V's current format, which grows. The limit is that of the specification. */
export const vhdx = qemuImgFormat({
  name: "vhdx",
  extension: ".vhdx",
  compressions: ["none"],
  startable: true,
  largestDisk: 64 * 2 ** 40,
  async settle(path, { machine }) {
    const headers = await Promise.all(
      HEADERS.map(async (offset) => ({
        offset,
        header: await readAt(path, offset, HEADER.length),
      })),
    );
    // The header with the larger number is the current one. QEMU counts from a random number.
    const inOrder = headers.toSorted((a, b) =>
      a.header.readBigUInt64LE(HEADER.sequence) < b.header.readBigUInt64LE(HEADER.sequence)
        ? -1
        : 1,
    );
    const edits = inOrder.flatMap(({ offset, header }, index) => {
      header.writeBigUInt64LE(BigInt(index + 1), HEADER.sequence);
      return settleHeader(offset, header, machine);
    });
    edits.push([await diskIdOffset(path), stableUuid(machine, "vhdx disk")]);
    await writeAt(path, edits);
  },
});
