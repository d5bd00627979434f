/** Converts errors to the form used in events, in `--json`, and on the terminal. */
import { asVmbuildError } from "../errors.js";
import type { ErrorReport } from "./types.js";

/** Converts a thrown value to plain data. Anything but a VmbuildError becomes a DEFECT. */
export function reportError(thrown: unknown): ErrorReport {
  const error = asVmbuildError(thrown);
  return {
    code: error.code,
    exit: error.exitCode,
    message: error.message,
    hint: error.hint,
    lines: error.code === "DEFECT" ? [...error.lines, ...stackOf(error)] : error.lines,
    details: error.details,
  };
}

/** Returns the stack of a defect, which is needed to fix it. */
function stackOf(error: Error): string[] {
  const origin = error.cause instanceof Error ? error.cause : error;
  const frames = (origin.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return frames.slice(0, 8).map((line) => line.trim());
}
