/** Builds the command line from its commands, runs it, and turns any end into an exit code. */
import { Command, CommanderError } from "commander";
import { asVmbuildError } from "../errors.js";
import { vmbuildVersion } from "../version.js";
import { addCommands } from "./commands.js";
import { createOutput } from "./output.js";

const EXAMPLES = `
Examples:
  vmbuild init my-image && vmbuild run my-image     a first image
  vmbuild run slm-copilot.json --var model=…        build a template
  vmbuild inspect demo                              what a run would do, without doing it
  vmbuild ssh demo                                  into a build that runs or is paused
  vmbuild doctor                                    what this host lacks

Exit codes: 0 done, 2 usage or template, 3 host, 4 input or base, 5 machine, 6 guest,
7 step, 8 check, 9 artifact, 1 a defect, 130 and 143 interrupted. See docs/errors.md.`;

/** The root command, with every command added; nothing is parsed yet. */
export function createRoot(setExitCode: (code: number) => void): Command {
  const root = new Command("vmbuild")
    .description("Builds virtual machine images by driving QEMU itself.")
    .version(vmbuildVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showSuggestionAfterError(true)
    .configureHelp({ sortSubcommands: false })
    .addHelpText("after", EXAMPLES)
    .exitOverride();
  addCommands(root, setExitCode);
  for (const command of root.commands) command.exitOverride().showSuggestionAfterError(true);
  return root;
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
    // commander has printed its own message; help and version are not failures.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    const error = asVmbuildError(thrown);
    createOutput().printError(error);
    return error.exitCode;
  }
}
