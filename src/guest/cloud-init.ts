/**
 * Waits for cloud-init to finish when the template has its own user-data, and reports its errors.
 */
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Guest } from "./guest.js";
import { describeShutdown } from "./system-state.js";
import type { SystemState } from "./system-state.js";
import { STOP_TIMERS } from "./timers.js";

type PendingShutdown = NonNullable<SystemState["pendingShutdown"]>;

/** Answer of `cloud-init status --format json`. */
const commandSchema = z.object({
  status: z.string().default("unknown"),
  detail: z.string().optional(),
  errors: z.array(z.unknown()).default([]),
});

/** File that the last stage writes (cloudinit/cmd/main.py): the errors of all stages. */
const resultSchema = z
  .object({ v1: z.object({ errors: z.array(z.unknown()) }) })
  .transform(({ v1: { errors } }): z.infer<typeof commandSchema> => ({
    status: errors.length === 0 ? "done" : "error",
    errors,
  }));

const statusSchema = z.union([resultSchema, commandSchema]);

type Status = z.infer<typeof statusSchema>;

/** Time limit for cloud-init, which may install packages. Milliseconds. */
const DEADLINE_MS = 30 * 60_000;

/** Number of lost connections after which the guest is considered to restart in a loop. */
const MAX_RECONNECTS = 10;

/** Longest time that a shutdown already in progress needs to end the connection. Milliseconds. */
const SHUTDOWN_MS = 180_000;

/** Options of `waitForCloudInit`. Milliseconds. */
export interface CloudInitOptions {
  /** Time limit for the guest to come back after a restart. */
  readonly restartMs: number;
  readonly emit: Emit;
}

/**
 * Prints the status once cloud-init is done. `cloud-init status` takes seconds in an emulated guest,
 * and competes with the boot for the CPU, so the script waits for the file that the last stage
 * writes, unless no stage runs for 20 s. cloud-init may leave a process behind that restarts the guest after the
 * last stage (cloudinit/config/cc_power_state_change.py); the script waits for that process with a
 * timeout of 40 s.
 */
const WAIT_SCRIPT = String.raw`
command -v cloud-init >/dev/null || { echo '{"status":"not installed"}'; exit 0; }
runs() { [ -n "$(grep -lsz '/bin/cloud-init$' /proc/[0-9]*/cmdline)" ]; }
result=/run/cloud-init/result.json
idle=0
while [ $idle -lt 20 ] && [ ! -e $result ] && [ ! -e /run/cloud-init/disabled ]; do
  if runs; then idle=0; else idle=$((idle + 1)); fi
  sleep 1
done
[ -e $result ] || cloud-init status --wait >/dev/null
n=0
while [ $n -lt 40 ] && runs; do
  sleep 1
  n=$((n + 1))
done
if [ -e $result ]; then cat $result; else cloud-init status --format json; fi
`;

/**
 * Reads the status. Returns an error where it cannot be read, because a system that shuts down also
 * ends this command.
 */
async function readStatus(guest: Guest): Promise<Status | VmbuildError> {
  const lines: string[] = [];
  await guest.run({
    // cloud-init may install packages, which takes minutes.
    content: `${STOP_TIMERS}\n${WAIT_SCRIPT}`,
    interpreter: ["/bin/sh"],
    timeoutMs: DEADLINE_MS,
    onLine: (line, stream) => stream === "stdout" && lines.push(line),
  });
  try {
    return statusSchema.parse(JSON.parse(lines.join("\n")));
  } catch (cause) {
    return new VmbuildError("GUEST_CLOUD_INIT", "cloud-init's status could not be read", {
      cause,
      lines,
    });
  }
}

/**
 * Reports the warnings in cloud-init's log. cloud-init continues when it drops a part of the
 * user-data, and only its log mentions that.
 */
async function reportWarnings(guest: Guest, { emit }: CloudInitOptions): Promise<void> {
  const command = "grep -hE '\\[(WARNING|ERROR|CRITICAL)\\]: ' /var/log/cloud-init.log || true";
  const lines = await guest.ask(command, "Reading cloud-init's log");
  const messages = lines.flatMap((line) => /\[[A-Z]+\]: (.*)$/.exec(line)?.[1] ?? []);
  const [first] = messages;
  if (first === undefined) return;
  const more = messages.length > 1 ? ` (and ${messages.length - 1} more)` : "";
  emit({
    type: "warning",
    message: `cloud-init warns: ${first}${more}`,
    hint: "Parts of the user-data may have had no effect; see /var/log/cloud-init.log in the guest.",
  });
}

