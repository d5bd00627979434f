/** Builds the command line from its commands, runs it, and turns any end into an exit code. */
import { Command, CommanderError } from "@commander-js/extra-typings";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { ERRORS, EXIT_CODES, asVmbuildError } from "../errors.js";
import { vmbuildVersion } from "../version.js";
import { COMMANDS } from "./commands/registry.js";
import type { OutputOptions } from "./output-options.js";
import { stdoutError, watchStream } from "./streams.js";
import { usageError } from "./usage.js";

const USAGE_EXIT = ERRORS.USAGE.exit;

const EXAMPLES = `
Examples:
  vmbuild init my-image && vmbuild run my-image     create and build a first image
  vmbuild run slm-copilot.json --var model=…        build a template
  vmbuild inspect demo                              show what a run would do
  vmbuild ssh demo                                  open a shell in a build's guest
  vmbuild doctor                                    check this host's prerequisites

Exit codes:
${Object.entries(EXIT_CODES)
  .map(([code, meaning]) => `${code.padStart(5)}  ${meaning}`)
  .join("\n")}`;

/** Creates the root command, with every command added; nothing is parsed yet. */
export function createRoot(setExitCode: (code: number) => void): CommandUnknownOpts {
  const root: CommandUnknownOpts = new Command("vmbuild")
    .description("Builds virtual machine images by driving QEMU itself.")
    .version(vmbuildVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showSuggestionAfterError(true)
    .configureHelp({
      sortSubcommands: false,
      // Without "[options]", which all have: the descriptions fit beside the names.
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replace("[options]", "")}`.replaceAll(/ +/g, " "),
    })
    .addHelpText("after", EXAMPLES)
    // What is wrong is printed where all errors are.
    .configureOutput({ outputError: () => {} });
  for (const define of COMMANDS) root.addCommand(define(setExitCode, root));
  for (const command of withSubcommands(root)) {
    command.copyInheritedSettings(root).exitOverride((error) => {
      throw usageError(error, command) ?? error;
    });
  }
  return root;
}

/** Returns a command and all commands below it. */
function withSubcommands(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
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

async function printError(error: unknown, args: readonly string[]): Promise<void> {
  // Not loaded by `--help` and `--version`, which begin and end faster without it.
  const { createOutput } = await import("./output.js");
  createOutput(outputOptionsIn(args)).printError(error);
}

/**
 * Prints an error as the command line asks for.
 * @returns its exit code.
 */
export async function printFailure(thrown: unknown, args: readonly string[]): Promise<number> {
  const error = asVmbuildError(thrown);
  await printError(error, args);
  return error.exitCode;
}

async function runCommand(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const root = createRoot((code) => (exitCode = code));
  try {
    await root.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (thrown) {
    // Help and version were asked for, or help was printed in place of a missing command.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE_EXIT;
    return printFailure(thrown, args);
  }
}

/**
 * Runs a command line. A result that could not be written is a failure, and so are events in JSON;
 * a reader that has gone is none.
 * @param args without node and the script.
 * @returns the exit code, as in docs/errors.md.
 */
export async function createProgram(args: readonly string[]): Promise<number> {
  const [stdout, stderr] = [watchStream(process.stdout), watchStream(process.stderr)];
  const exitCode = await runCommand(args);
  const failure = await stdout.finish();
  if (failure !== undefined) await printError(stdoutError(failure), args);
  const lost = (await stderr.finish()) !== undefined && outputOptionsIn(args).logFormat === "json";
  return exitCode === 0 && (failure !== undefined || lost) ? ERRORS.HOST_OUTPUT.exit : exitCode;
}
