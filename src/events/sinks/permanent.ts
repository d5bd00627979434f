/** Renders the permanent lines of the live terminal: finished and failed work, and messages. */
import { formatDuration } from "../../host/format.js";
import type { RunEvent } from "../types.js";
import { formatElapsed } from "./clock.js";
import { entryLine, indentOf, phaseTitle } from "./frame.js";
import type { Layout } from "./frame.js";
import { describeSkip } from "./skipped.js";
import type { Paint } from "./style.js";
import { cleanText, wrapText } from "./text.js";
import type { LiveRun } from "./view.js";

/** Returns the lines that an event adds to the terminal; `run` is the state before the event. */
export function permanentLines(event: RunEvent, run: LiveRun, layout: Layout): string[] {
  const { style, marks } = layout;
  const done = [marks.done, style.green] as const;
  const failed = [marks.failed, style.red] as const;
  switch (event.type) {
    case "run.started":
      return [`${style.bold(cleanText(event.name))} ${cleanText(event.version)}`];
    case "phase.finished":
      return [
        entryLine(layout, {
          mark: done,
          duration: took(event),
          title: [phaseTitle(event.phase)],
          detail: event.detail,
        }),
      ];
    case "step.finished":
      return [
        entryLine(layout, {
          mark: done,
          duration: took(event),
          title: [stepTitle(event)],
          detail: event.detail,
        }),
      ];
    case "step.kept":
      return [
        entryLine(layout, {
          mark: [marks.done, style.dim],
          duration: "cached",
          title: [stepTitle(event), style.dim],
        }),
      ];
    case "step.skipped":
      return [
        entryLine(layout, {
          mark: [marks.done, style.dim],
          duration: took(event),
          title: [stepTitle(event), style.dim],
          detail: describeSkip(event.reason),
        }),
      ];
    case "step.failed":
      return [
        entryLine(layout, {
          mark: failed,
          duration: took(event),
          title: [stepTitle(event), style.red],
        }),
      ];
    case "step.retried": {
      const attempt = `${event.step}: attempt ${event.attempt} of ${event.of}: ${event.reason}`;
      return paragraph(layout, marks.warning, style.yellow, attempt);
    }
    case "verify.finished":
      return event.ok
        ? []
        : paragraph(layout, marks.failed, style.red, `verify failed: ${event.command}`);
    case "warning":
      return [
        ...paragraph(layout, marks.warning, style.yellow, event.message),
        ...(event.hint === undefined ? [] : indented(layout, event.hint, style.dim)),
      ];
    case "note":
      return paragraph(layout, marks.note, style.dim, event.message);
    case "paused":
      return [
        ...tailLines(run, layout),
        "",
        ...paragraph(layout, marks.paused, style.yellow, `paused: ${event.reason}`),
        ...event.release.split("\n").flatMap((line) => indented(layout, line, style.bold)),
        "",
      ];
    case "resumed":
      return paragraph(layout, marks.note, style.dim, "resumed");
    case "run.failed":
      return unfinishedLines(event, run, layout);
    default:
      return [];
  }
}

function took(event: { durationMs: number }): string {
  return formatDuration(event.durationMs);
}

function stepTitle(event: { step: string; index: number; total: number }): string {
  return `[${event.index}/${event.total}] ${cleanText(event.step)}`;
}

/** Renders a sentence after a mark, wrapped to the terminal and never cut. */
function paragraph(layout: Layout, mark: string, paint: Paint, text: string): string[] {
  const build = layout.build === "" ? "" : `${layout.build}: `;
  const lines = wrapText(cleanText(build + text), layout.columns - 3);
  return lines.map((line, index) => ` ${index === 0 ? paint(mark) : " "} ${paint(line)}`);
}

function indented(layout: Layout, text: string, paint: Paint): string[] {
  return wrapText(cleanText(text), layout.columns - 3).map((line) => `   ${paint(line)}`);
}

/** Renders the last output in whole lines, so that it can be copied. */
function tailLines(run: LiveRun, layout: Layout): string[] {
  const gutter = layout.style.dim(layout.marks.gutter);
  return run.tail.lines.map((line) => `${indentOf(layout)}${gutter} ${cleanText(line)}`);
}

/**
 * Renders the work in progress when the run failed, and the last output if the error does not
 * contain it.
 */
function unfinishedLines(
  event: Extract<RunEvent, { type: "run.failed" }>,
  run: LiveRun,
  layout: Layout,
): string[] {
  const { style, marks } = layout;
  const failed = [marks.failed, style.red] as const;
  const end = Date.parse(event.time);
  const lines: string[] = [];
  if (run.step) {
    const elapsed = formatElapsed(end - run.step.startedAt);
    lines.push(
      entryLine(layout, {
        mark: failed,
        duration: elapsed,
        title: [stepTitle({ ...run.step, step: run.step.name }), style.red],
      }),
    );
  }
  for (const [phase, { startedAt }] of run.phases) {
    lines.push(
      entryLine(layout, {
        mark: failed,
        duration: formatElapsed(end - startedAt),
        title: [phase, style.red],
      }),
    );
  }
  return event.error.lines.length > 0 ? lines : [...lines, ...tailLines(run, layout)];
}
