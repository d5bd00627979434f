/** Waits for cloud-init to finish with a template's own user-data, and reports its errors. */
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Guest } from "./guest.js";
import { describeEnding } from "./outlook.js";
import type { Outlook } from "./outlook.js";
import { HOLD_TIMERS } from "./timers.js";

type Ending = NonNullable<Outlook["ending"]>;

const statusSchema = z.object({
  status: z.string().default("unknown"),
  detail: z.string().optional(),
  errors: z.array(z.unknown()).default([]),
});

type Status = z.infer<typeof statusSchema>;

/** cloud-init may install packages; this is for one that never ends. */
const DEADLINE_MS = 30 * 60_000;

/** How often a guest may lose the connection before that is taken for its way. */
const MOST_LOSSES = 10;

/** A restart that is under way takes so long to end the connection at most. */
const GOING_DOWN_MS = 180_000;

/** What waiting needs beside the guest. Milliseconds. */
export interface CloudInitOptions {
  /** How long the guest may take to come back when it restarts. */
  readonly restartMs: number;
  readonly emit: Emit;
}

/**
 * Asks for the status once cloud-init is done. A process of its own may be left that restarts the
 * guest when the last stage has ended (cloudinit/config/cc_power_state_change.py): it waits for
 * that with a timeout of 30 s.
 */
const WAIT = String.raw`
command -v cloud-init >/dev/null || { echo '{"status":"not installed"}'; exit 0; }
cloud-init status --wait >/dev/null
n=0
while [ $n -lt 40 ] && [ -n "$(grep -lsz '/bin/cloud-init$' /proc/[0-9]*/cmdline)" ]; do
  sleep 1
  n=$((n + 1))
done
cloud-init status --format json
`;

/** The status, or why it cannot be read: a system that goes down ends what asks for it. */
async function readStatus(guest: Guest): Promise<Status | VmbuildError> {
  const lines: string[] = [];
  await guest.run({
    // It may install packages, and be at work for minutes.
    content: `${HOLD_TIMERS}\n${WAIT}`,
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

/** cloud-init goes on where it drops a part of the user-data, and says so in its log alone. */
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

const isSwitchedOff = (error: unknown): boolean =>
  error instanceof VmbuildError &&
  error.code === "MACHINE_DIED" &&
  error.details["byGuest"] === true;

function switchedOff(what: string): VmbuildError {
  return new VmbuildError("GUEST_CLOUD_INIT", `${what}, as the user-data requests`, {
    hint:
      "Remove power_state, or the command that does it, from the user-data: vmbuild powers the " +
      "guest off after the last step.",
  });
}

/** Waits for a restart that lies ahead. */
async function untilGone(guest: Guest, ending: Ending, { emit }: CloudInitOptions) {
  if (ending.how === "poweroff" || ending.how === "halt") {
    throw switchedOff(`The guest is ${describeEnding(ending)}`);
  }
  const words = describeEnding(ending);
  emit({ type: "note", message: `The guest is ${words}, as the user-data requests.` });
  const left = ending.at === undefined ? 0 : Math.max(0, ending.at - Date.now());
  if (await guest.untilLost(left + GOING_DOWN_MS)) return;
  throw new VmbuildError("GUEST_CLOUD_INIT", `The guest is ${words}, but did not restart`, {
    hint: "Correct the user-data; see /var/log/cloud-init-output.log in the guest.",
  });
}

const isLost = (error: unknown): boolean =>
  error instanceof VmbuildError && error.code === "GUEST_LOST";

/** The status of a guest that stays; undefined where it restarts. */
async function statusOfStaying(
  guest: Guest,
  options: CloudInitOptions,
): Promise<Status | undefined> {
  try {
    const status = await readStatus(guest);
    const { ending } = await guest.outlook();
    if (ending) {
      await untilGone(guest, ending, options);
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

/** Connects anew. A guest that is lost at once again shows that to whoever asks it next. */
async function comeBack(guest: Guest, { restartMs }: CloudInitOptions): Promise<void> {
  try {
    await guest.reconnect(restartMs);
  } catch (error) {
    if (!isLost(error)) throw error;
  }
}

/**
 * Waits until cloud-init is done, also over restarts that the user-data brings about. Its exit
 * code is 0 for success, 1 for a crash and, from 23.4 on, 2 for errors that it recovered from;
 * `disabled` is 0 too.
 * @throws {VmbuildError} GUEST_CLOUD_INIT with its errors, or when it switches the guest off;
 *   GUEST_TIMEOUT when the guest does not come back; MACHINE_DIED.
 */
export async function waitForCloudInit(guest: Guest, options: CloudInitOptions): Promise<void> {
  for (let losses = 0; losses <= MOST_LOSSES; losses++) {
    try {
      const status = await statusOfStaying(guest, options);
      if (status) {
        requireDone(status);
        return await reportWarnings(guest, options);
      }
      await comeBack(guest, options);
    } catch (error) {
      throw isSwitchedOff(error) ? switchedOff("The guest powered itself off") : error;
    }
  }
  throw new VmbuildError(
    "GUEST_CLOUD_INIT",
    `The guest restarted ${MOST_LOSSES} times while cloud-init ran`,
    {
      hint: "Check whether the user-data restarts it at each boot (bootcmd, a boothook, power_state).",
    },
  );
}
