import { VIRT_BOARD, flashArguments } from "./architecture.js";
import type { Architecture } from "./architecture.js";

/**
 * Machine code that is started with the MMU off, from the flash at address 0: 512 KiB of writes to
 * memory, and PSCI's SYSTEM_OFF (Arm DEN 0022), with which QEMU ends.
 */
const PROBE_CODE: readonly number[] = [
  0xd2a80000, // movz x0, #0x4000, lsl #16   memory of the machine type virt
  0xd2a00101, // movz x1, #8, lsl #16        512 KiB
  0xf800841f, // str  xzr, [x0], #8
  0xf1002021, // subs x1, x1, #8
  0x54ffffc1, // b.ne .-8
  0xd2b08000, // movz x0, #0x8400, lsl #16
  0xf2800100, // movk x0, #8                 SYSTEM_OFF is 0x84000008
  0xd4000002, // hvc  #0
  0x14000000, // b    .
];

function probeImage(): Buffer {
  const image = Buffer.alloc(PROBE_CODE.length * 4);
  for (const [index, word] of PROBE_CODE.entries()) image.writeUInt32LE(word, index * 4);
  return image;
}

/** 64-bit Arm. */
export const aarch64: Architecture<"aarch64"> = {
  name: "aarch64",
  hostArch: "arm64",
  binary: "qemu-system-aarch64",
  machineType: "virt",
  cpuModels: {
    kvm: "host",
    // Armv8.0, which current distributions require, and no more. Pointer authentication of `max`
    // is slow to emulate.
    tcg: "cortex-a72",
  },
  // The machine type has no other firmware.
  firmwares: ["uefi"],
  uefi: {
    name: "AAVMF",
    // Debian and Ubuntu, Fedora and relatives (raw, as flash devices need them), Arch, openSUSE.
    candidates: [
      {
        code: "/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd",
        variablesTemplate: "/usr/share/AAVMF/AAVMF_VARS.fd",
      },
      {
        code: "/usr/share/AAVMF/AAVMF_CODE.fd",
        variablesTemplate: "/usr/share/AAVMF/AAVMF_VARS.fd",
      },
      {
        code: "/usr/share/edk2/aarch64/QEMU_EFI-silent-pflash.raw",
        variablesTemplate: "/usr/share/edk2/aarch64/vars-template-pflash.raw",
      },
      {
        code: "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw",
        variablesTemplate: "/usr/share/edk2/aarch64/vars-template-pflash.raw",
      },
      {
        code: "/usr/share/edk2/aarch64/QEMU_CODE.fd",
        variablesTemplate: "/usr/share/edk2/aarch64/QEMU_VARS.fd",
      },
      {
        code: "/usr/share/qemu/aavmf-aarch64-code.bin",
        variablesTemplate: "/usr/share/qemu/aavmf-aarch64-vars.bin",
      },
    ],
    // Debian and Ubuntu. Other distributions have no such variable store.
    secureBootCandidates: [
      {
        code: "/usr/share/AAVMF/AAVMF_CODE.ms.fd",
        variablesTemplate: "/usr/share/AAVMF/AAVMF_VARS.ms.fd",
      },
    ],
    takesFiles: true,
    package: "qemu-efi-aarch64",
    hint: "Debian and Ubuntu: apt-get install qemu-efi-aarch64. Fedora: dnf install edk2-aarch64.",
    arguments: flashArguments,
  },
  console: "ttyAMA0",
  bootFailures: [],
  debian: {
    name: "arm64",
    packages: ["grub-efi-arm64-bin", "linux-image-cloud-arm64"],
    efiPlatform: "arm64-efi",
    efiLoader: "BOOTAA64.EFI",
    signedLoaders: {
      packages: ["grub-efi-arm64-signed", "shim-signed"],
      shim: "/usr/lib/shim/shimaa64.efi.signed",
      beside: {
        "mmaa64.efi": "/usr/lib/shim/mmaa64.efi.signed",
        "grubaa64.efi": "/usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed",
      },
    },
    // UEFI's console is the serial line.
    grubTerminals: ["console"],
    rootPartitionType: "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
    userEmulation: "aarch64",
  },
  probe: {
    image: probeImage,
    arguments: (image) => ["-machine", "virt,gic-version=max", "-m", "64M", "-bios", image],
    success: 0,
  },
  boardOf(machineType) {
    const isOpen = /^virt(?:-|$)/.test(machineType) && !machineType.includes("gic-version");
    // The newest interrupt controller that the accelerator supports: version 2 is limited to eight
    // CPUs, and some hosts have no other.
    const options = isOpen ? ["gic-version=max"] : [];
    // Arm has no system management mode, so the kernel can write to the keys.
    return { ...VIRT_BOARD, options, secureBoot: { options: [], arguments: [] } };
  },
};
