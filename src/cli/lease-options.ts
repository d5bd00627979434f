/** Reads the options of a run's lease, and other times on the command line. */
import { resolve } from "node:path";
import type { LeaseOptions } from "../builds/lease.js";
import { VmbuildError } from "../errors.js";
import { parseDuration } from "../fields.js";
import { statIfThere } from "../host/files.js";
import type { LeaseFlags } from "./commands/lease-options.js";

/** Longest time until a deadline, which still is a date. Milliseconds. */
const MAX_MS = 1000 * 365 * 86_400_000;

/**
 * Parses a time such as `90s` or `1h30m` to milliseconds.
 * @param what the option or argument, for the message.
 * @throws {VmbuildError} USAGE when it is not a time, or zero.
 */
export function parseTime(what: string, text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined && milliseconds > 0 && milliseconds <= MAX_MS) return milliseconds;
  const problem =
    milliseconds === undefined
      ? "is not a valid duration"
      : milliseconds > 0
        ? "is too long"
        : "must be longer than zero";
  throw new VmbuildError("USAGE", `${what}: ${JSON.stringify(text)} ${problem}`, {
    hint: 'Use for example "90s", "30m" or "1h30m".',
  });
}

/**
 * Returns the lease of a run; undefined without one.
 * @throws {VmbuildError} USAGE when an option has no effect, is not a time, or names a file that
 *   does not exist.
 */
export async function leaseOf(flags: LeaseFlags): Promise<LeaseOptions | undefined> {
  const { ttl, grace, leaseFile, leaseConnection = false } = flags;
  const hasHolders = leaseFile !== undefined || leaseConnection;
  if (grace !== undefined && !hasHolders) {
    throw new VmbuildError("USAGE", "--grace has an effect only with a lease", {
      hint: "Add --lease-file PATH or --lease-connection.",
    });
  }
  if (ttl === undefined && !hasHolders) return undefined;
  const file = leaseFile === undefined ? undefined : resolve(leaseFile);
  if (file !== undefined && !(await statIfThere(file))) {
    throw new VmbuildError("USAGE", `--lease-file: ${file} does not exist`, {
      hint: "Create the file first, and remove it when the run is no longer needed.",
    });
  }
  return {
    ttlMs: ttl === undefined ? undefined : parseTime("--ttl", ttl),
    file,
    connection: leaseConnection,
    // Zero is a valid grace: the run ends at once.
    graceMs: grace === undefined ? undefined : parseGrace(grace),
  };
}

function parseGrace(text: string): number {
  return parseDuration(text) === 0 ? 0 : parseTime("--grace", text);
}
