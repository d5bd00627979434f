/** Runs a command line of Packer. */
import { arch, platform } from "node:os";
import { asVmbuildError } from "../../errors.js";
import { Secrets } from "../../events/secrets.js";
import { PACKER_VERSION } from "../../packer/version.js";
import { vmbuildVersion } from "../../version.js";
import { commandList, helpText } from "./command.js";
import type { ShimCommand } from "./command.js";
import { printError } from "./diagnostics.js";
import { FlagError, parseFlags } from "./flags.js";
import type { ParsedFlags } from "./flags.js";
import { openLog } from "./log.js";
import type { Log } from "./log.js";
import { SHIM_COMMANDS } from "./registry.js";
import { versionCommand } from "./commands/version.js";
import { createUi } from "./ui.js";
import type { Ui } from "./ui.js";

/** Exit codes of Packer. */
const FAILED = 1;
const NO_COMMAND = 127;

const HELP_FLAGS = ["-h", "-help", "--help"];
const VERSION_FLAGS = ["-v", "-version", "--version"];

/** Streams and environment of a command line. */
export interface ShimHost {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Takes `-machine-readable` out of the words; it can stand anywhere. */
function withoutMachineReadable(words: readonly string[]): {
  args: readonly string[];
  isMachineReadable: boolean;
} {
  const at = words.findIndex((word) => /^--?machine-readable(?:=true)?$/.test(word));
  if (at === -1) return { args: words, isMachineReadable: false };
  return { args: words.toSpliced(at, 1), isMachineReadable: true };
}

/** Finds the command of the first words, and returns the rest of the words. */
function findCommand(
  args: readonly string[],
): { command: ShimCommand; rest: readonly string[] } | undefined {
  for (const count of [2, 1]) {
    const name = args.slice(0, count).join(" ");
    const command = SHIM_COMMANDS.find((one) => one.name === name);
    if (command) return { command, rest: args.slice(count) };
  }
  return undefined;
}

/** Parses the flags of a command; undefined, with the reason printed, if they are wrong. */
function parse(command: ShimCommand, rest: readonly string[], ui: Ui): ParsedFlags | undefined {
  try {
    return parseFlags(command.flags, rest);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    ui.print("say", helpText(command));
    ui.print("error", error.message);
    return undefined;
  }
}

async function runCommand(
  { command, rest }: { command: ShimCommand; rest: readonly string[] },
  context: { ui: Ui; secrets: Secrets; log: Log },
): Promise<number> {
  const { ui } = context;
  const parsed = parse(command, rest, ui);
  if (!parsed) return FAILED;
  const [least, greatest] = command.count;
  const args = parsed.rest;
  if (parsed.help || args.length < least || args.length > greatest) {
    ui.print("say", helpText(command));
    return parsed.help ? 0 : FAILED;
  }
  try {
    return await command.run({ values: parsed.values, args, ...context });
  } catch (thrown) {
    printError(ui, asVmbuildError(thrown));
    return FAILED;
  }
}

/**
 * Runs a command line of Packer, such as `build -color=false debian.pkr.hcl`.
 * @param words without the program.
 * @returns Packer's exit code: 0, 1 for failures, 3 for `fmt -check`, 127 without a command.
 * @throws {VmbuildError} USAGE when the log cannot be opened.
 */
export async function runShim(words: readonly string[], host: ShimHost): Promise<number> {
  const { args, isMachineReadable } = withoutMachineReadable(words);
  using log = openLog(host.environment, host.stderr);
  const secrets = new Secrets();
  const ui = createUi({ write: host.stdout, isMachineReadable, secrets, log });
  const node = `node ${process.versions.node} ${platform()} ${arch()}`;
  log.add(`[INFO] Packer version: ${PACKER_VERSION} [vmbuild ${vmbuildVersion()} ${node}]`);
  const [first = "", ...others] = args;
  if (VERSION_FLAGS.includes(first))
    return await runCommand({ command: versionCommand, rest: [] }, { ui, secrets, log });
  const asksForHelp = HELP_FLAGS.includes(first);
  const found = findCommand(asksForHelp ? others : args);
  if (found && !asksForHelp) return await runCommand(found, { ui, secrets, log });
  ui.print("say", found ? helpText(found.command) : commandList(SHIM_COMMANDS));
  return asksForHelp ? 0 : NO_COMMAND;
}
