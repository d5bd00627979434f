import { flashArguments } from "./architecture.js";
import type { Architecture, Board } from "./architecture.js";

/**
 * Machine code for the reset vector: real mode, protected mode, long mode with paging, 512 KiB of
 * writes, CPUID, and a byte written to isa-debug-exit. The source is docs/kvm-probe.S.
 */
const PROBE_CODE =
  "fa2e660f0116c8000f20c00c010f22c066ea18000f00080066b810008ed88ec08ed031c0bf00100000b9000c0000" +
  "f3abc7050010000003200000c7050020000003300000c7050030000083000000b8001000000f22d80f20e083c820" +
  "0f22e0b9800000c00f320d000100000f300f20c00d000000800f22c0ea7f000f00180048c7c700001000b9000001" +
  "0048890f4883c708ffc975f531c00fa2b81000000066baf400eef4ebfd900000000000000000ffff0000009acf00" +
  "ffff00000092cf00ffff0000009aaf001f00a8000f00";
const RESET_VECTOR = "ea000000f0";
const PROBE_BYTES = 64 * 1024;
const RESET_OFFSET = 0xfff0;

function probeImage(): Buffer {
  const image = Buffer.alloc(PROBE_BYTES);
  image.write(PROBE_CODE, 0, "hex");
  image.write(RESET_VECTOR, RESET_OFFSET, "hex");
  return image;
}

const PC: Board = {
  options: [],
  needsRootPort: false,
  drivePorts: {
    // Two IDE channels for two drives each.
    count: 4,
    propertiesOf: (port) =>
      `bus=ide.${Math.floor(port / 2)}${port === 0 ? "" : `,unit=${port % 2}`}`,
  },
  // It has a controller of its own.
  floppyController: [],
  displays: { std: "VGA", virtio: "virtio-vga" },
  defaultDisplay: "std",
  keyboard: [],
  // The interface of the PC Client Platform TPM Profile.
  tpmDevice: "tpm-crb",
  hasSmbios: true,
  hasPowerButton: true,
};

const Q35: Board = {
  ...PC,
  needsRootPort: true,
  drivePorts: { count: 6, propertiesOf: (port) => `bus=ide.${port}` },
  floppyController: ["-device", "isa-fdc"],
  // The firmware protects its variable store from the guest's kernel with system management mode
  // (SMM), which pc does not have: the flash memory accepts writes only in SMM. No suspend to RAM:
  // OVMF's resume code with SMM is 32-bit only.
  secureBoot: {
    options: ["smm=on"],
    arguments: [
      ...["-global", "driver=cfi.pflash01,property=secure,value=on"],
      ...["-global", "ICH9-LPC.disable_s3=1"],
    ],
  },
};

/** Machine types with an SMBIOS table. */
const HAS_SMBIOS = /^(pc|q35)\b|-(i440fx|q35)-/;

/** 64-bit PCs. */
export const x8664: Architecture<"x86_64"> = {
  name: "x86_64",
  hostArch: "x64",
  binary: "qemu-system-x86_64",
  machineType: "q35",
  cpuModels: {
    kvm: "host",
    // x86-64-v2, which current distributions require, and no more. With `max`, a guest uses wide
    // vectors and five-level page tables, which are slower to emulate (a Debian guest took 15 %
    // longer to reach SSH).
    tcg: "qemu64,ssse3=on,sse4.1=on,sse4.2=on,popcnt=on,cx16=on,lahf-lm=on",
  },
  firmwares: ["bios", "uefi"],
  uefi: {
    name: "OVMF",
    // Debian and Ubuntu (4M, then the older 2M), Fedora and relatives, Arch, openSUSE. All without
    // secure boot, which would refuse unsigned kernel modules.
    candidates: [
      {
        code: "/usr/share/OVMF/OVMF_CODE_4M.fd",
        variablesTemplate: "/usr/share/OVMF/OVMF_VARS_4M.fd",
      },
      { code: "/usr/share/OVMF/OVMF_CODE.fd", variablesTemplate: "/usr/share/OVMF/OVMF_VARS.fd" },
      {
        code: "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        variablesTemplate: "/usr/share/edk2/ovmf/OVMF_VARS.fd",
      },
      {
        code: "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        variablesTemplate: "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
      },
      {
        code: "/usr/share/qemu/ovmf-x86_64-code.bin",
        variablesTemplate: "/usr/share/qemu/ovmf-x86_64-vars.bin",
      },
    ],
    // With SMM. Debian and Ubuntu (4M, then the older 2M), Fedora and relatives, openSUSE. Arch has
    // no such variable store.
    secureBootCandidates: [
      {
        code: "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
        variablesTemplate: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
      },
      {
        code: "/usr/share/OVMF/OVMF_CODE.secboot.fd",
        variablesTemplate: "/usr/share/OVMF/OVMF_VARS.ms.fd",
      },
      {
        code: "/usr/share/OVMF/OVMF_CODE.secboot.fd",
        variablesTemplate: "/usr/share/OVMF/OVMF_VARS.secboot.fd",
      },
      {
        code: "/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd",
        variablesTemplate: "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd",
      },
      {
        code: "/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin",
        variablesTemplate: "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin",
      },
    ],
    takesFiles: true,
    package: "ovmf",
    hint: "Debian and Ubuntu: apt-get install ovmf. Fedora: dnf install edk2-ovmf.",
    arguments: flashArguments,
  },
  console: "ttyS0",
  // SeaBIOS.
  bootFailures: [/No bootable device/],
  debian: {
    name: "amd64",
    packages: ["grub-efi-amd64-bin", "grub-pc-bin", "linux-image-cloud-amd64"],
    efiPlatform: "x86_64-efi",
    efiLoader: "BOOTX64.EFI",
    signedLoaders: {
      packages: ["grub-efi-amd64-signed", "shim-signed"],
      shim: "/usr/lib/shim/shimx64.efi.signed",
      beside: {
        "mmx64.efi": "/usr/lib/shim/mmx64.efi.signed",
        "grubx64.efi": "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
      },
    },
    biosPlatform: "i386-pc",
    // SeaBIOS does not write to the serial line, so GRUB does it by itself.
    grubTerminals: ["console", "serial"],
    rootPartitionType: "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    userEmulation: "x86_64",
  },
  probe: {
    image: probeImage,
    arguments: (image) => [
      ...["-machine", "q35", "-m", "16M", "-bios", image],
      ...["-device", "isa-debug-exit,iobase=0xf4,iosize=1"],
    ],
    // isa-debug-exit turns the byte 0x10 into (0x10 << 1) | 1.
    success: 33,
  },
  boardOf(machineType) {
    const hasSmbios = HAS_SMBIOS.test(machineType);
    return { ...(machineType.includes("q35") ? Q35 : PC), hasSmbios };
  },
};
