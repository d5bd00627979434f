/** Formats failures and warnings as workflow commands of GitHub Actions. */
import { relative } from "node:path";
import type { RunEvent } from "../../events/types.js";
import type { TemplatePlace } from "../kind.js";

/** Level of an annotation. */
type Level = "error" | "warning";

/** Annotation of a line of a file, or of the whole job. */
export interface Annotation {
  readonly level: Level;
  readonly title: string;
  readonly message: string;
  readonly place?: TemplatePlace | undefined;
}

/** Escapes a value as the runner's own toolkit does (actions/toolkit, command.ts). */
function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

/**
 * Formats an annotation as a line that the runner finds in the output of a job.
 * @param workspace folder to which the paths of annotations are relative.
 */
export function annotationLine(
  { level, title, message, place }: Annotation,
  workspace: string | undefined,
): string {
  const file = place && (workspace ? relative(workspace, place.file) : place.file);
  // A file outside of the repository has no page to annotate.
  const isInside = file !== undefined && !file.startsWith("..");
  const properties: [string, string][] = [
    ...(isInside ? ([["file", file]] as [string, string][]) : []),
    ...(isInside ? ([["line", String(place?.line)]] as [string, string][]) : []),
    ["title", title],
  ];
  const text = properties.map(([name, value]) => `${name}=${escapeProperty(value)}`).join(",");
  return `::${level} ${text}::${escapeData(message)}`;
}

type Failed = Extract<RunEvent, { type: "run.failed" }>;

/** Returns the annotation of a failed run, at the step that failed. */
export function failureAnnotation(
  { build, error }: Failed,
  placeOf: (step: string) => TemplatePlace | undefined,
  template: string,
): Annotation {
  const step = error.details["step"];
  const place = typeof step === "string" ? placeOf(step) : undefined;
  const where = typeof step === "string" ? `, step ${step}` : "";
  const lines = [error.message, ...error.lines, `hint: ${error.hint}`];
  return {
    level: "error",
    title: `vmbuild ${build}${where}: ${error.code}`,
    message: lines.join("\n"),
    place: place ?? { file: template, line: 1 },
  };
}
