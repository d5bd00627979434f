/** Returns QEMU's arguments for a TPM. */
import type { MachineFiles, MachineShape } from "./shape.js";

/**
 * Devices by the machine type. x86 has the interface of the PC Client Platform TPM Profile; the
 * machine type `virt` of Arm only has a memory-mapped TIS.
 */
function deviceFor({ machineType }: MachineShape): string {
  return machineType.startsWith("virt") ? "tpm-tis-device" : "tpm-crb";
}

/** Returns the arguments that connect the machine to its TPM; none where it has no TPM. */
export function tpmArguments(shape: MachineShape, { tpmSocket }: MachineFiles): string[] {
  if (!shape.tpm) return [];
  const path = (tpmSocket ?? "/tpm").replaceAll(",", ",,");
  return [
    ...["-chardev", `socket,id=vmb-tpm,path=${path}`],
    ...["-tpmdev", "emulator,id=vmb-tpm0,chardev=vmb-tpm"],
    ...["-device", `${deviceFor(shape)},tpmdev=vmb-tpm0`],
  ];
}
