/** Converts an error of the command-line parser to a VmbuildError. */
import type { CommandUnknownOpts, CommanderError } from "@commander-js/extra-typings";
import { VmbuildError } from "../errors.js";

/** Returns a command's full name, such as `vmbuild checkpoints rm`. */
function fullName(command: CommandUnknownOpts): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

/**
 * Converts the parser's error; its suggestion becomes the hint.
 * @returns undefined when help or version was requested, or when help was printed instead of an
 *   error.
 */
export function usageError(
  error: CommanderError,
  command: CommandUnknownOpts,
): VmbuildError | undefined {
  if (error.exitCode === 0 || error.code === "commander.help") return undefined;
  const [first = "", ...more] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /^\((Did you mean .+\?)\)$/.exec(more.join(" ").trim())?.[1];
  const name = fullName(command);
  const help = `See ${name} --help.`;
  const message = `${command.parent ? `${name.replace("vmbuild ", "")}: ` : ""}${first}`;
  return new VmbuildError("USAGE", message, {
    hint: suggestion === undefined ? help : `${suggestion} ${help}`,
  });
}
