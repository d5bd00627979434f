/**
 * Creates the command line from its commands, runs it, and converts every result to an exit code.
 */
import { Command, CommanderError } from "@commander-js/extra-typings";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { ERRORS, EXIT_CODES, asVmbuildError } from "../errors.js";
import { vmbuildVersion } from "../version.js";
import { COMMAND_GROUPS } from "./commands/registry.js";
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

/** Creates the root command with all commands. Nothing is parsed yet. */
export function createRoot(setExitCode: (code: number) => void): CommandUnknownOpts {
  const root: CommandUnknownOpts = new Command("vmbuild")
    .description("Builds virtual machine images by driving QEMU itself.")
    .version(vmbuildVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .commandsGroup(COMMAND_GROUPS.at(-1)?.heading ?? "")
    .helpCommand("help [command]", "print help for a command")
    .showSuggestionAfterError(true)
    .configureHelp({
      sortSubcommands: false,
      // "[options]" is left out because all commands have options; the descriptions then fit beside
      // the names.
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replace("[options]", "")}`.replaceAll(/ +/g, " "),
    })
    .addHelpText("after", EXAMPLES)
    // Errors are printed in one place instead.
    .configureOutput({ outputError: () => {} });
  for (const { heading, commands } of COMMAND_GROUPS) {
    for (const define of commands) root.addCommand(define(setExitCode, root).helpGroup(heading));
  }
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

/** Determines how to print errors, even when the command line cannot be parsed. */
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
 * Prints an error in the format that the command line asks for.
 * @returns its exit code.
 */
export async function printFailure(thrown: unknown, args: readonly string[]): Promise<number> {
  const error = asVmbuildError(thrown);
  await printError(error, args);
  return error.exitCode;
}

/**
 * Returns whether a program waits for the result of a command as JSON. The commands that work on
 * other hosts too then print an error in its place, because their exit codes are also those of the
 * connection.
 */
function wantsJsonError(command: CommandUnknownOpts | undefined): boolean {
  const isForHosts = command?.options.some((option) => option.attributeName() === "on");
  return isForHosts === true && command?.getOptionValue("json") === true;
}

async function printJsonError(thrown: unknown): Promise<void> {
  const { createOutput } = await import("./output.js");
  const { reportError } = await import("../events/report.js");
  createOutput().printJson({ error: reportError(thrown) });
}

async function runCommand(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  let current: CommandUnknownOpts | undefined;
  const root = createRoot((code) => (exitCode = code));
  root.hook("preAction", (_root, command) => void (current = command));
  try {
    await root.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (thrown) {
    // Help or version was requested, or help was printed in place of a missing command.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE_EXIT;
    if (wantsJsonError(current)) await printJsonError(thrown);
    return printFailure(thrown, args);
  }
}

/**
 * Runs a command line. A result or JSON events that could not be written are a failure; a reader
 * that went away is not.
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
