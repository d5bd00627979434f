/** Formats the differences of two images as text, and as Markdown for release notes. */
import { formatBytes, formatSizes } from "../host/format.js";
import type { ChangedSize, ChangedValue, Difference, PackageDifference } from "./compare.js";

/** Section of the report: a title, and rows of cells. */
interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NONE = "-";

function packageSections(packages: PackageDifference): Section[] {
  const { added, removed, changed } = packages;
  const listed = (list: PackageDifference["added"]) =>
    list.map(({ name, version, arch }) => [name, version, arch]);
  const ofDirection = (wanted: string) =>
    changed
      .filter(({ direction }) => direction === wanted)
      .map(({ name, from, to, arch }) => [name, from, to, arch]);
  const single = ["Package", "Version", "Architecture"];
  const double = ["Package", "From", "To", "Architecture"];
  return [
    { title: "Packages upgraded", head: double, rows: ofDirection("upgraded") },
    { title: "Packages downgraded", head: double, rows: ofDirection("downgraded") },
    { title: "Packages added", head: single, rows: listed(added) },
    { title: "Packages removed", head: single, rows: listed(removed) },
  ];
}

function sizeRow({ what, from, to }: ChangedSize): string[] {
  if (from === undefined || to === undefined) {
    const text = (size: number | undefined): string =>
      size === undefined ? NONE : formatBytes(size);
    return [what, text(from), text(to), ""];
  }
  const [before, after] = formatSizes(from, to);
  return [what, before, after, `${to > from ? "+" : "-"}${formatBytes(Math.abs(to - from))}`];
}

/** Shortens a digest or a commit, of which the whole is in the manifest. */
function short(value: string | undefined): string {
  return value === undefined ? NONE : value.replaceAll(/\b([0-9a-f]{12})[0-9a-f]{20,}\b/g, "$1…");
}

function stepRows({ steps }: Difference): string[][] {
  if (!steps) return [];
  const { added, removed, reordered } = steps;
  return [
    ...added.map((name) => ["added", name]),
    ...removed.map((name) => ["removed", name]),
    ...(reordered ? [["order", "common steps ran in another order"]] : []),
  ];
}

/** Returns the sections that have rows. */
function sectionsOf(difference: Difference): Section[] {
  const { packages, sizes = [], values = [] } = difference;
  const valueRow = ({ what, from, to }: ChangedValue): string[] => [what, short(from), short(to)];
  const sections: Section[] = [
    { title: "Made from", head: ["What", "From", "To"], rows: values.map(valueRow) },
    { title: "Sizes", head: ["What", "From", "To", "Change"], rows: sizes.map(sizeRow) },
    { title: "Steps", head: ["Change", "Step"], rows: stepRows(difference) },
    ...(packages ? packageSections(packages) : []),
  ];
  return sections.filter(({ rows }) => rows.length > 0);
}

/** Returns what could not be compared, and how much is equal. */
function notes({ packages, values }: Difference): string[] {
  const lines: string[] = [];
  if (!values) lines.push("The manifests were not compared: one side has none.");
  if (packages) lines.push(`${packages.unchanged} packages are unchanged.`);
  else lines.push("The packages were not compared: one side has no packages.txt.");
  return lines;
}

/**
 * Formats the differences as text.
 * @param align lays out rows in columns.
 */
export function renderText(
  difference: Difference,
  align: (rows: readonly (readonly string[])[]) => string[],
): string {
  const sections = sectionsOf(difference).map(({ title, rows }) =>
    [`${title} (${rows.length}):`, ...align(rows).map((line) => `  ${line}`)].join("\n"),
  );
  const equal = sections.length === 0 ? ["No differences were found."] : sections;
  return [...equal, notes(difference).join("\n")].join("\n\n");
}

/** Escapes what has a meaning in a table of Markdown. */
function cell(text: string): string {
  return text.replaceAll(/[|\\`*_<>[\]]/g, String.raw`\$&`).replaceAll(/\s+/g, " ");
}

function table({ head, rows }: Section): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${head.map((_, index) => cell(cells[index] ?? "")).join(" | ")} |`;
  return [line(head), `| ${head.map(() => "---").join(" | ")} |`, ...rows.map(line)];
}

/** Formats the differences as Markdown. */
export function renderMarkdown(difference: Difference): string {
  const sections = sectionsOf(difference).map((section) =>
    [`### ${section.title} (${section.rows.length})`, "", ...table(section)].join("\n"),
  );
  const equal = sections.length === 0 ? ["No differences were found."] : sections;
  const title = `## Changes from ${cell(difference.from)} to ${cell(difference.to)}`;
  return [title, ...equal, notes(difference).join(" ")].join("\n\n");
}
