/** Builds the command line from its commands, runs it, and turns any end into an exit code. */
import { Command, CommanderError } from "commander";
import type { Argument } from "commander";
import { ERRORS, asVmbuildError } from "../errors.js";
import { vmbuildVersion } from "../version.js";
import { addCommands } from "./commands.js";
import { createOutput } from "./output.js";
import type { OutputOptions } from "./output.js";
import { usageError } from "./usage.js";

const USAGE_EXIT = ERRORS.USAGE.exit;

const EXAMPLES = `
Examples:
  vmbuild init my-image && vmbuild run my-image     a first image
  vmbuild run slm-copilot.json --var model=…        build a template
  vmbuild inspect demo                              what a run would do, without doing it
  vmbuild ssh demo                                  into a build that runs or is paused
  vmbuild doctor                                    what this host lacks

Exit codes: 0 done, 2 usage or template, 3 host, 4 input or base, 5 machine, 6 guest,
7 step, 8 check, 9 artifact, 1 a defect, 130 and 143 interrupted. See docs/errors.md.`;

/** `<name>`, `[name...]`. */
function humanReadable(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** The root command, with every command added; nothing is parsed yet. */
export function createRoot(setExitCode: (code: number) => void): Command {
  const root = new Command("vmbuild")
    .description("Builds virtual machine images by driving QEMU itself.")
    .version(vmbuildVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showSuggestionAfterError(true)
    .configureHelp({
      sortSubcommands: false,
      // Without "[options]", which all have: the descriptions fit beside the names.
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map(humanReadable)].join(" "),
    })
    .addHelpText("after", EXAMPLES)
    // What is wrong is printed where all errors are.
    .configureOutput({ outputError: () => {} });
  addCommands(root, setExitCode);
  for (const command of [root, ...root.commands]) {
    command.copyInheritedSettings(root).exitOverride((error) => {
      throw usageError(error, command) ?? error;
    });
  }
  return root;
}

/** How errors are to be printed, also where the command line could not be parsed. */
function outputOptionsIn(args: readonly string[]): OutputOptions {
  const valueOf = (flag: string): string | undefined =>
    args.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1) ??
    (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const color = valueOf("--color");
  return {
    logFormat: valueOf("--log-format") === "json" ? "json" : "auto",
    color: color === "always" || color === "never" ? color : "auto",
  };
}

/**
 * Runs a command line.
 * @param args without node and the script.
 * @returns the exit code (design: exit codes).
 */
export async function createProgram(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const root = createRoot((code) => (exitCode = code));
  try {
    await root.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (thrown) {
    // Help and version were asked for, or help was printed in place of a missing command.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE_EXIT;
    const error = asVmbuildError(thrown);
    createOutput(outputOptionsIn(args)).printError(error);
    return error.exitCode;
  }
}
