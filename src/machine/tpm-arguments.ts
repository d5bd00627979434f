/** Returns QEMU's arguments for a TPM. */
import type { Board } from "./architectures/architecture.js";
import type { MachineFiles, MachineShape } from "./shape.js";

/** Returns the arguments that connect the machine to its TPM; none where it has no TPM. */
export function tpmArguments(
  { tpmDevice }: Board,
  { tpm }: Pick<MachineShape, "tpm">,
  { tpmSocket }: MachineFiles,
): string[] {
  if (!tpm) return [];
  const path = (tpmSocket ?? "/tpm").replaceAll(",", ",,");
  return [
    ...["-chardev", `socket,id=vmb-tpm,path=${path}`],
    ...["-tpmdev", "emulator,id=vmb-tpm0,chardev=vmb-tpm"],
    ...["-device", `${tpmDevice},tpmdev=vmb-tpm0`],
  ];
}
