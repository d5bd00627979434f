import { VIRT_BOARD } from "./architecture.js";
import type { Architecture } from "./architecture.js";

/**
 * Machine code that is started in supervisor mode: SBI's system reset with the type "shutdown"
 * (SBI specification, chapter 10), with which QEMU ends.
 */
const PROBE_CODE: readonly number[] = [
  0x535258b7, // lui  a7, 0x53525
  0x35488893, // addi a7, a7, 0x354          extension "SRST"
  0x00000813, // li   a6, 0
  0x00000513, // li   a0, 0
  0x00000593, // li   a1, 0
  0x00000073, // ecall
  0x0000006f, // j    .
];

function probeImage(): Buffer {
  const image = Buffer.alloc(PROBE_CODE.length * 4);
  for (const [index, word] of PROBE_CODE.entries()) image.writeUInt32LE(word, index * 4);
  return image;
}

/** 64-bit RISC-V. */
export const riscv64: Architecture<"riscv64"> = {
  name: "riscv64",
  hostArch: "riscv64",
  binary: "qemu-system-riscv64",
  machineType: "virt",
  cpuModels: { kvm: "host", tcg: "rv64" },
  // QEMU starts OpenSBI by itself, and OpenSBI starts U-Boot, which implements UEFI.
  firmwares: ["uefi"],
  uefi: {
    name: "U-Boot",
    // Debian and Ubuntu, Fedora.
    candidates: [
      { code: "/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf" },
      { code: "/usr/share/uboot/qemu-riscv64_smode/u-boot.bin" },
    ],
    // U-Boot is started like a kernel, and UEFI from flash memory needs QEMU 8.1.
    takesFiles: false,
    package: "u-boot-qemu",
    hint: "Debian and Ubuntu: apt-get install u-boot-qemu opensbi. Fedora: dnf install uboot-images-riscv64.",
    arguments: ({ code }) => ["-kernel", code],
  },
  console: "ttyS0",
  // U-Boot's prompt, when it has found nothing to start.
  bootFailures: [/^=> $/, /^=>$/],
  debian: {
    name: "riscv64",
    packages: ["grub-efi-riscv64-bin", "linux-image-riscv64"],
    efiPlatform: "riscv64-efi",
    efiLoader: "BOOTRISCV64.EFI",
    // UEFI's console is the serial line.
    grubTerminals: ["console"],
    rootPartitionType: "72EC70A6-CF74-40E6-BD49-4BDA08E8F224",
    userEmulation: "riscv64",
  },
  probe: {
    image: probeImage,
    arguments: (image) => ["-machine", "virt", "-m", "64M", "-kernel", image],
    success: 0,
  },
  // It has no power button.
  boardOf: () => ({ ...VIRT_BOARD, hasPowerButton: false }),
};
