/** Options of the qemu builder that describe the machine and its disk. */
import { NETWORK_MODELS } from "../../../machine/networks.js";
import { OTHER_ARCHITECTURE } from "../architecture.js";
import { isUnset, mapped, nothing, oneOf, refused } from "../rules.js";
import type { RuleTable } from "../rules.js";
import { isPlainObject, shownValue, textOf } from "../plain.js";
import type { Plain } from "../plain.js";

const DISPLAY = "vmbuild shows no window: see `vmbuild screen NAME`, and `--vnc` for a VNC viewer";

/** Machine types that QEMU has for architectures which vmbuild has not: PowerPC, s390x, MIPS, SPARC. */
const OTHER_MACHINE =
  /^(?:pseries|powernv|ppce500|mac99|g3beige|40p|s390-ccw|malta|fuloong|loongson3|sun4|SS-)/;

/** Arguments of `qemu-img convert` that change the speed only. */
const HARMLESS_CONVERT = /^(?:-c|-p|-W|-q|-m|\d+|-o|preallocation=\w+|compression_type=\w+)$/;

/** Returns whether the arguments for qemu-img leave the content of the image as it is. */
function isHarmlessImg(value: Plain): boolean {
  const first = Array.isArray(value) ? value[0] : value;
  if (!isPlainObject(first)) return isUnset(value);
  const convert = first["convert"];
  const words = Array.isArray(convert) ? convert.map((word) => textOf(word) ?? "") : [];
  return words.every((word) => HARMLESS_CONVERT.test(word));
}

/** Accelerators of QEMU on macOS, Windows and NetBSD. */
export const OTHER_HOSTS_ACCELERATORS = ["hvf", "whpx", "hax", "nvmm"];

/** Rules of the machine. */
export const MACHINE_RULES: RuleTable = {
  accelerator: mapped(
    "machine.accelerator; auto where it is not set, tcg for none",
    oneOf(
      ["kvm", "tcg", "none", ...OTHER_HOSTS_ACCELERATORS],
      "vmbuild runs on Linux with kvm or tcg; set one of them, or leave it out",
    ),
  ),
  cpus: mapped("machine.cpus"),
  sockets: mapped("machine.cpus, and -smp in machine.arguments"),
  cores: mapped("machine.cpus, and -smp in machine.arguments"),
  threads: mapped("machine.cpus, and -smp in machine.arguments"),
  memory: mapped("machine.memory"),
  machine_type: mapped("machine.type", (value) =>
    OTHER_MACHINE.test(shownValue(value)) ? OTHER_ARCHITECTURE : undefined,
  ),
  cpu_model: mapped("machine.cpu"),
  qemu_binary: mapped("machine.arch, and machine.binary for a program of one's own"),
  qemuargs: mapped("the fields that the arguments mean; the others are machine.arguments"),
  efi_boot: mapped("machine.firmware"),
  efi_firmware_code: mapped("machine.firmware"),
  efi_firmware_vars: mapped("machine.firmware, and machine.secureBoot for a store with keys"),
  efi_drop_efivars: nothing("the UEFI variables are never part of the output"),
  firmware: mapped("machine.firmware"),
  use_pflash: mapped("machine.firmware"),
  disk_interface: mapped(
    "machine.diskBus",
    oneOf(
      ["virtio", "virtio-scsi", "ide", "sata"],
      "vmbuild has no such disk; use virtio, virtio-scsi or sata",
    ),
  ),
  disk_size: mapped("machine.disk"),
  skip_resize_disk: mapped("machine.skipResize"),
  disk_additional_size: mapped("machine.disks, which are published"),
  disk_cache: nothing("vmbuild chooses how the build's own disk is cached"),
  disk_discard: nothing("the build's disk always takes discards, so that the image is small"),
  disk_detect_zeroes: nothing("zeroes are left out when the image is compacted"),
  net_device: mapped("machine.networks, unless it is the virtio card with NAT", (value) =>
    isUnset(value) || networkModel(shownValue(value)) !== undefined
      ? undefined
      : `${shownValue(value)} is no card that vmbuild has; use one of ${NETWORK_MODELS.join(", ")}`,
  ),
  net_bridge: mapped("machine.networks, beside a card with NAT for the build itself"),
  vtpm: mapped("machine.tpm"),
  use_tpm1: refused("vmbuild's TPM has version 2.0; remove use_tpm1"),
  tpm_device_type: nothing("vmbuild chooses the device of the machine type"),
  headless: nothing(DISPLAY),
  display: nothing(DISPLAY),
  use_default_display: nothing(DISPLAY),
  vga: nothing(DISPLAY),
  vnc_bind_address: nothing(DISPLAY),
  vnc_use_password: nothing(DISPLAY),
  vnc_password: nothing(DISPLAY),
  vnc_port_min: nothing(DISPLAY),
  vnc_port_max: nothing(DISPLAY),
  disable_vnc: nothing(DISPLAY),
  qmp_enable: nothing("vmbuild controls QEMU over a QMP socket of its own"),
  qmp_socket_path: nothing("vmbuild controls QEMU over a QMP socket of its own"),
  run_once: nothing("it has no effect in Packer either"),
  qemu_img_args: refused(
    "vmbuild writes the image itself; run qemu-img in `post` or `after`",
    isHarmlessImg,
  ),
};

/** Returns vmbuild's name of a network card; undefined for one that it does not have. */
export function networkModel(device: string): string | undefined {
  if (isVirtioNet(device)) return NETWORK_MODELS[0];
  return NETWORK_MODELS.find((name) => name === device || device === `${name}-82540em`);
}

/** Returns whether a network card is the one that vmbuild uses. */
export function isVirtioNet(device: string): boolean {
  return /^virtio$|^virtio-net(?:-pci|-device|-ccw)?(?:-non-transitional|-transitional)?$/.test(
    device,
  );
}
