/** `vmbuild completion`: scripts for shells, made from the command tree itself. */
import type { Command, Option } from "commander";
import { bashScript } from "./completion-bash.js";
import { fishScript } from "./completion-fish.js";
import { zshScript } from "./completion-zsh.js";
import { createOutput } from "./output.js";

/** The shells that can be completed in. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What a word can be completed to. */
export type Values =
  | { readonly kind: "none" }
  | { readonly kind: "files" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** Names of templates (or files), or of builds; asked of vmbuild when they are wanted. */
  | { readonly kind: "templates" }
  | { readonly kind: "builds" };

/** An option as a completion knows it. */
export interface CompletedOption {
  /** `-h`, `--help`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a switch. */
  readonly values: Values | undefined;
}

/** A command as a completion knows it. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly argument: Values;
}

/** Options whose value is a file or a folder. */
const FILE_OPTIONS = new Set([
  "output",
  "varFile",
  "appliances",
  "dir",
  "base",
  "input",
  ...["console", "junit", "ca", "image"],
]);
const TEMPLATE_ARGUMENT = /^template/;

function optionValues(option: Option): Values | undefined {
  if (!option.required && !option.optional) return undefined;
  if (option.argChoices) return { kind: "words", words: option.argChoices };
  return { kind: FILE_OPTIONS.has(option.attributeName()) ? "files" : "none" };
}

function argumentValues(command: Command): Values {
  const [argument] = command.registeredArguments;
  if (!argument) return { kind: "none" };
  if (argument.argChoices) return { kind: "words", words: argument.argChoices };
  if (TEMPLATE_ARGUMENT.test(argument.name())) return { kind: "templates" };
  return { kind: command.name() === "init" ? "none" : "builds" };
}

const HELP: CompletedOption = {
  names: ["-h", "--help"],
  description: "print help",
  values: undefined,
};

/** The commands with their options and arguments, as the help lists them. */
function describeCommands(root: Command): CompletedCommand[] {
  return root.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    argument: argumentValues(command),
    options: [
      ...command.options
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

/** The script for a shell. Pure. */
export function completionScript(shell: Shell, root: Command): string {
  const commands = describeCommands(root);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

/** Runs the command; returns the exit code. */
export function completion(shell: Shell, root: Command): number {
  createOutput().print(completionScript(shell, root).trimEnd());
  return 0;
}
