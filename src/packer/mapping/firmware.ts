/** Chooses the firmware of a machine by the files that a Packer template names. */
import { basename } from "node:path";
import { absolutePath, pathInOption, resultPath } from "./context.js";
import type { ImageContext } from "./context.js";
import type { Plain } from "./plain.js";

/** UEFI code that Packer's qemu builder uses where the template names none. */
const DEFAULT_CODE = "/usr/share/OVMF/OVMF_CODE.fd";

/** Files of UEFI firmware; undefined or empty where the template does not name them. */
export interface FirmwareFiles {
  readonly code: string | undefined;
  readonly variables: string | undefined;
}

/** Firmware of a machine. */
export interface ChosenFirmware {
  /** Value of `machine.firmware`. */
  readonly firmware: Plain;
  /** Value of `machine.secureBoot`. */
  readonly secureBoot: boolean;
  /** Code that is replaced by the host's own, because no variable store belongs to it. */
  readonly replaced?: string;
}

/** Returns whether a file is UEFI firmware, by its name. */
export function isUefiFile(path: string): boolean {
  return /ovmf|edk2|aavmf|uefi|efi|_code|_vars|code\.fd|vars\.fd/i.test(path);
}

/**
 * Returns whether a variable store has the keys for secure boot, by its name. Code with support for
 * secure boot does not check anything without them.
 */
const hasKeys = (path: string): boolean =>
  /secboot|secure|\.ms\.|[-_]ms\b|-ms-|\.snakeoil/i.test(basename(path));

/** Returns whether a file belongs to the host's packages, which vmbuild finds by itself. */
const isSystemFile = (path: string): boolean =>
  // vmbuild's own choice has Microsoft's keys, and not Debian's keys for tests.
  /^\/(?:usr|opt|nix|run)\//.test(path) && !path.includes("snakeoil");

/** Returns the report's text about code that is replaced. */
export function replacedText(code: string): string {
  return `machine.firmware: this host's UEFI, because no variable store belongs to ${code}`;
}

/** Returns the file of which a command of the template makes the named one; otherwise its path. */
function original(
  path: string | undefined,
  context: Pick<ImageContext, "template" | "copies">,
): string {
  if (path === undefined || path === "") return "";
  return pathInOption(context, context.copies.get(absolutePath(context, path)) ?? path);
}

/**
 * Chooses UEFI firmware: the host's own, unless the template brings its files. The machine writes to
 * a copy of the variables, so one that the template makes is not needed.
 */
export function chooseUefi(
  files: FirmwareFiles,
  context: Pick<ImageContext, "template" | "resultFolder" | "copies">,
): ChosenFirmware {
  const code = original(files.code, context);
  const variables = original(files.variables, context);
  const secureBoot = hasKeys(variables);
  const isOwn = [code, variables].some((path) => path !== "" && !isSystemFile(path));
  if (!isOwn) return { firmware: "uefi", secureBoot };
  if (variables === "") return { firmware: "uefi", secureBoot, replaced: code };
  const path = (file: string): string => resultPath(context, file);
  const firmware = { code: path(code || DEFAULT_CODE), variables: path(variables) };
  return { firmware, secureBoot };
}
