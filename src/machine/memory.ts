/** Keeps the memory of a machine small before it is saved: what a guest only caches need not be. */
import { setTimeout as delay } from "node:timers/promises";
import { readFile } from "node:fs/promises";
import type { RunningMachine } from "./machine.js";

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
export async function watchMemory(machine: RunningMachine): Promise<void> {
  const poll = { path: BALLOON, property: "guest-stats-polling-interval", value: POLL_SECONDS };
  // Nothing but the size of states is at stake.
  await machine.qmp.execute("qom-set", poll).catch(() => {});
}

/** Bytes of the guest's page cache as it last reported them; 0 where it does not. */
export async function cachedBytes(machine: RunningMachine): Promise<number> {
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

/** Bytes of QEMU that lie in the host's memory now. */
async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}

/** The kernel reports free pages two seconds after they came free (mm/page_reporting.c). */
const REPORT_WITHIN_MS = 3000;
const SETTLED_AFTER_MS = 500;
const LIMIT_MS = 6000;
const LOOK_EVERY_MS = 100;
const WORTH_WAITING = 16 * 2 ** 20;

/**
 * Waits while the guest gives freed memory back: until it stops shrinking, or does not begin to.
 * @param signal ends the wait early, without an error.
 */
export async function waitUntilShrunk(machine: RunningMachine, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  let last = await residentBytes(machine.pid);
  let shrankAt: number | undefined;
  for (;;) {
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    const now = performance.now();
    const resident = await residentBytes(machine.pid);
    if (resident < last - WORTH_WAITING) shrankAt = now;
    last = Math.min(last, resident);
    const late = now - started > (shrankAt === undefined ? REPORT_WITHIN_MS : LIMIT_MS);
    const settled = shrankAt !== undefined && now - shrankAt > SETTLED_AFTER_MS;
    if (late || settled || signal.aborted || machine.death.aborted) return;
  }
}
