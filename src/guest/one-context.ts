/** Waits for OpenNebula's one-context to apply a CONTEXT disk. */
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Guest } from "./guest.js";

/** Time limit in the guest. Seconds. */
const WAIT_SECONDS = 300;
/** Time for the command to end after that. Milliseconds. */
const GRACE_MS = 60_000;
/** Number of lost connections that are waited out: one-context may restart the network. */
const MAX_RECONNECTS = 3;

/**
 * Waits until one-context's last pass is over (one-apps, one-context.service: a oneshot unit that
 * remains active). Without systemd that pass is over before sshd starts (one-apps, init.d). Prints
 * `late` when the time is over, and `failed` for a failure.
 */
const WAIT_SCRIPT = `
[ -d /run/systemd/system ] || exit 0
waited=0
while [ "$waited" -lt ${WAIT_SECONDS} ]; do
  case $(systemctl is-active one-context.service) in
    active) exit 0 ;;
    failed) echo failed; exit 0 ;;
    # Without a job, nothing will start the unit: it does not exist, or its condition is not met.
    inactive) systemctl list-jobs --plain --no-legend 2>/dev/null | grep -q . || exit 0 ;;
  esac
  sleep 1
  waited=$((waited + 1))
done
echo late
`;

/** Options of {@link waitForOneContext}. */
export interface OneContextOptions {
  /** Time limit for the guest to answer again after a lost connection. Milliseconds. */
  readonly restartMs: number;
  readonly emit: Emit;
}

const isLost = (error: unknown): boolean =>
  error instanceof VmbuildError && error.code === "GUEST_LOST";

/**
 * Waits until one-context is done, for five minutes at most; a failure and the end of that time are
 * warnings.
 * @throws {VmbuildError} GUEST_LOST when the connection is lost repeatedly; GUEST_TIMEOUT when the
 *   guest does not come back.
 */
export async function waitForOneContext(
  guest: Guest,
  { restartMs, emit }: OneContextOptions,
): Promise<void> {
  for (let losses = 0; ; losses++) {
    try {
      const deadline = WAIT_SECONDS * 1000 + GRACE_MS;
      const [end] = await guest.ask(WAIT_SCRIPT, "Waiting for one-context", deadline);
      if (end !== undefined) emit(warningFor(end));
      return;
    } catch (error) {
      if (!isLost(error) || losses >= MAX_RECONNECTS) throw error;
      await guest.reconnect(restartMs);
    }
  }
}

function warningFor(end: string) {
  const message =
    end === "late"
      ? `one-context is not done after ${WAIT_SECONDS} s; the steps run beside it`
      : "one-context.service has failed";
  const hint = "`journalctl -u one-context` in the guest shows what it did.";
  return { type: "warning", message, hint } as const;
}
