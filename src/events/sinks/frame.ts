/**
 * Renders the live area: a few lines, never wider than the terminal, that show the current
 * activity.
 */
import { PHASES } from "../types.js";
import type { Phase } from "../types.js";
import { formatElapsed } from "./clock.js";
import type { TaskProgress } from "./progress.js";
import type { Marks, Paint, Style } from "./style.js";
import { cleanText, cutText, displayWidth, padText } from "./text.js";
import type { LiveRun } from "./view.js";

/** Layout and style of rendered lines. */
export interface Layout {
  readonly style: Style;
  readonly marks: Marks;
  /** Number of available columns. */
  readonly columns: number;
  /** Name of the build at the start of each line, or empty. */
  readonly build: string;
}

/** Piece of a line with its color. */
type Piece = readonly [text: string, paint?: Paint];

/** Width of the right-aligned column for durations. */
const DURATION_COLUMNS = 7;
const PHASE_COLUMNS = Math.max(...PHASES.map((phase) => phase.length));
const MAX_TASKS = 6;
const MAX_BAR_COLUMNS = 30;
const MIN_BAR_COLUMNS = 8;

/** Returns a phase's name, padded so that details are aligned. */
export function phaseTitle(phase: Phase): string {
  return padText(phase, PHASE_COLUMNS);
}

/** Joins pieces and cuts the line to the terminal's width; color codes take no columns. */
function joinPieces(pieces: readonly Piece[], columns: number): string {
  let left = columns;
  let line = "";
  for (const [text, paint] of pieces) {
    const shown = cutText(text, left);
    line += paint ? paint(shown) : shown;
    left -= displayWidth(shown);
    if (shown !== text || left <= 0) break;
  }
  return line;
}

/** Parts of a line that shows a phase or a step. */
interface Entry {
  readonly mark: Piece;
  /** Duration, or a word in its place. */
  readonly duration: string;
  readonly title: Piece;
  readonly detail?: string | undefined;
}

/** Renders a line with a duration: ` ✓  12.3s  title  detail`. */
export function entryLine(layout: Layout, { mark, duration, title, detail = "" }: Entry): string {
  const pieces: Piece[] = [
    [" "],
    mark,
    [` ${duration.padStart(DURATION_COLUMNS)}  `, layout.style.dim],
    ...buildPiece(layout),
    title,
    ...(detail === "" ? [] : [[`  ${cleanText(detail)}`, layout.style.dim] as const]),
  ];
  return joinPieces(pieces, layout.columns).trimEnd();
}

/** Returns the indentation of titles. */
export function indentOf(layout: Layout): string {
  return " ".repeat(DURATION_COLUMNS + (layout.columns < 60 ? 0 : 5));
}

function buildPiece(layout: Layout): Piece[] {
  return layout.build === "" ? [] : [[`${cleanText(layout.build)}  `, layout.style.cyan]];
}

/** Renders the live lines of one run. `tick` selects the frame of the spinner. */
export function drawRun(run: LiveRun, layout: Layout, now: number, tick: number): string[] {
  const { style, marks } = layout;
  const busy: Piece = [marks.busy[tick % marks.busy.length] ?? "", style.cyan];
  const indent = indentOf(layout);
  const lines: string[] = [];
  for (const [phase, { startedAt, detail }] of run.phases) {
    lines.push(
      entryLine(layout, {
        mark: busy,
        duration: formatElapsed(now - startedAt),
        title: [phaseTitle(phase)],
        detail,
      }),
    );
  }
  if (run.step) {
    const { name, index, total, startedAt, activity } = run.step;
    const title: Piece = [`[${index}/${total}] ${cleanText(name)}`, style.bold];
    lines.push(entryLine(layout, { mark: busy, duration: formatElapsed(now - startedAt), title }));
    if (activity !== "") lines.push(joinPieces([[indent], [cleanText(activity)]], layout.columns));
  }
  lines.push(...drawTasks([...run.tasks.values()], layout, now));
  if (run.lastLine !== "") {
    const text = `${marks.gutter} ${cleanText(run.lastLine)}`;
    lines.push(joinPieces([[indent], [text, style.dim]], layout.columns));
  }
  if (lines.length > 0) {
    const total = `total ${formatElapsed(now - run.startedAt)}`;
    lines.push(joinPieces([[indent], [total, style.dim]], layout.columns));
  }
  return lines;
}

function drawTasks(tasks: readonly TaskProgress[], layout: Layout, now: number): string[] {
  const shown = tasks.slice(0, MAX_TASKS);
  const widest = Math.max(0, ...shown.map((task) => displayWidth(cleanText(task.label))));
  const labelColumns = Math.min(widest, Math.max(10, Math.floor(layout.columns / 4)));
  const lines = shown.map((task) => drawTask(task, labelColumns, layout, now));
  if (tasks.length <= shown.length) return lines;
  const more = `and ${tasks.length - shown.length} more`;
  return [...lines, joinPieces([[indentOf(layout)], [more, layout.style.dim]], layout.columns)];
}

/**
 * Renders `label ━━━━──── 42%  1.2 of 14.3 GiB  45 MiB/s  3m left`. Parts that do not fit are left
 * out.
 */
function drawTask(task: TaskProgress, labelColumns: number, layout: Layout, now: number): string {
  const { style, marks } = layout;
  const indent = indentOf(layout);
  const label = padText(cutText(cleanText(task.label), labelColumns), labelColumns);
  const { fraction } = task;
  const percent = fraction === null ? "" : `${Math.floor(fraction * 100)}%`.padStart(4);
  let room = layout.columns - indent.length - labelColumns - 2 - percent.length;
  if (fraction !== null) room -= MIN_BAR_COLUMNS + 1;
  let facts = "";
  // Facts are chosen by importance (time left, rate, amount) and rendered in the order amount,
  // rate, time left.
  const wanted = [task.timeLeft(now), task.speed(now), task.amount].filter((fact) => fact !== "");
  for (const fact of wanted) {
    if (facts.length + fact.length + 2 > room) break;
    facts = `  ${fact}${facts}`;
  }
  const pieces: Piece[] = [[indent], [label]];
  if (fraction !== null) {
    // Space for the facts is reserved, so that the bar's length does not change with them.
    const columns = Math.min(MAX_BAR_COLUMNS, MIN_BAR_COLUMNS + Math.max(0, room - 44));
    const done = Math.round(fraction * columns);
    pieces.push(["  "], [marks.barDone.repeat(done), style.cyan]);
    pieces.push([marks.barLeft.repeat(columns - done), style.dim], [" "], [percent]);
  }
  return joinPieces([...pieces, [facts, style.dim]], layout.columns);
}
