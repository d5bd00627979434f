/** Has an interpreter read a script without running it. */
import { VmbuildError } from "../errors.js";
import { endOf, runProgram } from "../host/programs.js";
import { syntaxCheckOf } from "../steps/interpreter.js";
import type { JsonPath } from "../template/document.js";
import type { Collector } from "./findings.js";
import { shown } from "./files.js";

/** More of an interpreter's words than this are not shown. */
const MOST_LINES = 3;
/** Points at a column of the line above, which means nothing in one line. */
const POINTER = /^[\^~ ]*$/;

/**
 * Checks a script's syntax with its own interpreter, where that can and is installed.
 * @param interpreter from the script's first line.
 */
export async function checkSyntax(
  collector: Collector,
  place: JsonPath,
  interpreter: readonly string[],
  script: { readonly path: string } | { readonly text: string },
): Promise<void> {
  const [program, ...args] = syntaxCheckOf(interpreter) ?? [];
  const what = "path" in script ? shown(script.path) : "";
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
    const words = result.lastLines
      .map((line) => ("path" in script ? line.replaceAll(script.path, what) : line).trim())
      .filter((line) => !POINTER.test(line))
      .slice(-MOST_LINES)
      .join("; ");
    collector.problem(place, words === "" ? `${program}: ${endOf(result)}` : words);
  } catch (error) {
    collector.signal.throwIfAborted();
    if (!(error instanceof VmbuildError) || error.code !== "HOST_PROGRAM_MISSING") throw error;
    collector.note(`${program} is not installed; its scripts were not checked`);
  }
}
