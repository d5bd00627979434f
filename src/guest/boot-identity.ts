/** Tells one boot of a guest from another: by the kernel's boot ID, else by the uptime. */
import { VmbuildError } from "../errors.js";
import type { Connection } from "./connection.js";
import { runQuietly } from "./script.js";

/** What a guest reports about its current boot. At least one of `id` and `uptime` is set. */
export interface BootIdentity {
  /** Boot ID of the kernel, which is random and differs for each boot. */
  readonly id?: string | undefined;
  /** Seconds since the kernel started. */
  readonly uptime?: number | undefined;
  /** `performance.now()` of this host when the guest reported it. Milliseconds. */
  readonly at: number;
}

/** Identity of the boot, or the output that the guest gave instead. */
export type BootAnswer = { readonly boot: BootIdentity } | { readonly output: readonly string[] };

const BOOT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const UPTIME = /^vmbuild-uptime (\d+(?:\.\d+)?)$/;

const COMMAND = `
cat /proc/sys/kernel/random/boot_id 2>/dev/null
read -r up _ </proc/uptime && echo "vmbuild-uptime $up"
true
`;

/** Parses the guest's output; undefined where it contains neither boot ID nor uptime. Pure. */
export function parseBoot(lines: readonly string[], at: number): BootIdentity | undefined {
  const id = lines.find((line) => BOOT_ID.test(line));
  const [uptime] = lines.flatMap((line) => UPTIME.exec(line)?.[1] ?? []);
  if (id === undefined && uptime === undefined) return undefined;
  return { id, uptime: uptime === undefined ? undefined : Number(uptime), at };
}

/**
 * Returns whether the guest has restarted between two reports. Without boot IDs the uptimes are
 * compared: after a restart, the uptime is at most the time between the reports; in the same boot,
 * it is that time longer than before. Pure.
 */
export function isOtherBoot(before: BootIdentity, after: BootIdentity): boolean {
  if (before.id !== undefined && after.id !== undefined) return before.id !== after.id;
  if (before.uptime === undefined || after.uptime === undefined) return false;
  const elapsed = (after.at - before.at) / 1000;
  // The middle between both, so that clocks of different speed do not matter.
  return after.uptime < elapsed + before.uptime / 2;
}

/** Reads the identity of the boot. Returns the command's output where there is none in it. */
export async function queryBoot(connection: Connection, signal: AbortSignal): Promise<BootAnswer> {
  try {
    const { lines, output } = await runQuietly(connection, COMMAND, signal);
    const boot = parseBoot(lines, performance.now());
    return boot === undefined ? { output } : { boot };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VmbuildError && error.code === "GUEST_SHELL") {
      return { output: error.lines };
    }
    throw error;
  }
}
