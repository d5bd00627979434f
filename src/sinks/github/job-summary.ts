/** Renders the end of a run as Markdown, for the summary of a job of GitHub Actions. */
import { formatBytes, formatDuration } from "../../host/format.js";
import { readResult } from "../../events/result.js";
import type { RunEvent } from "../../events/types.js";

type StepEnd = Extract<
  RunEvent,
  { type: "step.finished" | "step.failed" | "step.kept" | "step.skipped" }
>;

/** Facts about a run that its summary shows. */
export interface JobFacts {
  readonly steps: StepEnd[];
  readonly warnings: string[];
}

const RESULTS: Record<StepEnd["type"], string> = {
  "step.finished": "done",
  "step.failed": "**failed**",
  "step.kept": "cached",
  "step.skipped": "already satisfied",
};

/** Escapes text for a cell of a table or a line of Markdown. */
function escape(text: string): string {
  return text.replace(/[\\`*_[\]<>|#&]/g, "\\$&").replaceAll(/\s+/g, " ");
}

/** Renders text as it is, in a block that no line of it can end. */
function block(lines: readonly string[]): string[] {
  const longest = Math.max(
    2,
    ...lines.flatMap((line) => line.match(/`+/g) ?? []).map((run) => run.length),
  );
  const fence = "`".repeat(longest + 1);
  return [fence, ...lines, fence];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function stepRows({ steps }: JobFacts): string[] {
  if (steps.length === 0) return [];
  const rows = steps.map((event) => {
    const took = "durationMs" in event ? formatDuration(event.durationMs) : "";
    return row([escape(event.step), RESULTS[event.type], took]);
  });
  return ["", row(["Step", "Result", "Time"]), row(["---", "---", "---:"]), ...rows];
}

type RunEnd = Extract<RunEvent, { type: "run.finished" | "run.failed" }>;

function endLines(end: RunEnd): string[] {
  const took = formatDuration(end.durationMs);
  if (end.type === "run.failed") {
    const { code, message, lines, hint } = end.error;
    const tail = lines.length === 0 ? [] : ["", ...block(lines)];
    return [
      `**Failed** after ${took}: ${escape(message)} (${code})`,
      ...tail,
      "",
      `Hint: ${escape(hint)}`,
    ];
  }
  const { artifact, otherArtifacts, upToDate } = readResult(end.result);
  const images = [artifact, ...otherArtifacts].filter(({ path }) => path !== undefined);
  const rows = images.map(({ path = "", size, checksums = {} }) =>
    row([
      escape(path),
      size === undefined ? "" : formatBytes(size),
      Object.entries(checksums)
        .map(([name, sum]) => `${name} \`${sum}\``)
        .join("<br>"),
    ]),
  );
  return [
    upToDate ? `Up to date, checked in ${took}` : `Done in ${took}`,
    ...(rows.length === 0
      ? []
      : ["", row(["Image", "Size", "Checksums"]), row(["---", "---:", "---"])]),
    ...rows,
  ];
}

/** Renders the summary of a run, with an empty line at its end. */
export function jobSummary(end: RunEnd, facts: JobFacts): string {
  const warnings = facts.warnings.map((text) => `- ${escape(text)}`);
  return [
    `### vmbuild: ${escape(end.build)}`,
    "",
    ...endLines(end),
    ...stepRows(facts),
    ...(warnings.length === 0 ? [] : ["", "Warnings:", "", ...warnings]),
    "",
    "",
  ].join("\n");
}
