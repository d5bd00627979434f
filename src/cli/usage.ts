/** What the parser of the command line finds wrong, as an error of ours. */
import type { Command, CommanderError } from "commander";
import { VmbuildError } from "../errors.js";

/**
 * The parser's words in our style: its message, its suggestion as the hint.
 * @returns undefined where nothing is wrong (help and version were asked for), or where help
 *   itself is the answer and was printed.
 */
export function usageError(error: CommanderError, command: Command): VmbuildError | undefined {
  if (error.exitCode === 0 || error.code === "commander.help") return undefined;
  const [first = "", ...more] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /^\((Did you mean .+\?)\)$/.exec(more.join(" ").trim())?.[1];
  const name = command.parent ? `vmbuild ${command.name()}` : "vmbuild";
  const help = `See ${name} --help.`;
  const message = `${command.parent ? `${command.name()}: ` : ""}${first}`;
  return new VmbuildError("USAGE", message, {
    hint: suggestion === undefined ? help : `${suggestion} ${help}`,
  });
}
