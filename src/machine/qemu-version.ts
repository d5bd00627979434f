/** Parses QEMU's version and requires the oldest one that is supported. */
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";

/** Version of QEMU. */
export interface QemuVersion {
  /** Version as QEMU prints it, such as `7.2.22`. */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

/** Oldest supported version of QEMU. */
export const OLDEST_QEMU = { major: 6, minor: 2 } as const;

/**
 * Parses the output of `qemu-system-x86_64 --version` or `qemu-img --version`. Undefined when it is
 * not such output.
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
 * Runs a QEMU program to read its version.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING when it is not installed or older than 6.2.
 */
export async function qemuVersion(binary: string, signal?: AbortSignal): Promise<QemuVersion> {
  const result = await runProgram(binary, ["--version"], { signal, captureOutput: true });
  const version = parseQemuVersion(result.stdout);
  if (!version) {
    throw new VmbuildError("HOST_PROGRAM_MISSING", `${binary} --version: ${describeExit(result)}`, {
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
