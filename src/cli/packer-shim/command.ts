/** Type of the commands that are called as `packer`, and their help. */
import type { Secrets } from "../../events/secrets.js";
import { vmbuildVersion } from "../../version.js";
import type { Flag, FlagValues } from "./flags.js";
import type { Log } from "./log.js";
import type { Ui } from "./ui.js";

/** Call of a command. */
export interface Call {
  readonly values: FlagValues;
  readonly args: readonly string[];
  readonly ui: Ui;
  /** Texts that no output shows; commands add those of the template. */
  readonly secrets: Secrets;
  readonly log: Log;
}

/** Command, or a subcommand such as `plugins required`. */
export interface ShimCommand {
  readonly name: string;
  /** Description in the list of commands. */
  readonly synopsis: string;
  /** Arguments in the usage line, such as `TEMPLATE`. */
  readonly usage: string;
  /** Text below the usage line. */
  readonly about: string;
  readonly flags: readonly Flag[];
  /** Least and greatest number of arguments. */
  readonly count: readonly [least: number, greatest: number];
  /** Runs the command; returns its exit code. */
  readonly run: (call: Call) => number | Promise<number>;
}

/** Column at which the descriptions of flags begin. */
const HELP_COLUMN = 32;

/** Returns the help of a command. */
export function helpText({ name, usage, about, flags }: ShimCommand): string {
  const options = flags.length > 0 ? " [options]" : "";
  const lines = flags.map(({ term, help }) => `  ${term.padEnd(HELP_COLUMN - 3)} ${help}`);
  return [
    `Usage: packer ${name}${options} ${usage}`.trimEnd(),
    "",
    ...about.split("\n").map((line) => `  ${line}`.trimEnd()),
    ...(lines.length > 0 ? ["", "Options:", "", ...lines] : []),
  ].join("\n");
}

/** Returns the list of commands. */
export function commandList(commands: readonly ShimCommand[]): string {
  const top = commands.filter(({ name }) => !name.includes(" "));
  const width = Math.max(...top.map(({ name }) => name.length));
  return [
    "Usage: packer [--version] [--help] <command> [<args>]",
    "",
    "Available commands are:",
    ...top.map(({ name, synopsis }) => `    ${name.padEnd(width)}    ${synopsis}`),
    "",
    `vmbuild ${vmbuildVersion()} in place of Packer: see docs/packer-command.md`,
  ].join("\n");
}
