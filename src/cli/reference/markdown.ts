/** Small pieces of Markdown. */
import { displayWidth } from "../../events/sinks/text.js";

/** Stands at the top of each page that is made from code. */
export const GENERATED = "<!-- Made by `npm run generate` from the code; do not edit. -->";

/** Text as code. */
export function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** Text that may stand in a table's cell: as it is, with what Markdown would obey escaped. */
export function cell(text: string): string {
  return text
    .replaceAll("|", String.raw`\|`)
    .replaceAll("<", String.raw`\<`)
    .replaceAll("\n", " ");
}

/** A table in the form that prettier gives it, so that the formatter has nothing to change. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, index) =>
    Math.max(3, ...all.map((row) => displayWidth(row[index] ?? ""))),
  );
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, index) => pad(row[index] ?? "", width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

function pad(text: string, width: number): string {
  return text + " ".repeat(width - displayWidth(text));
}
