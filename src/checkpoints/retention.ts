/** Chooses the checkpoints to remove when there are too many or they take too much space. */
import type { Checkpoint } from "./records.js";

/** Limits of the checkpoints of a build. */
export interface RetentionLimits {
  /** Number of checkpoints. */
  readonly count: number;
  /** Total size in bytes. */
  readonly size: number;
}

/** Default limits. Sixteen checkpoints cover a build's steps and some variations. */
export const DEFAULT_LIMITS: RetentionLimits = { count: 16, size: 20 * 2 ** 30 };

/**
 * Returns the bytes of a checkpoint: memory, devices, and the growth of the disk during its step.
 */
export function sizeOfCheckpoint({ memoryBytes, diskBytes }: Checkpoint): number {
  return memoryBytes + diskBytes;
}

/**
 * Returns the checkpoints to remove: first those that the present template does not use, least
 * recently used first; then those that it uses, in the order of steps. Its newest checkpoint is
 * retained.
 * @param current keys of the present template.
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
  // The checkpoint before the first step is retained longer than later ones, because it saves a
  // boot.
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
