/** Runs the commands of a template's section of host commands. */
import { resolve } from "node:path";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { runHostScript } from "../steps/host-script.js";
import { summarizeCommands } from "../steps/run.js";
import { fillIn, variablesOf } from "../template/host-commands.js";
import type { HostSection } from "../template/host-commands.js";
import type { ContextWith } from "./context.js";

/** Section to run. */
export interface HostCommandsInput {
  readonly section: HostSection;
  /** Values of the section's references. */
  readonly values: ReadonlyMap<string, string>;
  /** Code of the error of a command that fails. */
  readonly code: "POST_FAILED" | "AFTER_FAILED";
  /** Continues the message of that error: what became of the image. */
  readonly consequence: string;
}

/**
 * Runs the commands of a section in order, each in its folder.
 * @throws {VmbuildError} `code` with the last lines; HOST_PROGRAM_MISSING; the reason of a
 *   cancellation.
 */
export async function runHostCommands(
  { template, emit, options }: ContextWith<"template" | "emit" | "options">,
  { section, values, code, consequence }: HostCommandsInput,
): Promise<void> {
  const { signal } = options;
  for (const [index, { run, cwd = ".", environment, timeout }] of template[section].entries()) {
    const what = `${section} ${index + 1}: ${summarizeCommands(run)}`;
    emit({ type: "note", message: what });
    const own = Object.entries(environment).map(([name, value]): [string, string] => [
      name,
      fillIn(value, values),
    ]);
    try {
      await runHostScript({
        what,
        commands: run.map((command) => fillIn(command, values)),
        cwd: resolve(template.folder, cwd),
        environment: { ...variablesOf(values), ...Object.fromEntries(own) },
        timeoutMs: timeout,
        signal,
        onLine: (line, stream) => emit({ type: "output", source: section, stream, line }),
        onState: (line, stream) => emit({ type: "output.state", source: section, stream, line }),
      });
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asVmbuildError(thrown);
      if (!error.code.startsWith("STEP_")) throw error;
      const { lines, details } = error;
      throw new VmbuildError(code, `${error.message}; ${consequence}`, {
        cause: error,
        lines,
        details,
      });
    }
  }
}
