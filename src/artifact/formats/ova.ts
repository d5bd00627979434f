import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { imageInfo } from "../../machine/disk.js";
import { archiveStream, metered } from "../archive.js";
import { digestFile } from "../digest.js";
import type { OutputFormat } from "../format.js";
import { ovfDescriptor, ovfManifest } from "../ovf.js";
import { vmdk } from "./vmdk.js";

/**
 * Open Virtualization Format package in one file: a ustar archive of the machine's descriptor, a
 * manifest with SHA-256 checksums, and a stream-optimized VMDK, in this order, so that importers
 * can read it as a stream.
 */
export const ova: OutputFormat<"ova", "none"> = {
  name: "ova",
  extension: ".ova",
  compressions: ["none"],
  subformats: [],
  startable: false,
  // VMware and VirtualBox, which read it, run PCs.
  architectures: ["x86_64"],
  packable: false,
  programs: vmdk.programs,
  density: () => ({ file: "compressed", scratch: "compressed" }),
  diskSize: vmdk.diskSize,
  async convert(conversion, most) {
    const { source, destination, scratch, machine, emit, signal } = conversion;
    const stem = `${machine.name}-${machine.version}`;
    const filename = `${stem}-disk1.vmdk`;
    const disk = join(scratch, "disk");
    const settings = { filename, subformat: "streamOptimized", compression: "none" } as const;
    await vmdk.convert({ ...conversion, ...settings, destination: disk }, most);
    const { sha256 } = await digestFile(disk, ["sha256"], { emit, signal });
    const { virtualSize: capacity } = await imageInfo(source, signal, "ARTIFACT_CONVERT");
    const { size: fileSize } = await stat(disk);
    const descriptor = ovfDescriptor(machine, { filename, fileSize, capacity });
    const ownDigest = createHash("sha256").update(descriptor).digest("hex");
    const manifest = ovfManifest([
      [`${stem}.ovf`, ownDigest],
      [filename, sha256],
    ]);
    const archive = archiveStream([
      { name: `${stem}.ovf`, text: descriptor },
      { name: `${stem}.mf`, text: manifest },
      { name: filename, path: disk },
    ]);
    const meter = { task: "archive", label: "Writing the archive (ova)", total: fileSize, emit };
    await pipeline(metered(archive, meter), createWriteStream(destination), { signal });
  },
};
