/** Drawings of a graph. */
import { describe, expect, it } from "vitest";
import { renderDot } from "../../../src/graph/dot.js";
import type { GraphNode } from "../../../src/graph/graph.js";
import type { NodeState, NodeStatus } from "../../../src/graph/status.js";
import { renderSvg } from "../../../src/graph/svg.js";
import { treeRows } from "../../../src/graph/tree.js";

function status(name: string, base?: NodeStatus, state: NodeState = "up to date"): NodeStatus {
  const node = { name, base: base?.node, isNamed: true } as GraphNode;
  const reason = state === "up to date" ? "" : `a "<reason>" & more`;
  return { node, state, reason, image: undefined };
}

const debian = status("debian-13");
const pve = status("pve-9", debian, "out of date");
const other = status("docker", debian, "not built");
const alone = status("alone");
const all = [debian, alone, pve, other];

/** Returns an attribute of each element of a kind. */
const attributes = (svg: string, element: string, name: string): number[] =>
  [...svg.matchAll(new RegExp(`<${element} [^>]*?\\b${name}="([\\d.]+)"`, "g"))].map(([, n]) =>
    Number(n),
  );

it("is a forest, in which each template is below its base", () => {
  expect(treeRows(all).map(({ status: { node }, depth }) => [node.name, depth])).toEqual([
    ["debian-13", 0],
    ["pve-9", 1],
    ["docker", 1],
    ["alone", 0],
  ]);
});

describe("as DOT", () => {
  it("has the nodes with their states, and arrows from the bases", () => {
    const dot = renderDot(all);
    expect(dot).toContain('"debian-13" [label="debian-13\\nup to date", fillcolor="#d3f9d8"];');
    expect(dot).toContain('tooltip="a \\"<reason>\\" & more"');
    expect(dot.match(/->/g)).toHaveLength(2);
    expect(dot).toContain('"debian-13" -> "pve-9";');
  });

  it("is a graph without nodes where there are none", () => {
    expect(renderDot([])).toMatch(/^digraph vmbuild \{[^]*\}$/);
  });
});

describe("as SVG", () => {
  const svg = renderSvg(all);

  it("has a box for each template, with the reason, none over another", () => {
    const boxes = attributes(svg, "rect", "x").map((x, index) => ({
      x,
      y: attributes(svg, "rect", "y")[index] ?? NaN,
      right: x + (attributes(svg, "rect", "width")[index] ?? NaN),
    }));
    expect(boxes).toHaveLength(4);
    const pairs = boxes.flatMap((one, index) => boxes.slice(index + 1).map((two) => [one, two]));
    for (const [one, two] of pairs) {
      const apart =
        one && two && (one.right < two.x || two.right < one.x || Math.abs(one.y - two.y) >= 44);
      expect(apart).toBe(true);
    }
    expect(svg).toContain(
      "<title>pve-9: out of date: a &#34;&#60;reason&#62;&#34; &#38; more</title>",
    );
    expect(svg.match(/<path d="M/g)).toHaveLength(3); // Two arrows and their head.
  });

  it("puts a base in the middle of what is built on it, and all inside the drawing", () => {
    const [first = NaN, second = NaN, third = NaN] = attributes(svg, "rect", "y");
    expect(first).toBe((second + third) / 2);
    const [width = 0] = attributes(svg, "svg", "width");
    const [height = 0] = attributes(svg, "svg", "height");
    expect(Math.max(...attributes(svg, "text", "x"))).toBeLessThan(width);
    expect(Math.max(...attributes(svg, "rect", "y")) + 44).toBeLessThan(height);
  });

  it("is a drawing without boxes where there are no templates", () => {
    expect(renderSvg([])).toMatch(/^<svg [^]*<\/svg>$/);
  });
});
