import { stat } from "node:fs/promises";
import { join } from "node:path";
import { imageInfo } from "../../machine/disk.js";
import { archiveStream, metered } from "../archive.js";
import type { MachineFacts, OutputFormat } from "../format.js";
import { packStream, programsOfPack } from "../packs.js";
import { qcow2 } from "./qcow2.js";

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** Files of a box. */
const METADATA = "metadata.json";
const VAGRANTFILE = "Vagrantfile";
const DISK = "box.img";

/** Builds of OVMF with code and variables in one file, by the packages of distributions. */
const LOADERS = [
  "/usr/share/ovmf/OVMF.fd",
  "/usr/share/edk2/ovmf/OVMF_CODE.fd",
  "/usr/share/edk2/x64/OVMF.4m.fd",
];

/**
 * Returns the box's defaults, which a user's Vagrantfile can override, with the template's own text
 * below them: Vagrant merges the blocks of a file, and the last setting applies. Pure. vagrant-libvirt has no
 * setting for UEFI other than the path of its code, which depends on the host.
 */
function vagrantfileOf({ cpus, memory, firmware }: MachineFacts, own: string | undefined): string {
  const uefi = [
    "    # The image boots with UEFI. Set libvirt.loader where the firmware is elsewhere.",
    `    loaders = ${JSON.stringify(LOADERS)}`,
    "    loader = loaders.find { |path| File.exist?(path) }",
    "    libvirt.loader = loader if loader",
  ];
  return [
    'Vagrant.configure("2") do |config|',
    "  config.vm.provider :libvirt do |libvirt|",
    `    libvirt.cpus = ${cpus}`,
    `    libvirt.memory = ${Math.ceil(memory / MIB)}`,
    '    libvirt.disk_bus = "virtio"',
    ...(firmware === "uefi" ? uefi : []),
    "  end",
    "end",
    ...(own === undefined ? [] : ["", own.trimEnd()]),
    "",
  ].join("\n");
}

/**
 * Vagrant box for the provider libvirt: a gzipped tar archive of `metadata.json`, `Vagrantfile` and
 * `box.img`, as vagrant-libvirt's example_box describes it. The disk is not compressed itself,
 * because all boxes that vagrant-libvirt starts read from it.
 */
export const vagrantLibvirt: OutputFormat<"vagrant-libvirt", "none"> = {
  name: "vagrant-libvirt",
  extension: ".box",
  compressions: ["none"],
  subformats: [],
  startable: false,
  // The Vagrantfile has no machine type, for which libvirt chooses that of a PC.
  architectures: ["x86_64"],
  packable: false,
  ownBoxFiles: [METADATA, VAGRANTFILE, DISK],
  programs: [...qcow2.programs, ...programsOfPack("gz")],
  density: () => ({ file: "compressed", scratch: "plain" }),
  diskSize: qcow2.diskSize,
  async convert(conversion, most) {
    const { source, destination, scratch, machine, reproducible, emit, signal } = conversion;
    const text = vagrantfileOf(machine, conversion.vagrantfile);
    const further = Object.entries(conversion.boxFiles ?? {});
    const disk = join(scratch, "disk");
    await qcow2.convert({ ...conversion, destination: disk, compression: "none" }, most);
    const { virtualSize } = await imageInfo(source, signal, "ARTIFACT_CONVERT");
    // GiB, without a fraction.
    const virtual_size = Math.ceil(virtualSize / GIB);
    const metadata = { provider: "libvirt", format: "qcow2", virtual_size };
    const archive = archiveStream([
      { name: METADATA, text: `${JSON.stringify(metadata)}\n` },
      { name: VAGRANTFILE, text },
      ...further.map(([name, content]) => ({ name, text: content })),
      { name: DISK, path: disk },
    ]);
    const { size: total } = await stat(disk);
    const label = "Writing the archive (vagrant-libvirt)";
    const input = metered(archive, { task: "archive", label, total, emit });
    await packStream("gz", input, { destination, reproducible, signal });
  },
};
