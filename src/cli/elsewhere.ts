/** Runs commands on other hosts (`--on`) with the terminal of this one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { VmbuildError, systemCode } from "../errors.js";
import { programFolder } from "../host/current-folder.js";
import { missingProgramError } from "../host/programs.js";
import { sshArguments } from "../hosts/address.js";
import type { HostAddress } from "../hosts/address.js";
import { SSH_FAILED, isVersionMissing, remoteCommand, versionError } from "../hosts/connect.js";
import { hostFor } from "../hosts/contexts.js";

/** Option of a command line with its value, as text. */
export interface GivenOption {
  /** Name of the value, such as `varFile`. */
  readonly key: string;
  /** `--var-file`. */
  readonly flag: string;
  /** Undefined for an option without a value. */
  readonly value: string | undefined;
}

/** Returns the options that the user has given to a command, one for each value. */
export function givenOptions(command: CommandUnknownOpts): GivenOption[] {
  return command.options.flatMap((option): GivenOption[] => {
    const key = option.attributeName();
    const flag = option.long;
    if (flag === undefined || command.getOptionValueSource(key) !== "cli") return [];
    const value: unknown = command.getOptionValue(key);
    if (typeof value === "boolean") {
      // `--no-bases` and `--bases` share a value.
      return value === option.negate ? [] : [{ key, flag, value: undefined }];
    }
    return [value].flat().map((one) => ({ key, flag, value: String(one) }));
  });
}

/** Returns the words of a command line for given options. Pure. */
export function optionWords(options: readonly GivenOption[]): string[] {
  return options.map(({ flag, value }) => (value === undefined ? flag : `${flag}=${value}`));
}

/** Signals that end the connection together with this process. */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How words are run on another host. */
interface StartOptions {
  /** Further options of ssh. */
  readonly sshOptions?: readonly string[];
  /** Whether the host is known to have this version of vmbuild. */
  readonly hasAnswered?: boolean;
}

/**
 * Runs words of vmbuild on another host with the terminal of this process; returns their exit code,
 * or 128 plus the number of the signal that ended this one's connection.
 * @throws {VmbuildError} REMOTE_UNREACHABLE, REMOTE_VERSION, HOST_PROGRAM_MISSING.
 */
export async function runThere(
  address: HostAddress,
  words: readonly string[],
  { sshOptions = [], hasAnswered = false }: StartOptions = {},
): Promise<number> {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  const args = [...sshOptions, ...sshArguments(address, isTerminal), remoteCommand(address, words)];
  const child = spawn("ssh", args, { stdio: "inherit", cwd: programFolder() });
  let ending: NodeJS.Signals | undefined;
  const forward = (signal: NodeJS.Signals): void => {
    ending = signal;
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    await once(child, "close");
  } catch (error) {
    throw systemCode(error) === "ENOENT" ? missingProgramError("ssh", error) : error;
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
  const { exitCode } = child;
  if (ending !== undefined && (exitCode === null || exitCode === SSH_FAILED)) {
    return 128 + constants.signals[ending];
  }
  // The exit code of a host that has the version is that of the command in the guest.
  if (!hasAnswered && isVersionMissing(exitCode)) throw versionError(address);
  if (exitCode === SSH_FAILED) {
    throw new VmbuildError("REMOTE_UNREACHABLE", `There is no connection to ${address.text}`);
  }
  return exitCode ?? 143;
}

/**
 * Runs a command on another host, if it is for one.
 * @param on value of `--on`.
 * @returns its exit code; undefined when the command is for this host.
 */
export async function runElsewhere(
  command: CommandUnknownOpts,
  on: string | undefined,
): Promise<number | undefined> {
  const address = await hostFor(on);
  if (address === undefined) return undefined;
  const options = givenOptions(command).filter(({ key }) => key !== "on");
  const words = [command.name(), ...optionWords(options), "--", ...command.args];
  return runThere(address, words);
}
