/** Checks the syntax of a script with its interpreter, without running it. */
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";
import { syntaxCheckOf } from "../steps/interpreter.js";
import { formatPath } from "../template/document.js";
import type { JsonPath } from "../template/document.js";
import type { Collector } from "./findings.js";
import { displayPath } from "./files.js";

/** Number of displayed lines of an interpreter's output. */
const MAX_LINES = 3;
/**
 * Matches a line that points at a column of the line above, which is meaningless in a single line.
 */
const COLUMN_POINTER = /^[\^~ ]*$/;

/**
 * Checks a script's syntax with its own interpreter, if that supports it and is installed.
 * @param interpreter from the script's first line.
 */
export async function checkSyntax(
  collector: Collector,
  place: JsonPath,
  interpreter: readonly string[],
  script: { readonly path: string } | { readonly text: string },
): Promise<void> {
  const [program, ...args] = syntaxCheckOf(interpreter) ?? [];
  const what = "path" in script ? displayPath(script.path) : formatPath(place);
  if (program === undefined) {
    collector.note(`${what}: ${interpreter.join(" ")} has no syntax check; it was not checked`);
    return;
  }
  try {
    const result = await runProgram(program, "path" in script ? [...args, script.path] : args, {
      signal: collector.signal,
      env: { LC_ALL: "C" },
      ...("text" in script ? { input: `${script.text}\n` } : {}),
    });
    if (result.exitCode === 0) return;
    const problem = result.lastLines
      .map((line) => ("path" in script ? line.replaceAll(script.path, what) : line).trim())
      .filter((line) => !COLUMN_POINTER.test(line))
      .slice(-MAX_LINES)
      .join("; ");
    collector.problem(place, problem === "" ? `${program}: ${describeExit(result)}` : problem);
  } catch (error) {
    collector.signal.throwIfAborted();
    if (!(error instanceof VmbuildError) || error.code !== "HOST_PROGRAM_MISSING") throw error;
    collector.note(`${program} is not installed; its scripts were not checked`);
  }
}
