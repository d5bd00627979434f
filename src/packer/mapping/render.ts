/** Writes a converted template as JSON with comments. */
import { relative } from "node:path";
import type { JsonPath } from "../../template/document.js";
import type { Conversion } from "./convert.js";
import type { Origin } from "./json.js";
import type { Plain } from "./plain.js";
import type { ReportEntry } from "./report.js";

/** Longest line on which a list or an object without comments is written. */
const WIDTH = 100;

interface Context {
  readonly originOf: (path: JsonPath) => Origin | undefined;
  readonly placeOf: (origin: Origin) => string;
}

/** Returns whether a part inside a value has a comment of its own. */
function hasComments(value: Plain, path: JsonPath, context: Context): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, item]) => {
    const inner = [...path, Array.isArray(value) ? Number(key) : key];
    return context.originOf(inner) !== undefined || hasComments(item, inner, context);
  });
}

function renderValue(value: Plain, path: JsonPath, indent: string, context: Context): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const flat = spaced(value);
  if (!hasComments(value, path, context) && indent.length + flat.length <= WIDTH) return flat;
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const lines = entries.flatMap(([key, item], index) => {
    const at = [...path, isList ? Number(key) : key];
    const origin = context.originOf(at);
    const comment = origin ? [`${inner}// ${context.placeOf(origin)}`] : [];
    const name = isList ? "" : `${JSON.stringify(key)}: `;
    const comma = index === entries.length - 1 ? "" : ",";
    return [...comment, `${inner}${name}${renderValue(item, at, inner, context)}${comma}`];
  });
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  return `${open}\n${lines.join("\n")}\n${indent}${close}`;
}

/** Formats a value on one line, with spaces as people write them. */
function spaced(value: Plain): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  const entries = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${spaced(item)}`,
  );
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

function listed(
  title: string,
  entries: readonly ReportEntry[],
  shown: (file: string) => string,
): string[] {
  if (entries.length === 0) return [];
  return [
    "//",
    `// ${title}:`,
    ...entries.map(({ place, subject, text }) =>
      `// - ${subject} (${shown(place.file)}:${place.line}): ${text}`.replaceAll(/\s*\n\s*/g, " "),
    ),
  ];
}

/** Settings of {@link renderTemplate}. */
export interface RenderOptions {
  /** Folder that file names in comments are relative to; absolute. */
  readonly folder: string;
  /** Further entries for the list of work that is left. */
  readonly left?: readonly ReportEntry[];
}

/** Renders a template with comments: what its parts came from, what vanished, and what is left. */
export function renderTemplate(
  conversion: Conversion,
  { folder, left = [] }: RenderOptions,
): string {
  const { report, draft, id, template } = conversion;
  const shown = (file: string): string => (file.startsWith("/") ? relative(folder, file) : file);
  const of = (outcome: ReportEntry["outcome"]): ReportEntry[] =>
    report.filter((entry) => entry.outcome === outcome);
  const context: Context = {
    originOf: (path) => draft.originOf(path),
    placeOf: ({ what, place }) => `${what} (${shown(place.file)}:${place.line})`,
  };
  const lines = [
    `// Made by \`vmbuild import\` from ${id} of a Packer template.`,
    ...listed("Left to do by hand", [...of("refused"), ...left], shown),
    ...listed("Not needed here", of("nothing"), shown),
    ...listed(
      "Evaluated, because vmbuild has no such expression",
      of("mapped").filter(({ text }) => text.includes("(evaluated")),
      shown,
    ),
  ];
  return `${lines.join("\n")}\n${renderValue(template, [], "", context)}\n`;
}
