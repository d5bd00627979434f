/** Implements `vmbuild ssh`: opens a shell in a build that is running or paused. */
import { openCheckpoint } from "../run/checkpoints/open.js";
import { findRunning } from "../builds/running.js";
import type { ReachableRun } from "../builds/running.js";
import { sendRelease } from "../builds/control-client.js";
import { connectOnce, AttemptFailure } from "../guest/connection.js";
import type { Connection, SshTarget } from "../guest/connection.js";
import { buildTarget } from "../guest/build-target.js";
import { isRecordName } from "../provision/host-spec.js";
import { hostKeyOf, loginOf } from "../run/access.js";
import { loadKeys } from "../seed/keys.js";
import { STAGE_HINTS } from "../guest/readiness.js";
import { attachTerminal } from "../guest/terminal.js";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { interruptible } from "./interrupt.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface SshFlags {
  readonly keep?: boolean;
  readonly release?: boolean;
  readonly step?: string;
  readonly save?: boolean;
}

const CONNECT_MS = 30_000;

/** Runs the command; returns the remote command's exit code. */
export async function ssh(
  name: string | undefined,
  words: readonly string[],
  flags: SshFlags,
): Promise<number> {
  if (name !== undefined && isRecordName(name)) {
    throw new VmbuildError("USAGE", `${name} is a machine that vmbuild provisions, not a build`, {
      hint: `Log in with ssh; \`vmbuild logs ${name}\` shows what was done there.`,
    });
  }
  const running = await findRunning(name);
  if (!running || flags.step !== undefined) {
    return openSavedState(name ?? running?.record.name ?? "", words, flags);
  }
  const { record } = running;
  if (flags.save) {
    throw new VmbuildError(
      "USAGE",
      "--save is valid for a checkpoint only; a running build keeps all changes",
    );
  }
  if (flags.release && words.length === 0) return release(record);
  const { sshPort, secondPort, user } = record.machine;
  const keys = await loadKeys(record.machine.keys);
  const rescue = secondPort === undefined ? [] : [buildTarget(secondPort, user, keys)];
  const own = { port: sshPort, login: loginOf({ user }, keys), hostKey: hostKeyOf({}, keys) };
  const connection = await connectToAny([...rescue, own]);
  const command = words.length > 0 ? words.join(" ") : undefined;
  let exitCode: number;
  try {
    exitCode = await interruptible((signal) =>
      attachTerminal(connection, command, process, signal),
    );
  } finally {
    connection.close();
  }
  const done = flags.release ?? (command === undefined && !flags.keep);
  if (done) await release(record);
  return exitCode;
}

/**
 * Connects to the first server that accepts the login: the rescue SSH server, then the guest's own.
 */
async function connectToAny(targets: readonly SshTarget[]): Promise<Connection> {
  let last: unknown;
  for (const target of targets) {
    try {
      return await connectOnce(target, CONNECT_MS, AbortSignal.timeout(CONNECT_MS));
    } catch (error) {
      last = error;
    }
  }
  if (!(last instanceof AttemptFailure)) throw last;
  const { problem, hint } = STAGE_HINTS[last.stage];
  throw new VmbuildError(
    "GUEST_TIMEOUT",
    `The guest is not accepting SSH connections yet: ${problem}`,
    {
      cause: last,
      hint,
    },
  );
}

/** Opens a checkpoint: that of a failed run, or the one after a step. */
async function openSavedState(
  name: string,
  words: readonly string[],
  { step, save = false, keep, release: released }: SshFlags,
): Promise<number> {
  if (keep || released) {
    throw new VmbuildError(
      "USAGE",
      `${keep ? "--keep" : "--release"} is valid for a paused run only`,
    );
  }
  const output = createOutput();
  const emit: Emit = (event) => {
    if (event.type === "warning" || event.type === "note") output.log(event.message);
  };
  return interruptible((signal) =>
    openCheckpoint({ name, step, save, emit, signal }, async ({ connection, title }) => {
      const fate = save ? "Changes are saved." : "Changes are discarded at exit.";
      output.log(`${name}, ${title}. ${fate}`);
      const command = words.length > 0 ? words.join(" ") : undefined;
      return attachTerminal(connection, command, process, signal);
    }),
  );
}

/** Releases a paused run. A run that is not paused continues anyway. */
async function release(record: ReachableRun["record"]): Promise<number> {
  if (record.state !== "paused") return 0;
  await sendRelease(record.machine.control);
  createOutput().log(`The run of ${record.name} resumes. (--keep leaves it paused.)`);
  return 0;
}
