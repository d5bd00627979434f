/** The lines of the live terminal that stay: what is done, what failed, what to know. */
import { formatDuration } from "../../host/format.js";
import type { RunEvent } from "../types.js";
import { formatElapsed } from "./clock.js";
import { entryLine, indentOf, phaseTitle } from "./frame.js";
import type { Look } from "./frame.js";
import type { Paint } from "./style.js";
import { cleanText, wrapText } from "./text.js";
import type { LiveRun } from "./view.js";

/** The lines that an event leaves on the terminal; `run` is the state before the event. */
export function permanentLines(event: RunEvent, run: LiveRun, look: Look): string[] {
  const { style, marks } = look;
  const done = [marks.done, style.green] as const;
  const failed = [marks.failed, style.red] as const;
  switch (event.type) {
    case "run.started":
      return [`${style.bold(cleanText(event.name))} ${cleanText(event.version)}`];
    case "phase.finished":
      return [entryLine(look, done, took(event), [phaseTitle(event.phase)], event.detail ?? "")];
    case "step.finished":
      return [entryLine(look, done, took(event), [stepTitle(event)])];
    case "step.kept":
      return [entryLine(look, [marks.done, style.dim], "cached", [stepTitle(event), style.dim])];
    case "step.failed":
      return [entryLine(look, failed, took(event), [stepTitle(event), style.red])];
    case "step.retried": {
      const attempt = `${event.step}: attempt ${event.attempt} of ${event.of}: ${event.reason}`;
      return paragraph(look, marks.warning, style.yellow, attempt);
    }
    case "verify.finished":
      return event.ok
        ? []
        : paragraph(look, marks.failed, style.red, `verify failed: ${event.command}`);
    case "warning":
      return [
        ...paragraph(look, marks.warning, style.yellow, event.message),
        ...(event.hint === undefined ? [] : indented(look, event.hint, style.dim)),
      ];
    case "note":
      return paragraph(look, marks.note, style.dim, event.message);
    case "paused":
      return [
        ...tailLines(run, look),
        "",
        ...paragraph(look, marks.paused, style.yellow, `paused: ${event.reason}`),
        ...event.release.split("\n").flatMap((line) => indented(look, line, style.bold)),
        "",
      ];
    case "resumed":
      return paragraph(look, marks.note, style.dim, "resumed");
    case "run.failed":
      return unfinishedLines(event, run, look);
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

/** A sentence behind a mark, wrapped to the terminal and never cut. */
function paragraph(look: Look, mark: string, paint: Paint, text: string): string[] {
  const build = look.build === "" ? "" : `${look.build}: `;
  const lines = wrapText(cleanText(build + text), look.columns - 3);
  return lines.map((line, index) => ` ${index === 0 ? paint(mark) : " "} ${paint(line)}`);
}

function indented(look: Look, text: string, paint: Paint): string[] {
  return wrapText(cleanText(text), look.columns - 3).map((line) => `   ${paint(line)}`);
}

/** The last output, in whole lines: somebody may want to copy them. */
function tailLines(run: LiveRun, look: Look): string[] {
  const gutter = look.style.dim(look.marks.gutter);
  return run.tail.lines.map((line) => `${indentOf(look)}${gutter} ${cleanText(line)}`);
}

/** What was under way when the run failed; the last output where the error does not quote it. */
function unfinishedLines(
  event: Extract<RunEvent, { type: "run.failed" }>,
  run: LiveRun,
  look: Look,
): string[] {
  const { style, marks } = look;
  const failed = [marks.failed, style.red] as const;
  const end = Date.parse(event.time);
  const lines: string[] = [];
  if (run.step) {
    const elapsed = formatElapsed(end - run.step.startedAt);
    lines.push(
      entryLine(look, failed, elapsed, [
        stepTitle({ ...run.step, step: run.step.name }),
        style.red,
      ]),
    );
  }
  for (const [phase, { startedAt }] of run.phases) {
    lines.push(entryLine(look, failed, formatElapsed(end - startedAt), [phase, style.red]));
  }
  return event.error.lines.length > 0 ? lines : [...lines, ...tailLines(run, look)];
}
