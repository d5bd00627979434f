/** Implements `vmbuild completion`: generates scripts for shells from the command tree. */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { bashScript } from "./completion-bash.js";
import { fishScript } from "./completion-fish.js";
import { zshScript } from "./completion-zsh.js";
import type { CompletedCommand, CompletedOption, Values } from "./completed-command.js";
import { createOutput } from "./output.js";

/** Supported shells. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** Options whose value is a file or a folder. */
const FILE_OPTIONS = new Set([
  "output",
  "varFile",
  "appliances",
  "dir",
  "base",
  "input",
  ...["console", "junit", "ca", "image", "sshConfig", "leaseFile", "include"],
]);
const TEMPLATE_ARGUMENT = /^template/;

function optionValues(option: Option): Values | undefined {
  if (!option.required && !option.optional) return undefined;
  if (option.argChoices) return { kind: "words", words: option.argChoices };
  return { kind: FILE_OPTIONS.has(option.attributeName()) ? "files" : "none" };
}

function argumentValues(command: CommandUnknownOpts): Values {
  if (command.commands.length > 0) {
    return { kind: "builds", subcommands: command.commands.map((sub) => sub.name()) };
  }
  const [argument] = command.registeredArguments;
  if (!argument) return { kind: "none" };
  if (argument.argChoices) return { kind: "words", words: argument.argChoices };
  if (TEMPLATE_ARGUMENT.test(argument.name())) return { kind: "templates" };
  return command.name() === "init" ? { kind: "none" } : { kind: "builds", subcommands: [] };
}

const HELP: CompletedOption = {
  names: ["-h", "--help"],
  description: "print help",
  values: undefined,
};

/** Collects the options of a command and of its subcommands without duplicates. */
function optionsOf(command: CommandUnknownOpts): Option[] {
  const all = [command, ...command.commands].flatMap((one) => one.options);
  return [...new Map(all.map((option) => [option.flags, option])).values()];
}

/** Describes the commands with their options and arguments, in the order of the help. */
function describeCommands(root: CommandUnknownOpts): CompletedCommand[] {
  return root.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    argument: argumentValues(command),
    options: [
      ...optionsOf(command)
        .filter((option) => !option.hidden)
        .map((option) => ({
          names: [option.short, option.long].filter((name) => name !== undefined),
          description: option.description,
          values: optionValues(option),
        })),
      HELP,
    ],
  }));
}

/** Returns the script for a shell. Pure. */
export function completionScript(shell: Shell, root: CommandUnknownOpts): string {
  const commands = describeCommands(root);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

/** Runs the command; returns the exit code. */
export function completion(shell: Shell, root: CommandUnknownOpts): number {
  createOutput().print(completionScript(shell, root).trimEnd());
  return 0;
}
