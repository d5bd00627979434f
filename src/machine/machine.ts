/** Starts QEMU and manages its process, control socket and exit. */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { missingProgramError } from "../host/programs.js";
import { architectureNamed } from "./architectures/registry.js";
import { qemuArguments } from "./argv.js";
import { writableNodes } from "./extra-disks.js";
import { findFreePort } from "./ports.js";
import { startProcess } from "./process.js";
import type { Process } from "./process.js";
import { listenForQmp } from "./qmp.js";
import type { Qmp, QmpEvent } from "./qmp.js";
import { firmwareTimeout, watchRestarts } from "./restart-watch.js";
import type { RestartWatchOptions } from "./restart-watch.js";
import type { MachineEnd, RunningMachine } from "./running-machine.js";
import type { MachineFiles, MachineShape } from "./shape.js";
import { startTpm } from "./tpm.js";
import type { Tpm } from "./tpm.js";
import { flushTranslationsOnReset } from "./translation-cache.js";

/** A port of the guest, and the port of 127.0.0.1 that leads to it: any free one unless given. */
export interface Forward {
  readonly guest: number;
  readonly host?: number | undefined;
}

/** Inputs of {@link launchMachine}. Paths are absolute. */
export interface LaunchOptions {
  readonly shape: MachineShape;
  readonly files: Omit<MachineFiles, "qmpSocket" | "sshPort" | "forwards" | "tpmSocket">;
  /** A short, private folder for the control socket, and a name that no other run has. */
  readonly runtimeFolder: string;
  readonly runId: string;
  /** File for QEMU's own output. */
  readonly log: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Starts with the guest paused, so that a snapshot can be loaded. */
  readonly paused?: boolean;
  /** Further ports of the guest that are to be reached, besides 22. */
  readonly forwards?: readonly Forward[];
  /**
   * Time limit in milliseconds from a restart of the guest to the first activity of its firmware,
   * after which the machine is reset once. Depends on the accelerator unless given.
   */
  readonly firmwareTimeoutMs?: number;
}

const BIND_ATTEMPTS = 5;
const COULD_NOT_BIND = /Could not set up host forwarding rule/;
const CONNECT_DEADLINE_MS = 15_000;

function describeEnd(end: MachineEnd): string {
  if (end.signal) return `was terminated by ${end.signal}`;
  return end.exitCode === 0 ? "ended" : `exited with code ${end.exitCode}`;
}

function startError(shape: MachineShape, end: MachineEnd): VmbuildError {
  const missing = end.lastLines.some((line) => line.startsWith("setpriv: failed to execute"));
  if (missing) return missingProgramError(shape.binary);
  const usesKvm =
    shape.accelerator === "kvm" && end.lastLines.some((line) => /kvm|MSR/i.test(line));
  return new VmbuildError(
    usesKvm ? "HOST_KVM_UNUSABLE" : "MACHINE_START",
    `QEMU did not start: it ${describeEnd(end)}`,
    { lines: end.lastLines, details: { exitCode: end.exitCode, signal: end.signal } },
  );
}

/** Returns the error for a machine that ended while it was still needed. */
export function deathError(end: MachineEnd): VmbuildError {
  const who = end.byGuest ? "The guest powered itself off" : `QEMU ${describeEnd(end)}`;
  return new VmbuildError("MACHINE_DIED", `${who} while the build still needed it`, {
    lines: end.lastLines,
    details: { exitCode: end.exitCode, signal: end.signal, byGuest: end.byGuest },
    ...(end.byGuest
      ? {
          hint: "Do not power the guest off in a step: vmbuild does so after the last one. To restart it, use a reboot action.",
        }
      : {}),
  });
}

function noSpaceError(): VmbuildError {
  return new VmbuildError(
    "HOST_SPACE",
    "The host's disk became full while the guest wrote to its disk",
    {
      hint: "Run `vmbuild prune`, or move the working disk to another file system with XDG_STATE_HOME.",
    },
  );
}

/** Starts the machine, and its TPM first. The TPM ends with the machine. */
async function startOnce(options: LaunchOptions): Promise<RunningMachine | "port taken"> {
  const tpm = options.shape.tpm ? await startTpm(options) : undefined;
  try {
    const machine = await startQemu(options, tpm);
    if (machine === "port taken") await tpm?.stop();
    return machine;
  } catch (error) {
    await tpm?.stop();
    throw error;
  }
}

/** Waits for the end of QEMU, and then ends its TPM. */
async function endWithTpm(ended: Promise<MachineEnd>, tpm: Tpm | undefined): Promise<MachineEnd> {
  try {
    return await ended;
  } finally {
    await tpm?.stop();
  }
}

