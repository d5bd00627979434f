/** Writes the log of PACKER_LOG and PACKER_LOG_PATH. */
import { closeSync, openSync, writeSync } from "node:fs";
import { VmbuildError, messageOf } from "../../errors.js";

/** Log of a command. */
export interface Log extends Disposable {
  /** Adds a line with the time. */
  add(text: string): void;
  /** Adds what the user sees; left out of a log on stderr, where it would appear twice. */
  addShown(text: string): void;
}

const SILENT: Log = { add: () => {}, addShown: () => {}, [Symbol.dispose]: () => {} };

/** Formats the time as Go's package log does, in local time. */
function timeText(now: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("/");
  return `${day} ${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(":")}`;
}

function openFile(path: string): number {
  try {
    return openSync(path, "w");
  } catch (cause) {
    throw new VmbuildError("USAGE", `PACKER_LOG_PATH: ${messageOf(cause)}`, {
      cause,
      hint: "Give a path at which a file can be written.",
    });
  }
}

/**
 * Opens the log: a file if PACKER_LOG_PATH is set, else stderr if PACKER_LOG is set and not "0".
 * @param stderr writes text to stderr.
 * @throws {VmbuildError} USAGE when the file cannot be opened.
 */
export function openLog(
  environment: Readonly<Record<string, string | undefined>>,
  stderr: (text: string) => void,
): Log {
  const path = environment["PACKER_LOG_PATH"] ?? "";
  if (path !== "") {
    const file = openFile(path);
    const add = (text: string): void => void writeSync(file, `${timeText(new Date())} ${text}\n`);
    return { add, addShown: add, [Symbol.dispose]: () => closeSync(file) };
  }
  if (["", "0"].includes(environment["PACKER_LOG"] ?? "")) return SILENT;
  return { ...SILENT, add: (text) => stderr(`${timeText(new Date())} ${text}\n`) };
}
