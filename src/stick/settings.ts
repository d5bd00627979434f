/** Files of the data partition besides the payload. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { runProgram } from "../host/programs.js";
import { PROGRAM_FOLDER } from "./program.js";

/** Modes of the installer. */
export const MODES = ["auto", "ask", "dry-run"] as const;
/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number];

/** Reads installer.conf with the installer's own functions, which print why they refuse it. */
const CHECK = `set -u
fail() { printf '%s\\n' "$1" >&2; exit 1; }
RUN=$3
. "$1/text.sh"
. "$1/settings.sh"
read_settings "$2"
[ -z "$PAYLOAD" ] || [ "$PAYLOAD" = "$4" ] || fail "The setting payload is $PAYLOAD, but the image on the stick is $4."`;

/** Returns text with the line ends of Windows, where people edit the files. Pure. */
export function withCarriageReturns(text: string): string {
  return text.replaceAll(/\r?\n/g, "\r\n");
}

const template = (name: string): Promise<string> =>
  readFile(join(PROGRAM_FOLDER, "stick", name), "utf8");

/** Returns README.txt of the stick. */
export async function readme(): Promise<string> {
  return withCarriageReturns(await template("README.txt"));
}

/** Returns installer.conf with a mode; the rest is as in the file that it is made from. */
export async function defaultSettings(mode: Mode): Promise<string> {
  const text = await template("installer.conf");
  return withCarriageReturns(text.replace(/^mode = .*$/m, `mode = ${mode}`));
}

/**
 * Checks a settings file as the installer does.
 * @param payload name of the image on the stick.
 * @param workFolder private folder for working files.
 * @throws {VmbuildError} USAGE with the line that is wrong.
 */
export async function checkSettings(
  path: string,
  payload: string,
  workFolder: string,
  signal: AbortSignal,
): Promise<void> {
  if ((await statIfThere(path))?.isFile() !== true) {
    throw new VmbuildError("USAGE", `The settings file ${path} does not exist or is not a file`);
  }
  const args = ["-c", CHECK, "sh", join(PROGRAM_FOLDER, "live/lib"), path, workFolder, payload];
  const result = await runProgram("sh", args, { signal });
  if (result.exitCode === 0) return;
  throw new VmbuildError("USAGE", `${path} is not a valid settings file of the installer`, {
    lines: result.lastLines,
    hint: "appliances/usb-installer/stick/installer.conf shows every setting.",
  });
}
