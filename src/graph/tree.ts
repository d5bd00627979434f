/** Arranges a graph as a forest: each template below its base. */
import type { NodeStatus } from "./status.js";

/** Node with its depth. */
export interface TreeRow {
  readonly status: NodeStatus;
  /** Number of bases below which it stands; 0 for one whose base is no other template. */
  readonly depth: number;
}

/** Returns every node below its base, in the given order otherwise. */
export function treeRows(statuses: readonly NodeStatus[]): TreeRow[] {
  const below = (base: NodeStatus | undefined, depth: number): TreeRow[] =>
    statuses
      .filter(({ node }) => node.base === base?.node)
      .flatMap((status) => [{ status, depth }, ...below(status, depth + 1)]);
  return below(undefined, 0);
}
