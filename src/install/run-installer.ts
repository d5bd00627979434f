/** Runs an installer in a machine, from its start to its end. */
import { stat } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { formatDuration } from "../host/format.js";
import { deathError, launchMachine } from "../machine/machine.js";
import type { MachineEnd, RunningMachine } from "../machine/running-machine.js";
import type { MachineFiles, MachineShape } from "../machine/shape.js";
import type { ScreenKeeper } from "../machine/screen-keeper.js";
import { quitMachine } from "../machine/stop.js";
import { typeBootCommand } from "./boot-command.js";
import { failureMessage, installError } from "./failure.js";
import type { HttpRequest } from "./http-server.js";
import type { InstallValues } from "./references.js";
import type { InstallDefinition } from "./schema.js";
import { waitForFailure, warnWhenIdle } from "./watch.js";

/** How an installer's machine is started and watched; a run provides it. Paths are absolute. */
export interface InstallerMachine {
  readonly shape: MachineShape;
  /** Serial console, and QEMU's own output. */
  readonly console: string;
  readonly qemuLog: string;
  /** Private folder for temporary files. */
  readonly scratch: string;
  readonly runtimeFolder: string;
  readonly runId: string;
  /** Records the machine, and keeps its screens until it is disposed of. */
  readonly watch: (machine: RunningMachine) => Promise<ScreenKeeper>;
  /**
   * Waits until the installed system accepts an SSH login.
   * @param signal ends the wait, and not what follows.
   * @returns a function that shuts the system down.
   */
  readonly enter: (machine: RunningMachine, signal: AbortSignal) => Promise<() => Promise<void>>;
}

