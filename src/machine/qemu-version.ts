/** QEMU's version, and the oldest one that vmbuild works with. */
import { VmbuildError } from "../errors.js";
import { endOf, runProgram } from "../host/programs.js";

/** A version of QEMU. */
export interface QemuVersion {
  /** As QEMU prints it, such as `7.2.22`. */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

/** The oldest QEMU that vmbuild works with. */
export const OLDEST_QEMU = { major: 6, minor: 2 } as const;

/**
 * Reads what `qemu-system-x86_64 --version` or `qemu-img --version` printed.
 * Undefined when it is something else.
 */
export function parseQemuVersion(output: string): QemuVersion | undefined {
  const match = /version (\d+)\.(\d+)(?:\.(\d+))?/.exec(output);
  if (!match) return undefined;
  const [, major = "0", minor = "0", patch = "0"] = match;
  return {
    text: `${major}.${minor}.${patch}`,
    major: Number(major),
    minor: Number(minor),
  };
}

/**
 * Asks a QEMU program for its version.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING when it is not there or older than 6.2.
 */
export async function qemuVersion(binary: string, signal?: AbortSignal): Promise<QemuVersion> {
  const result = await runProgram(binary, ["--version"], { signal, keepOutput: true });
  const version = parseQemuVersion(result.stdout);
  if (!version) {
    throw new VmbuildError("HOST_PROGRAM_MISSING", `${binary} --version: ${endOf(result)}`, {
      lines: result.lastLines,
      hint: "Set machine.binary to the QEMU executable.",
    });
  }
  const tooOld =
    version.major < OLDEST_QEMU.major ||
    (version.major === OLDEST_QEMU.major && version.minor < OLDEST_QEMU.minor);
  if (tooOld) {
    throw new VmbuildError("HOST_PROGRAM_MISSING", `${binary} is version ${version.text}`, {
      hint: `vmbuild needs QEMU ${OLDEST_QEMU.major}.${OLDEST_QEMU.minor} or later.`,
    });
  }
  return version;
}
