/** Reads memory statistics from the guest's balloon driver. */
import type { RunningMachine } from "./running-machine.js";

/** QOM path of the balloon device, whose id is set in `argv.ts`. */
const BALLOON = "/machine/peripheral/balloon";

/** Interval of the guest's memory reports, in seconds. */
const POLL_SECONDS = 1;

interface GuestStats {
  readonly "last-update": number;
  readonly stats: Readonly<Record<string, number>>;
}

/**
 * Value of a statistic that the guest did not report: all bits set, rounded by JSON
 * (hw/virtio/virtio-balloon.c).
 */
const UNKNOWN = 2 ** 63;

/**
 * Makes the guest's balloon driver report its memory regularly. Does nothing on a machine without a
 * balloon.
 */
export async function enableMemoryStats(machine: RunningMachine): Promise<void> {
  const poll = { path: BALLOON, property: "guest-stats-polling-interval", value: POLL_SECONDS };
  // A failure only affects the size of snapshots.
  await machine.qmp.execute("qom-set", poll).catch(() => {});
}

/** Returns the bytes of the guest's page cache from its last report; 0 where there is none. */
export async function pageCacheBytes(machine: RunningMachine): Promise<number> {
  try {
    const answer = await machine.qmp.execute<GuestStats>("qom-get", {
      path: BALLOON,
      property: "guest-stats",
    });
    const bytes = answer.stats["stat-disk-caches"] ?? 0;
    return bytes >= 0 && bytes < UNKNOWN ? bytes : 0;
  } catch {
    // Without a balloon, or without its driver in the guest, nothing is known.
    return 0;
  }
}
