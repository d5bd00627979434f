/** Formats a graph in the DOT language of Graphviz (graphviz.org/doc/info/lang.html). */
import type { NodeState, NodeStatus } from "./status.js";

/** Fill colors of the states, dark enough for black text on them to be readable. */
export const STATE_COLORS: Readonly<Record<NodeState, string>> = {
  "up to date": "#d3f9d8",
  "out of date": "#ffe8cc",
  "not built": "#e9ecef",
  running: "#d0ebff",
  unknown: "#fff3bf",
};

/** Quotes a text. In a quoted string, only the quote must be escaped; a backslash begins an escape. */
const quote = (text: string): string =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;

/** Returns the graph as text; an arrow leads from a base to the image that is built on it. */
export function renderDot(statuses: readonly NodeStatus[]): string {
  const nodes = statuses.map(({ node, state, reason }) => {
    const attributes = [
      `label=${quote(`${node.name}\n${state}`)}`,
      `fillcolor=${quote(STATE_COLORS[state])}`,
      ...(reason === "" ? [] : [`tooltip=${quote(reason)}`]),
    ];
    return `  ${quote(node.name)} [${attributes.join(", ")}];`;
  });
  const arrows = statuses.flatMap(({ node: { name, base } }) =>
    base ? [`  ${quote(base.name)} -> ${quote(name)};`] : [],
  );
  return [
    "digraph vmbuild {",
    "  rankdir=LR;",
    '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    ...nodes,
    ...arrows,
    "}",
  ].join("\n");
}
