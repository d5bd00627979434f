/** Runs the nodes of a graph, each after its base, several at a time. */
import type { GraphNode } from "./graph.js";

/** Result of a node: what its work returned, or the base because of whose failure it did not run. */
export type NodeResult<R> = { readonly value: R } | { readonly failedBase: GraphNode };

/** Work of a schedule. */
export interface Schedule<R> {
  /** Number of nodes that run at the same time. */
  readonly parallel: number;
  readonly run: (node: GraphNode) => Promise<R>;
  /** Returns whether the nodes that depend on a result can run. */
  readonly succeeded: (value: R) => boolean;
  /** No further node starts once it has aborted. */
  readonly signal: AbortSignal;
}

/**
 * Runs the work for every node, each after its base. After a failure, the nodes that depend on it
 * do not run; all others do.
 * @param nodes each after its base.
 * @returns the results by name; without those that did not run because of a cancellation.
 */
export async function runGraph<R>(
  nodes: readonly GraphNode[],
  { parallel, run, succeeded, signal }: Schedule<R>,
): Promise<Map<string, NodeResult<R>>> {
  const results = new Map<string, NodeResult<R>>();
  const running = new Map<string, Promise<void>>();
  let waiting = [...nodes];

  const start = (node: GraphNode): void => {
    const work = run(node).then((value) => {
      results.set(node.name, { value });
      running.delete(node.name);
    });
    running.set(node.name, work);
  };
  const failureBelow = ({ base }: GraphNode): GraphNode | undefined => {
    const result = base && results.get(base.name);
    if (!base || !result) return undefined;
    if ("failedBase" in result) return result.failedBase;
    return succeeded(result.value) ? undefined : base;
  };
  const isReady = ({ base }: GraphNode): boolean => {
    const isPending = base !== undefined && nodes.includes(base) && !results.has(base.name);
    return !isPending;
  };

  while (waiting.length > 0 || running.size > 0) {
    for (const node of waiting) {
      const failedBase = failureBelow(node);
      if (failedBase) results.set(node.name, { failedBase });
      else if (!signal.aborted && running.size < parallel && isReady(node)) start(node);
    }
    waiting = waiting.filter(({ name }) => !results.has(name) && !running.has(name));
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  return results;
}
