/** Renders small pieces of Markdown. */
import { displayWidth } from "../../events/sinks/text.js";

/** First line of each generated page. */
export const GENERATED = "<!-- Made by `npm run generate` from the code; do not edit. -->";

/** Formats text as code. */
export function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** Formats text for a table cell: characters that Markdown interprets are escaped. */
export function cell(text: string): string {
  return text
    .replaceAll("|", String.raw`\|`)
    .replaceAll("<", String.raw`\<`)
    .replaceAll("\n", " ");
}

/** Renders a table in the format of prettier, so that the formatter changes nothing. */
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
