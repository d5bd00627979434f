/** Determines which images are up to date, without building or fetching anything. */
import { buildPaths } from "../builds/workspace.js";
import { asVmbuildError } from "../errors.js";
import { inspectBase } from "../inspect/sources.js";
import { findKeyedImage } from "../run/checkpoints/cache-key.js";
import type { RunPreview } from "../run/checkpoints/preview.js";
import { readPublishedRecord } from "../run/checkpoints/published.js";
import type { GraphNode } from "./graph.js";
import { baseTemplateOf } from "./graph.js";

/**
 * State of an image. `unknown`: it cannot be determined on this host now, such as without a cached
 * input.
 */
export type NodeState = "up to date" | "out of date" | "not built" | "running" | "unknown";

/** Node with the state of its image. */
export interface NodeStatus {
  readonly node: GraphNode;
  readonly state: NodeState;
  /** Phrase that explains the state; empty for an image that is up to date. */
  readonly reason: string;
  /** Absolute path of the image that the last run built, or of the one with a `.cache-key`. */
  readonly image: string | undefined;
}

/** Determines what a run would do; it must not fetch anything. */
export type Preview = (node: GraphNode) => Promise<RunPreview>;

type State = Omit<NodeStatus, "node" | "image">;

/** Returns what follows for a built image from the state of its base; undefined if nothing does. */
function stateByBase(base: NodeStatus | undefined): State | undefined {
  if (!base || base.state === "up to date") return undefined;
  const name = base.node.name;
  if (base.state === "unknown") {
    return { state: "unknown", reason: `the state of its base ${name} is unknown` };
  }
  return { state: "out of date", reason: `its base ${name} is ${base.state}` };
}

/** Returns the state of a built image from a preview of its run. */
async function stateByPreview(node: GraphNode, preview: Preview): Promise<State> {
  const source = await inspectBase(node.template);
  // A preview would create the base, which takes minutes.
  const isAbsent = baseTemplateOf(node.template) === undefined && source.path !== undefined;
  if (isAbsent && !source.here) {
    return { state: "unknown", reason: `its base ${source.origin} is ${source.state}` };
  }
  try {
    const { upToDate, miss = "" } = (await preview(node)).plan;
    return upToDate ? { state: "up to date", reason: "" } : { state: "out of date", reason: miss };
  } catch (thrown) {
    const { code, message } = asVmbuildError(thrown);
    if (code === "INTERRUPTED" || code === "TERMINATED") throw thrown;
    if (code === "BUILD_LOCKED") return { state: "running", reason: "a run is in progress" };
    return { state: "unknown", reason: message };
  }
}

/**
 * Determines the state of every image.
 * @param nodes each after its base.
 * @param folderOf returns the absolute path of the output folder of a node.
 * @throws the reason of a cancellation.
 */
export async function statusOf(
  nodes: readonly GraphNode[],
  preview: Preview,
  folderOf: (node: GraphNode) => string,
): Promise<NodeStatus[]> {
  const pending = new Map<GraphNode, Promise<NodeStatus>>();
  const find = async (node: GraphNode): Promise<NodeStatus> => {
    const base = node.base && (await pending.get(node.base));
    const published = await readPublishedRecord(buildPaths(node.name).published);
    const image = published?.artifact.path ?? (await findKeyedImage(folderOf(node), node.name));
    if (image === undefined) {
      const reason = "no run on this host has built it";
      return { node, state: "not built", reason, image };
    }
    const state = stateByBase(base) ?? (await stateByPreview(node, preview));
    return { node, ...state, image };
  };
  for (const node of nodes) pending.set(node, find(node));
  return Promise.all(pending.values());
}
