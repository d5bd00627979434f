/** What a guest's balloon driver tells of its memory. */
import type { RunningMachine } from "./running-machine.js";

/** The balloon device's name in `argv.ts`. */
const BALLOON = "/machine/peripheral/balloon";

/** Seconds between the guest's reports of its memory. */
const POLL_SECONDS = 1;

interface GuestStats {
  readonly "last-update": number;
  readonly stats: Readonly<Record<string, number>>;
}

/** A value that the guest did not report: all bits set, which JSON rounds (hw/virtio/virtio-balloon.c). */
const UNKNOWN = 2 ** 63;

/** Has the guest's balloon driver report its memory from now on. A machine without one is left alone. */
export async function enableMemoryStats(machine: RunningMachine): Promise<void> {
  const poll = { path: BALLOON, property: "guest-stats-polling-interval", value: POLL_SECONDS };
  // Nothing but the size of states is at stake.
  await machine.qmp.execute("qom-set", poll).catch(() => {});
}

/** Bytes of the guest's page cache as it last reported them; 0 where it does not. */
export async function pageCacheBytes(machine: RunningMachine): Promise<number> {
  try {
    const answer = await machine.qmp.execute<GuestStats>("qom-get", {
      path: BALLOON,
      property: "guest-stats",
    });
    const bytes = answer.stats["stat-disk-caches"] ?? 0;
    return bytes >= 0 && bytes < UNKNOWN ? bytes : 0;
  } catch {
    // No balloon, or no driver for it in the guest: nothing is known.
    return 0;
  }
}
