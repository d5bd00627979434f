/** Which states go when there are too many, or they take too much room. */
import type { Checkpoint } from "./records.js";

/** What may be kept. */
export interface RetentionLimits {
  /** How many states. */
  readonly count: number;
  /** Bytes of all of them. */
  readonly size: number;
}

/** Sixteen states cover a build's steps and a few that were tried; 20 GiB is what disks have. */
export const DEFAULT_LIMITS: RetentionLimits = { count: 16, size: 20 * 2 ** 30 };

/** Bytes of a state: memory, devices, and the disk that came with its step. */
export function sizeOfCheckpoint({ memoryBytes, diskBytes }: Checkpoint): number {
  return memoryBytes + diskBytes;
}

/**
 * The states to remove, first those of no use to the present template, the longest unused first;
 * then those of the present one from the first step on. The newest of the present one stays.
 * @param current the keys of the present template's states.
 */
export function chooseVictims(
  checkpoints: readonly Checkpoint[],
  current: ReadonlySet<string>,
  limits: RetentionLimits,
): Checkpoint[] {
  const isCurrent = ({ key }: Checkpoint): boolean => current.has(key);
  const stale = checkpoints
    .filter((checkpoint) => !isCurrent(checkpoint))
    .toSorted((one, other) => one.usedAt.localeCompare(other.usedAt));
  const present = checkpoints.filter(isCurrent).toSorted((one, other) => one.index - other.index);
  // The state before the first step is kept longer than those in the middle: it saves the boot.
  const [first, ...later] = present;
  const middle = later.slice(0, -1);
  const order = [...stale, ...middle, ...(later.length > 0 && first ? [first] : [])];
  let count = checkpoints.length;
  let size = checkpoints.reduce((sum, checkpoint) => sum + sizeOfCheckpoint(checkpoint), 0);
  const victims: Checkpoint[] = [];
  for (const victim of order) {
    if (count <= limits.count && size <= limits.size) break;
    victims.push(victim);
    count--;
    size -= sizeOfCheckpoint(victim);
  }
  return victims;
}
