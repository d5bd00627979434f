/** Finds out whether the process that holds a lock or an unfinished upload still runs. */
import { systemCode } from "../errors.js";
import { thisOwner } from "./names.js";
import type { Owner } from "./names.js";

/**
 * Returns whether a process has ended. Only processes of this host can be examined; those of others
 * may still run.
 */
export function hasEnded({ host, pid }: Owner): boolean {
  const own = thisOwner();
  if (host !== own.host) return false;
  if (pid === own.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM means that it belongs to another user.
    return systemCode(error) === "ESRCH";
  }
}

/** Formats an owner for a lock: `HOST-PID`. */
export function formatOwner({ host, pid }: Owner): string {
  return `${host}-${pid}`;
}

/** Parses {@link formatOwner}'s text, which others may follow; undefined for other texts. */
export function parseOwner(text: string): Owner | undefined {
  const [, host, pid] = /^([0-9a-f]{8})-(\d+)\b/.exec(text) ?? [];
  return host === undefined ? undefined : { host, pid: Number(pid) };
}

/** Lock that is held. */
export interface ReleaseLock {
  /** Removes the lock. */
  release(): Promise<void>;
}

/** Age in milliseconds after which a lock is taken from a process of another host. */
export const LOCK_MAX_AGE_MS = 30 * 60_000;
/** Age in milliseconds after which the remainders of an upload are removed. */
export const REMAINS_MAX_AGE_MS = 24 * 3_600_000;
/** Pause in milliseconds between two attempts to take a lock. */
export const LOCK_POLL_MS = 2000;
