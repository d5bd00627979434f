/**
 * Runs swtpm, the program that emulates a machine's TPM 2.0. Its state is new at each start: QEMU
 * saves the whole TPM in its snapshots and hands it to swtpm when it loads one
 * (backends/tpm/tpm_emulator.c, since 4.0).
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError, systemCode } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { TPM_ENDINGS } from "../host/paths.js";
import { missingProgramError, withParentDeathSignal } from "../host/programs.js";

/** Inputs of {@link startTpm}. Paths are absolute. */
export interface TpmOptions {
  /** A short, private folder for the control socket, and a name that no other run has. */
  readonly runtimeFolder: string;
  readonly runId: string;
  /** File for QEMU's own output. The TPM's log is written beside it. */
  readonly log: string;
  readonly signal: AbortSignal;
}

/** Running TPM. */
export interface Tpm {
  /** Control socket, to which QEMU connects. */
  readonly socket: string;
  /** Ends the program and removes its state. Idempotent. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 15_000;
const RETRY_EVERY_MS = 10;
/** Lines of the log that an error shows. */
const SHOWN_LINES = 10;

async function tailOf(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8");
  return text.trimEnd().split("\n").slice(-SHOWN_LINES);
}

/** Starts swtpm. Resolves once the program runs. */
async function spawnTpm(
  args: readonly string[],
  { cwd, log }: { readonly cwd: string; readonly log: string },
): Promise<{ readonly child: ChildProcess; readonly ended: Promise<void> }> {
  const [file, wrapped] = withParentDeathSignal("swtpm", args);
  await using output = await open(log, "a", 0o600);
  const child = spawn(file, wrapped, {
    cwd,
    stdio: ["ignore", output.fd, output.fd],
    // Ctrl-C in the terminal reaches only vmbuild, which then stops the machine.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return await new Promise((resolve, reject) => {
    child.once("spawn", () => resolve({ child, ended }));
    child.once("error", (error) => {
      reject(systemCode(error) === "ENOENT" ? missingProgramError(file, error) : error);
    });
  });
}

async function startError(log: string, why: string): Promise<VmbuildError> {
  const lines = await tailOf(log);
  if (lines.some((line) => line.startsWith("setpriv: failed"))) return missingProgramError("swtpm");
  return new VmbuildError("MACHINE_START", `The machine's TPM did not start: swtpm ${why}`, {
    lines,
  });
}

/**
 * Starts a TPM without any state. QEMU must be started afterwards.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING; MACHINE_START with swtpm's output; the signal's
 *   reason.
 */
export async function startTpm(options: TpmOptions): Promise<Tpm> {
  const { runtimeFolder, runId, signal } = options;
  const [socketEnding, stateEnding] = TPM_ENDINGS;
  const names = { socket: `${runId}${socketEnding}`, state: `${runId}${stateEnding}` };
  const socket = join(runtimeFolder, names.socket);
  const state = join(runtimeFolder, names.state);
  const log = join(dirname(options.log), "swtpm.log");
  const ready = join(state, "pid");
  await mkdir(state, { mode: 0o700 });
  // Relative paths: swtpm's options cannot contain a path with a comma.
  const args = [
    ...["socket", "--tpm2", "--tpmstate", `dir=${names.state},mode=0600`],
    ...["--ctrl", `type=unixio,path=${names.socket},mode=0600`],
    ...["--pid", `file=${names.state}/pid`],
  ];
  const { child, ended } = await spawnTpm(args, { cwd: runtimeFolder, log }).catch(
    async (error: unknown) => {
      await rm(state, { recursive: true, force: true });
      throw error;
    },
  );
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
    await rm(socket, { force: true });
    await rm(state, { recursive: true, force: true });
  };
  const deadline = performance.now() + START_DEADLINE_MS;
  try {
    // swtpm writes the file when its socket accepts connections. A connection as a test would be
    // taken for QEMU's.
    while (Number((await statIfThere(ready))?.size ?? 0) === 0) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw await startError(log, `exited with code ${child.exitCode ?? child.signalCode}`);
      }
      if (performance.now() > deadline) throw await startError(log, "did not open its socket");
      await delay(RETRY_EVERY_MS, undefined, { signal });
    }
  } catch (error) {
    await stop();
    signal.throwIfAborted();
    throw error;
  }
  return { socket, stop };
}
