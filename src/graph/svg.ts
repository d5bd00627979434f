/**
 * Draws a graph as SVG, from left to right. A template has at most one base, so the graph is a
 * forest: the column is the depth, and each leaf has a row of its own.
 */
import { STATE_COLORS } from "./dot.js";
import type { NodeStatus } from "./status.js";
import { treeRows } from "./tree.js";

/** Measures in pixels. */
const MARGIN = 16;
const BOX_HEIGHT = 44;
const ROW_GAP = 16;
const COLUMN_GAP = 56;
const PADDING = 14;
const FONT_SIZE = 14;
/** Width of a character of a sans-serif font, estimated so that wide ones fit. */
const CHARACTER = 8.4;

interface Box {
  readonly status: NodeStatus;
  readonly depth: number;
  /** Row of its middle; between the rows of the boxes below it. */
  row: number;
}

const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** Gives every leaf a row, and every other box the middle of those that are built on it. */
function placeBoxes(statuses: readonly NodeStatus[]): Box[] {
  const boxes: Box[] = treeRows(statuses).map((row) => ({ ...row, row: 0 }));
  let leaves = 0;
  // In the order of the rows, every box follows its base; backwards, it comes first.
  const usersOf = ({ status }: Box): Box[] =>
    boxes.filter((other) => other.status.node.base === status.node);
  for (const box of boxes) if (usersOf(box).length === 0) box.row = leaves++;
  for (const box of boxes.toReversed()) {
    const users = usersOf(box);
    const [first] = users;
    if (first) box.row = (first.row + (users.at(-1)?.row ?? first.row)) / 2;
  }
  return boxes;
}

/** Returns the left edge of every column, and the width of its boxes. */
function placeColumns(boxes: readonly Box[]): { readonly left: number; readonly width: number }[] {
  const columns: { left: number; width: number }[] = [];
  let left = MARGIN;
  for (let depth = 0; depth <= Math.max(-1, ...boxes.map((box) => box.depth)); depth++) {
    const texts = boxes
      .filter((box) => box.depth === depth)
      .flatMap(({ status }) => [status.node.name, status.state]);
    const longest = Math.max(0, ...texts.map((text) => text.length));
    const width = Math.ceil(longest * CHARACTER + 2 * PADDING);
    columns.push({ left, width });
    left += width + COLUMN_GAP;
  }
  return columns;
}

/** Returns the drawing as the text of an SVG file. */
export function renderSvg(statuses: readonly NodeStatus[]): string {
  const boxes = placeBoxes(statuses);
  const columns = placeColumns(boxes);
  const columnOf = ({ depth }: Box) => columns[depth] ?? { left: MARGIN, width: 0 };
  const topOf = ({ row }: Box): number => MARGIN + row * (BOX_HEIGHT + ROW_GAP);
  const arrows = boxes.flatMap((box) => {
    const base = boxes.find(({ status }) => status.node === box.status.node.base);
    if (!base) return [];
    const from = columnOf(base);
    const [x1, y1] = [from.left + from.width, topOf(base) + BOX_HEIGHT / 2];
    const [x2, y2] = [columnOf(box).left, topOf(box) + BOX_HEIGHT / 2];
    const middle = (x1 + x2) / 2;
    return [
      `<path d="M ${x1} ${y1} C ${middle} ${y1}, ${middle} ${y2}, ${x2 - 2} ${y2}" fill="none" stroke="#495057" marker-end="url(#arrow)"/>`,
    ];
  });
  const drawn = boxes.map((box) => {
    const { node, state, reason } = box.status;
    const { left, width } = columnOf(box);
    const [top, center] = [topOf(box), left + width / 2];
    const title = reason === "" ? `${node.name}: ${state}` : `${node.name}: ${state}: ${reason}`;
    return [
      "<g>",
      `<title>${escape(title)}</title>`,
      `<rect x="${left}" y="${top}" width="${width}" height="${BOX_HEIGHT}" rx="6" fill="${STATE_COLORS[state]}" stroke="#495057"/>`,
      `<text x="${center}" y="${top + 19}" font-weight="bold">${escape(node.name)}</text>`,
      `<text x="${center}" y="${top + 36}" font-size="12">${escape(state)}</text>`,
      "</g>",
    ].join("\n");
  });
  const last = columns.at(-1) ?? { left: MARGIN, width: 0 };
  const width = last.left + last.width + MARGIN;
  const rows = Math.max(0, ...boxes.map(({ row }) => row + 1));
  const height = Math.max(2 * MARGIN, 2 * MARGIN + rows * (BOX_HEIGHT + ROW_GAP) - ROW_GAP);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="${FONT_SIZE}" text-anchor="middle">`,
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M 0 0 L 10 5 L 0 10 z" fill="#495057"/></marker></defs>',
    ...arrows,
    ...drawn,
    "</svg>",
  ].join("\n");
}
