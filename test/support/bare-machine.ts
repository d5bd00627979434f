/** Starts a machine as hardware does, with its disks and nothing of vmbuild's. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile } from "node:fs/promises";

/** Firmware; `secure` is UEFI with secure boot and Microsoft's keys. */
export type BareFirmware = "bios" | "uefi" | "secure";

/** What a disk is attached to; `stick` is a USB drive. */
export type BareBus = "nvme" | "sata" | "virtio" | "stick";

/** Disk of a machine; the firmware tries them in order. */
export interface BareDisk {
  /** Path of a raw image. */
  readonly path: string;
  readonly bus: BareBus;
}

const DEVICES: Readonly<Record<BareBus, readonly string[]>> = {
  nvme: ["nvme", "serial=N1"],
  sata: ["ide-hd", "serial=S1"],
  virtio: ["virtio-blk-pci", "serial=V1"],
  stick: ["usb-storage", "removable=on"],
};

const CODE = "/usr/share/OVMF/OVMF_CODE_4M";

/** Returns the arguments for the firmware; the variables are in a file of the machine's own. */
async function firmwareArguments(firmware: BareFirmware, variables: string): Promise<string[]> {
  if (firmware === "bios") return ["-machine", "q35"];
  const kind = firmware === "secure" ? ".ms" : "";
  await copyFile(`/usr/share/OVMF/OVMF_VARS_4M${kind}.fd`, variables);
  const flash = (path: string, more = ""): string[] => [
    "-drive",
    `if=pflash,format=raw,file=${path}${more}`,
  ];
  return [
    ...["-machine", firmware === "secure" ? "q35,smm=on" : "q35"],
    ...flash(`${CODE}${kind}.fd`, ",readonly=on"),
    ...flash(variables),
    ...(firmware === "secure"
      ? ["-global", "driver=cfi.pflash01,property=secure,value=on"].concat(
          ...["-global", "ICH9-LPC.disable_s3=1"],
        )
      : []),
  ];
}

/**
 * Runs a machine until it restarts or turns itself off, or until its serial console shows a text.
 * @returns what the serial console showed.
 * @throws where the machine ends without the text.
 */
export async function runBareMachine(options: {
  readonly firmware: BareFirmware;
  readonly disks: readonly BareDisk[];
  /** Path of a file for the firmware's variables. */
  readonly variables: string;
  readonly until?: string;
}): Promise<string> {
  const { firmware, disks, variables, until } = options;
  const args = [
    ...(await firmwareArguments(firmware, variables)),
    ...["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1G"],
    ...[
      "-display",
      "none",
      "-nic",
      "none",
      "-no-reboot",
      "-serial",
      "stdio",
      "-device",
      "qemu-xhci",
    ],
    ...disks.flatMap(({ path, bus }, index) => [
      ...["-drive", `if=none,id=d${index},format=raw,file=${path}`],
      ...["-device", [...DEVICES[bus], `drive=d${index}`, `bootindex=${index}`].join(",")],
    ]),
  ];
  const child = spawn("qemu-system-x86_64", args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let isFound = false;
  child.stderr.on("data", (part: Buffer) => {
    text += part.toString();
  });
  child.stdout.on("data", (part: Buffer) => {
    text += part.toString();
    if (until === undefined || isFound || !text.includes(until)) return;
    isFound = true;
    child.kill("SIGKILL");
  });
  try {
    await once(child, "close");
  } finally {
    child.kill("SIGKILL");
  }
  if (until === undefined || isFound) return text;
  throw new Error(`The machine ended without "${until}":\n${text}`);
}
