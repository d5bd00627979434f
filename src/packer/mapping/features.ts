/**
 * Parts of a machine that vmbuild's template describes in this version. A conversion uses those that
 * are here; the others are refused with a sentence that says what to do.
 */

/** Fields of the machine that a conversion may use. */
export const FEATURES: Readonly<Record<Feature, boolean>> = {
  arch: false,
  disks: false,
  networks: false,
  firmwareFiles: false,
  secureBoot: false,
  tpm: false,
};

/** Part of a machine. */
export type Feature = "arch" | "disks" | "networks" | "firmwareFiles" | "secureBoot" | "tpm";

/** What to do about a part that vmbuild does not have. */
export const UNSUPPORTED: Readonly<Record<Feature, string>> = {
  arch: "vmbuild builds images for x86-64 only; use qemu-system-x86_64",
  disks: "a machine of vmbuild has one disk; keep to it, or add a disk with machine.arguments",
  networks:
    "a machine of vmbuild has a virtio network card with NAT; add another card with machine.arguments",
  firmwareFiles: "vmbuild uses the host's own UEFI firmware (OVMF); leave the file out",
  secureBoot: "vmbuild's UEFI firmware has no secure boot; use the firmware without it",
  tpm: "a machine of vmbuild has no TPM; start swtpm yourself and add it with machine.arguments",
};