function requireDone({ status, errors, detail }: Status): void {
  if (status === "done" && errors.length === 0) return;
  throw new VmbuildError("GUEST_CLOUD_INIT", `cloud-init's status is "${status}"`, {
    lines: [...errors.map(String), ...(detail ? [detail] : [])],
    hint: "Correct the user-data; see /var/log/cloud-init-output.log in the guest.",
  });
}

const isPoweredOff = (error: unknown): boolean =>
  error instanceof VmbuildError &&
  error.code === "MACHINE_DIED" &&
  error.details["byGuest"] === true;

function poweredOffError(what: string): VmbuildError {
  return new VmbuildError("GUEST_CLOUD_INIT", `${what}, as the user-data requests`, {
    hint:
      "Remove power_state, or the command that does it, from the user-data: vmbuild powers the " +
      "guest off after the last step.",
  });
}

/** Waits for a restart that is pending. */
async function waitForRestart(guest: Guest, shutdown: PendingShutdown, { emit }: CloudInitOptions) {
  if (shutdown.kind === "poweroff" || shutdown.kind === "halt") {
    throw poweredOffError(`The guest is ${describeShutdown(shutdown)}`);
  }
  const description = describeShutdown(shutdown);
  emit({
    type: "note",
    message: `The guest is ${description}, as the user-data requests.`,
  });
  const left = shutdown.at === undefined ? 0 : Math.max(0, shutdown.at - Date.now());
  if (await guest.waitUntilLost(left + SHUTDOWN_MS)) return;
  throw new VmbuildError("GUEST_CLOUD_INIT", `The guest is ${description}, but did not restart`, {
    hint: "Correct the user-data; see /var/log/cloud-init-output.log in the guest.",
  });
}

const isLost = (error: unknown): boolean =>
  error instanceof VmbuildError && error.code === "GUEST_LOST";

/** Returns the status of cloud-init, or undefined where the guest restarts. */
async function statusUnlessRestarting(
  guest: Guest,
  options: CloudInitOptions,
): Promise<Status | undefined> {
  try {
    const status = await readStatus(guest);
    const { pendingShutdown: shutdown } = await guest.systemState();
    if (shutdown) {
      await waitForRestart(guest, shutdown, options);
      return undefined;
    }
    if (status instanceof VmbuildError) throw status;
    return status;
  } catch (error) {
    if (!isLost(error)) throw error;
    options.emit({
      type: "note",
      message:
        "The connection was lost while cloud-init ran; waiting until the guest answers again.",
    });
    return undefined;
  }
}

/** Connects again. If the guest is lost again immediately, the next command reports it. */
async function reconnect(guest: Guest, { restartMs }: CloudInitOptions): Promise<void> {
  try {
    await guest.reconnect(restartMs);
  } catch (error) {
    if (!isLost(error)) throw error;
  }
}

/**
 * Waits until cloud-init is done, including any restarts that the user-data causes. Its exit code
 * is 0 for success, 1 for a crash and, since 23.4, 2 for errors that it recovered from. `disabled`
 * also gives 0.
 * @throws {VmbuildError} GUEST_CLOUD_INIT with its errors, or when it powers the guest off;
 *   GUEST_TIMEOUT when the guest does not come back; MACHINE_DIED.
 */
export async function waitForCloudInit(guest: Guest, options: CloudInitOptions): Promise<void> {
  for (let losses = 0; losses <= MAX_RECONNECTS; losses++) {
    try {
      const status = await statusUnlessRestarting(guest, options);
      if (status) {
        requireDone(status);
        return await reportWarnings(guest, options);
      }
      await reconnect(guest, options);
    } catch (error) {
      throw isPoweredOff(error) ? poweredOffError("The guest powered itself off") : error;
    }
  }
  throw new VmbuildError(
    "GUEST_CLOUD_INIT",
    `The guest restarted ${MAX_RECONNECTS} times while cloud-init ran`,
    {
      hint: "Check whether the user-data restarts it at each boot (bootcmd, a boothook, power_state).",
    },
  );
}
