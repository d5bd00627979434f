/**
 * Brings a guest up to date that was loaded from a saved state: its clock stood still, and its
 * random pool is a copy that other guests may have too.
 */
import { randomBytes } from "node:crypto";
import { VmbuildError } from "../errors.js";
import { shellQuote } from "../host/programs.js";
import type { Guest } from "./guest.js";
import { HOLD_TIMERS_AGAIN } from "./timers.js";
import { PLACEHOLDER_HOSTNAME } from "../seed/hostname.js";

const ENTROPY_BYTES = 64;

/** Timers that were at work when the state was saved are waited for. Milliseconds. */
const DEADLINE_MS = 900_000;

/**
 * What is written to /dev/urandom is mixed in but not drawn from until the kernel's pool is
 * seeded anew, up to a minute later: RNDADDENTROPY (0x40085203) adds bytes that count, and
 * RNDRESEEDCRNG (0x5207) seeds at once (random(4), drivers/char/random.c).
 */
function feeder(entropy: string): string {
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

/** QEMU's clock chip kept going; the kernel's own time did not. */
const clock = (now: Date): string => `date -u -s @${Math.round(now.getTime() / 1000)} >/dev/null`;

function rename(hostname: string): string {
  const placeholder = shellQuote(PLACEHOLDER_HOSTNAME);
  const name = shellQuote(hostname);
  return `
read -r now </proc/sys/kernel/hostname
if [ "$now" = ${placeholder} ]; then
  printf '%s\\n' ${name} >/etc/hostname
  printf '%s' ${name} >/proc/sys/kernel/hostname
  [ ! -f /etc/hosts ] || sed -i "s/\\b${PLACEHOLDER_HOSTNAME}\\b/${hostname}/g" /etc/hosts
fi
`;
}

/** What a guest is told. */
export interface WakeOptions {
  /** The build's host name, where the guest still has none of its own. */
  readonly hostname: string;
  /** It comes from a saved state: clock and random pool are old. */
  readonly restored: boolean;
  /** The host's time. */
  readonly now?: () => Date;
}

/** What could not be done, for a warning. */
export interface WakeResult {
  /** False where the guest has neither perl nor python3 to seed its random pool at once. */
  readonly seeded: boolean;
}

/**
 * Sets the guest's clock, seeds its random pool from the host, and gives it its name.
 * @throws {VmbuildError} GUEST_LOST; STEP_FAILED when the clock could not be set.
 */
export async function wakeGuest(guest: Guest, options: WakeOptions): Promise<WakeResult> {
  const { hostname, restored, now = () => new Date() } = options;
  if (!/^[a-z0-9-]+$/.test(hostname)) throw new VmbuildError("DEFECT", `host name ${hostname}`);
  const entropy = randomBytes(ENTROPY_BYTES).toString("hex");
  const command = [
    // Before the clock is set forward, and whatever is due starts.
    restored ? HOLD_TIMERS_AGAIN : "",
    restored ? clock(now()) : "",
    restored ? feeder(entropy) : "",
    rename(hostname),
  ];
  const script = `set -e\n${command.join("\n")}`;
  const words = await guest.ask(script, "Preparing the resumed guest", DEADLINE_MS);
  return { seeded: !words.includes("unseeded") };
}
