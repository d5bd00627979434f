/** Errors as they appear in events, in `--json`, and on the terminal. */
import { asVmbuildError } from "../errors.js";
import type { ErrorReport } from "./types.js";

/** The plain data of whatever was thrown; anything outside the family becomes a DEFECT. */
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

/** Stack of a defect, without which it cannot be fixed. */
function stackOf(error: Error): string[] {
  const origin = error.cause instanceof Error ? error.cause : error;
  const frames = (origin.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return frames.slice(0, 8).map((line) => line.trim());
}
