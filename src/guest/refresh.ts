/**
 * Updates a guest that was restored from a snapshot: its clock is behind, and its random pool may
 * be shared with other copies.
 */
import { randomBytes } from "node:crypto";
import { VmbuildError } from "../errors.js";
import { shellQuote } from "../host/programs.js";
import type { Guest } from "./guest.js";
import { STOP_ACTIVE_TIMERS } from "./timers.js";
import { PLACEHOLDER_HOSTNAME } from "../seed/hostname.js";

const ENTROPY_BYTES = 64;

/**
 * Time limit. Timers that were running when the snapshot was saved are waited for. Milliseconds.
 */
const DEADLINE_MS = 900_000;

/**
 * Shell script that seeds the random pool. Bytes written to /dev/urandom are mixed in but not used
 * until the kernel reseeds, up to a minute later. RNDADDENTROPY (0x40085203) adds bytes that count
 * as entropy, and RNDRESEEDCRNG (0x5207) reseeds at once (random(4), drivers/char/random.c).
 */
function seedScript(entropy: string): string {
  const perl =
    'open(my $f, "+<", "/dev/urandom") or exit 1; my $d = pack("H*", $ENV{ENTROPY}); ' +
    'ioctl($f, 0x40085203, pack("ii", 8 * length $d, length $d) . $d) or exit 1; ' +
    "ioctl($f, 0x5207, 0) or exit 1;";
  const python =
    "import fcntl, os, struct; d = bytes.fromhex(os.environ['ENTROPY']); " +
    "f = open('/dev/urandom', 'rb+', 0); " +
    "fcntl.ioctl(f, 0x40085203, struct.pack('ii', 8 * len(d), len(d)) + d); " +
    "fcntl.ioctl(f, 0x5207, 0)";
  return `
export ENTROPY=${entropy}
if command -v perl >/dev/null 2>&1 && perl -e ${shellQuote(perl)} 2>/dev/null; then :
elif command -v python3 >/dev/null 2>&1 && python3 -c ${shellQuote(python)} 2>/dev/null; then :
else echo unseeded; printf %s "$ENTROPY" >/dev/urandom; fi
unset ENTROPY
`;
}

/**
 * Shell command that sets the clock. QEMU's RTC kept running, but the kernel's own time did not.
 */
const setClockCommand = (now: Date): string =>
  `date -u -s @${Math.round(now.getTime() / 1000)} >/dev/null`;

/**
 * Returns shell code that sets the clock while the rest of the script goes on, so that a guest with
 * several CPUs waits for the slower of the two only. Timers are stopped before, because a clock that
 * is set forward would trigger all that are due.
 */
function startSettingClock(now: Date, timersStopped: boolean): string {
  const stop = timersStopped ? "" : STOP_ACTIVE_TIMERS;
  return `{\n${stop}\n${setClockCommand(now)}\n} &\nclock=$!`;
}

/** Shell command that waits for the clock, and fails where it could not be set. */
const END_SETTING_CLOCK = 'wait "$clock"';

/**
 * Returns a script for sed that replaces the placeholder as a host name, with or without a domain.
 * The second command is repeated, because two adjacent names share the space between them.
 */
function renameInHosts(hostname: string): string {
  const between = String.raw`s/\([[:space:]]\)${PLACEHOLDER_HOSTNAME}\([.[:space:]]\)/\1${hostname}\2/g`;
  const atEnd = String.raw`s/\([[:space:]]\)${PLACEHOLDER_HOSTNAME}$/\1${hostname}/`;
  return [between, between, atEnd].join("; ");
}

/** Returns shell code that renames a guest that still has the placeholder name. */
export function setHostnameScript(hostname: string): string {
  const placeholder = shellQuote(PLACEHOLDER_HOSTNAME);
  const name = shellQuote(hostname);
  return `
read -r now </proc/sys/kernel/hostname
if [ "$now" = ${placeholder} ]; then
  printf '%s\\n' ${name} >/etc/hostname
  printf '%s' ${name} >/proc/sys/kernel/hostname
  [ ! -f /etc/hosts ] || sed -i '${renameInHosts(hostname)}' /etc/hosts
fi
`;
}

/** Options of {@link refreshGuest}. */
export interface RefreshOptions {
  /** Host name of the build, for a guest that still has the placeholder name. */
  readonly hostname: string;
  /** True for a guest restored from a snapshot: its clock and random pool are out of date. */
  readonly restored: boolean;
  /** True for a snapshot that was saved when timers had just been stopped. */
  readonly timersStopped?: boolean;
  /** Returns the time of the host. */
  readonly now?: () => Date;
}

/** Result, from which the caller derives warnings. */
export interface RefreshResult {
  /**
   * False where the guest has neither perl nor python3, which are needed to seed the random pool at
   * once.
   */
  readonly seeded: boolean;
}

/**
 * Sets the guest's clock, seeds its random pool from the host, and sets its host name.
 * @throws {VmbuildError} GUEST_LOST; STEP_FAILED when the clock could not be set.
 */
export async function refreshGuest(guest: Guest, options: RefreshOptions): Promise<RefreshResult> {
  const { hostname, restored, timersStopped = false, now = () => new Date() } = options;
  if (!/^[a-z0-9-]+$/.test(hostname)) throw new VmbuildError("DEFECT", `host name ${hostname}`);
  const entropy = randomBytes(ENTROPY_BYTES).toString("hex");
  const script = [
    "set -e",
    ...(restored ? [startSettingClock(now(), timersStopped), seedScript(entropy)] : []),
    setHostnameScript(hostname),
    ...(restored ? [END_SETTING_CLOCK] : []),
  ].join("\n");
  const lines = await guest.ask(script, "Preparing the resumed guest", DEADLINE_MS);
  return { seeded: !lines.includes("unseeded") };
}