async function startQemu(
  options: LaunchOptions,
  tpm: Tpm | undefined,
): Promise<RunningMachine | "port taken"> {
  const { shape, emit } = options;
  const sshPort = await findFreePort();
  const qmpSocket = join(options.runtimeFolder, `${options.runId}.qmp`);
  const forwards: { host: number; guest: number }[] = [];
  for (const { guest, host } of options.forwards ?? []) {
    forwards.push({ guest, host: host ?? (await findFreePort()) });
  }
  const files = { ...options.files, ...(tpm ? { tpmSocket: tpm.socket } : {}) };
  const all = qemuArguments(shape, { ...files, qmpSocket, sshPort, forwards });
  const args = options.paused ? [...all, "-S"] : all;
  const listeners: Process["listeners"] = new Set();
  await using listener = await listenForQmp(qmpSocket, (event) => {
    for (const notify of listeners) notify(event);
  });
  const started = startProcess(shape.binary, args, options.log, listeners);
  const ended = endWithTpm(started.ended, tpm);
  const process = { ...started, ended };
  const { child } = process;

  const giveUp = AbortSignal.any([options.signal, AbortSignal.timeout(CONNECT_DEADLINE_MS)]);
  const cancelled = new Promise<never>((_, reject) => {
    giveUp.addEventListener("abort", () => reject(giveUp.reason), { once: true });
  });
  let first: Qmp | MachineEnd;
  try {
    // A QEMU that fails to start closes the socket first; its exit tells the reason.
    const connected = listener.connected.catch(() => ended);
    first = await Promise.race([connected, ended, cancelled]);
  } catch (error) {
    child.kill("SIGKILL");
    options.signal.throwIfAborted();
    if (error instanceof VmbuildError) throw error;
    throw new VmbuildError("MACHINE_START", "QEMU started but did not open its control socket", {
      cause: error,
    });
  }
  if ("lastLines" in first) {
    if (first.lastLines.some((line) => COULD_NOT_BIND.test(line))) return "port taken";
    throw startError(shape, first);
  }
  const pid = child.pid ?? 0;
  emit({ type: "machine.started", pid, sshPort, accelerator: shape.accelerator });
  const { firmwareTimeoutMs = firmwareTimeout(shape.accelerator) } = options;
  const machine = new Machine({
    pid,
    sshPort,
    ports: new Map(forwards.map(({ guest, host }) => [guest, host])),
    args,
    hasPowerButton: architectureNamed(shape.arch).boardOf(shape.machineType).hasPowerButton,
    disks: writableNodes(shape),
    qmp: first,
    process,
    watch: { console: options.files.console, emit, timeoutMs: firmwareTimeoutMs },
  });
  if (shape.accelerator === "tcg") {
    flushTranslationsOnReset(machine, join(options.runtimeFolder, `${options.runId}.gdb`));
  }
  return machine;
}

interface MachineParts {
  readonly pid: number;
  readonly sshPort: number;
  readonly ports: ReadonlyMap<number, number>;
  readonly args: readonly string[];
  readonly hasPowerButton: boolean;
  readonly disks: readonly string[];
  readonly qmp: Qmp;
  readonly process: Process;
  readonly watch: RestartWatchOptions;
}

class Machine implements RunningMachine {
  readonly pid: number;
  readonly sshPort: number;
  readonly ports: ReadonlyMap<number, number>;
  readonly arguments: readonly string[];
  readonly hasPowerButton: boolean;
  readonly disks: readonly string[];
  readonly qmp: Qmp;
  readonly ended: Promise<MachineEnd>;
  readonly #death = new AbortController();
  readonly #child: ChildProcess;
  readonly #listeners: Process["listeners"];
  readonly guestAnswered: () => void;
  #endExpected = false;
  #resets = 0;

  constructor(parts: MachineParts) {
    const { pid, sshPort, ports, args, hasPowerButton, disks, qmp, process, watch } = parts;
    this.pid = pid;
    this.sshPort = sshPort;
    this.ports = ports;
    this.arguments = args;
    this.hasPowerButton = hasPowerButton;
    this.disks = disks;
    this.qmp = qmp;
    this.#child = process.child;
    this.#listeners = process.listeners;
    this.ended = process.ended;
    // QEMU pauses the guest when its disk file cannot grow (werror=enospc, QEMU's default).
    this.onEvent(({ event, data }) => {
      if (event === "RESET") this.#resets++;
      if (event === "BLOCK_IO_ERROR" && data["nospace"] === true) this.#death.abort(noSpaceError());
    });
    this.guestAnswered = watchRestarts(this, watch);
    void this.ended.then((end) => {
      if (!this.#endExpected) this.#death.abort(deathError(end));
    });
  }

  get death(): AbortSignal {
    return this.#death.signal;
  }

  get resets(): number {
    return this.#resets;
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  expectEnd(): void {
    this.#endExpected = true;
  }

  async kill(): Promise<MachineEnd> {
    this.expectEnd();
    this.#child.kill("SIGKILL");
    const end = await this.ended;
    this.qmp.close();
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/**
 * Starts QEMU and waits until it answers on its control socket; by then the guest has run for an
 * instant at most.
 * @throws {VmbuildError} MACHINE_START with QEMU's output; HOST_KVM_UNUSABLE when the output is
 *   about KVM; HOST_PROGRAM_MISSING when the program does not exist.
 */
export async function launchMachine(options: LaunchOptions): Promise<RunningMachine> {
  for (let attempt = 1; attempt <= BIND_ATTEMPTS; attempt++) {
    const machine = await startOnce(options);
    if (machine !== "port taken") return machine;
  }
  throw new VmbuildError(
    "MACHINE_START",
    `No free port on 127.0.0.1 was found in ${BIND_ATTEMPTS} attempts`,
    {
      hint: "Check which program on this host uses the ports of 127.0.0.1.",
    },
  );
}