/** Inputs of {@link runInstaller}. */
export interface InstallerRun {
  readonly definition: InstallDefinition;
  readonly machine: InstallerMachine;
  readonly files: Omit<MachineFiles, "qmpSocket" | "sshPort" | "forwards" | "console">;
  readonly values: InstallValues;
  /** Answered HTTP requests; the server appends to it. */
  readonly requests: readonly HttpRequest[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Space that a disk takes on the host at least when a system was installed to it. Bytes. */
const INSTALLED_BYTES = 4 * 2 ** 20;

async function start(
  { machine, definition, files, emit, signal }: InstallerRun,
  fromDisk: boolean,
): Promise<RunningMachine> {
  const { shape, console, qemuLog: log, runtimeFolder, runId } = machine;
  const { kernel, ...others } = files;
  const isDirect = kernel !== undefined && !fromDisk;
  const started = await launchMachine({
    shape,
    files: {
      ...others,
      ...(isDirect ? { kernel } : {}),
      console,
      hasScreen: true,
      // QEMU would start the installer's kernel again.
      endsAtRestart: isDirect || definition.end === "reboot",
    },
    runtimeFolder,
    runId,
    log,
    emit,
    signal,
  });
  started.expectEnd();
  return started;
}

/** What ended the wait for an installer. */
type Outcome =
  | {
      readonly kind: "ended";
      readonly end: MachineEnd;
      /** As QMP's SHUTDOWN event names it (qapi/run-state.json): `guest-shutdown`, `guest-reset`. */
      readonly reason: string;
    }
  | { readonly kind: "entered"; readonly stop: () => Promise<void> }
  | { readonly kind: "failed"; readonly line: string };

/** One start of the machine: with the installer's kernel, or later from the disk alone. */
interface Stage {
  readonly run: InstallerRun;
  readonly machine: RunningMachine;
  readonly screens: ScreenKeeper;
  readonly fromDisk: boolean;
  readonly signal: AbortSignal;
}

/** Resolves with the end of the machine and the reason that QEMU gives for it. */
async function waitForEnd(machine: RunningMachine): Promise<Outcome> {
  let reason = "unknown";
  machine.onEvent(({ event, data }) => {
    if (event === "SHUTDOWN") reason = String(data["reason"]);
  });
  return { kind: "ended", end: await machine.ended, reason };
}

/** Returns the work that goes on while the machine runs; each part ends when the signal aborts. */
function startWaits({ run, machine, screens, fromDisk, signal }: Stage): Promise<Outcome>[] {
  const { definition, values, requests, emit, files } = run;
  const { console, scratch: folder, enter } = run.machine;
  const failOn = definition.failOn.map((pattern) => new RegExp(pattern));
  const shared = { machine, console, emit, signal };
  const never = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const activity = { requests: () => requests.length, screen: () => screens.latest() };
  // The second stage starts from the disk, without keys.
  const typed = fromDisk
    ? Promise.resolve()
    : typeBootCommand({ ...shared, definition, values, folder });
  const waits: Promise<Outcome>[] = [
    waitForFailure(console, failOn, signal).then((line) => ({ kind: "failed", line })),
    warnWhenIdle({ ...shared, ...activity }).then(() => never),
    typed.then(() => never),
  ];
  // Without a kernel of its own, the installer restarts into the installed system.
  if (definition.end === "ssh" && (fromDisk || files.kernel === undefined)) {
    // A system that is already in the image may accept a login before all keys are typed.
    const entered = typed.then(() => enter(machine, signal));
    waits.push(entered.then((stop) => ({ kind: "entered", stop })));
  }
  return waits;
}

/** Waits for the first of: the end of the machine, an SSH login, a failure. */
async function waitForOutcome(stage: Stage): Promise<Outcome> {
  const over = new AbortController();
  const signal = AbortSignal.any([stage.signal, stage.machine.death, over.signal]);
  const waits = startWaits({ ...stage, signal });
  try {
    return await Promise.race([waitForEnd(stage.machine), ...waits]);
  } finally {
    over.abort();
    await Promise.allSettled(waits);
  }
}

const RESTARTED =
  'The installer restarted the guest, but base.install.end is "poweroff"; with a kernel of its own it would start again';

/**
 * Returns what follows an end of the machine: nothing, the start of the installed system, or an
 * error as its message and hint.
 */
function judgeEnd(
  { definition, files }: Pick<InstallerRun, "definition" | "files">,
  reason: string,
  fromDisk: boolean,
): "done" | "from disk" | { readonly message: string; readonly hint: string } {
  const { end } = definition;
  if (end === "ssh" && files.kernel !== undefined && !fromDisk) return "from disk";
  if (end === "ssh") {
    return {
      message: "The guest powered itself off before it accepted an SSH login",
      hint: 'Set "end": "poweroff" if that is how the installer ends.',
    };
  }
  if (reason === "guest-reset" && end === "poweroff") {
    return { message: RESTARTED, hint: 'Set "end": "reboot", or have the installer power off.' };
  }
  return "done";
}

/**
 * Checks that something was installed.
 * @throws {VmbuildError} BASE_INSTALL.
 */
async function requireInstalled(run: InstallerRun): Promise<void> {
  if (run.definition.image !== undefined) return;
  const { blocks } = await stat(run.files.disk);
  if (blocks * 512 >= INSTALLED_BYTES) return;
  const { console } = run.machine;
  const message = "The installer ended without installing anything: the disk is empty";
  throw await installError(message, { console, requests: run.requests, screen: undefined });
}

/**
 * Runs one stage. Returns whether the installed system has to be started next.
 * @param signal aborts with the run, and when the time for the installation is over.
 */
async function runStage(run: InstallerRun, signal: AbortSignal, fromDisk: boolean) {
  await using machine = await start({ ...run, signal }, fromDisk);
  await using screens = await run.machine.watch(machine);
  const fail = async (message: string, more: { hint?: string; cause?: unknown } = {}) => {
    const screen = await screens.last();
    const { console } = run.machine;
    const error = await installError(message, { console, requests: run.requests, screen }, more);
    await quitMachine(machine, run.emit);
    return error;
  };
  const stage = { run, machine, screens, fromDisk, signal };
  const outcome = await waitForOutcome(stage).catch(async (cause: unknown) => {
    run.signal.throwIfAborted();
    if (signal.aborted) {
      const limit = formatDuration(run.definition.timeout);
      throw await fail(`The installer did not finish within ${limit} (base.install.timeout)`);
    }
    // A wait of the boot command knows neither the requests nor the screen.
    if (!(cause instanceof VmbuildError) || cause.code !== "BASE_INSTALL") throw cause;
    throw await fail(cause.message, { hint: cause.hint, cause });
  });
  if (outcome.kind === "failed") throw await fail(failureMessage(outcome.line));
  if (outcome.kind === "entered") {
    await outcome.stop();
    return false;
  }
  if (outcome.end.exitCode !== 0) throw deathError(outcome.end);
  const next = judgeEnd(run, outcome.reason, fromDisk);
  if (typeof next === "object") throw await fail(next.message, { hint: next.hint });
  return next === "from disk";
}

/**
 * Runs an installer until its end.
 * @throws {VmbuildError} BASE_INSTALL with the last lines of the console, the last HTTP requests and
 *   the path of the last screen; MACHINE_START, MACHINE_DIED, HOST_SPACE; codes of the SSH login.
 */
export async function runInstaller(run: InstallerRun): Promise<void> {
  const deadline = AbortSignal.timeout(Math.ceil(run.definition.timeout));
  const signal = AbortSignal.any([run.signal, deadline]);
  const again = await runStage(run, signal, false);
  if (again) await runStage(run, signal, true);
  await requireInstalled(run);
}
