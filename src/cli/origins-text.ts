/** Formats the origins of a template's values as text. */
import type { Style } from "../events/sinks/style.js";
import { cleanText, cutText } from "../events/sinks/text.js";
import type { OriginInspection, ValueOrigin } from "../inspect/origins.js";
import { shortPath } from "./short-path.js";
import { alignRows } from "./table.js";

/** Number of columns up to which a value is shown. */
const MAX_VALUE = 40;

function originText({ origin }: ValueOrigin): string {
  return "option" in origin ? origin.option : `${shortPath(origin.file)}:${origin.line}`;
}

/** Returns all lines, without a final newline. */
export function renderOrigins(
  { name, version, files, values }: OriginInspection,
  style: Style,
): string[] {
  const rows = values.map((one) => [
    cleanText(one.path),
    style.dim(
      one.value === undefined ? "" : cutText(cleanText(JSON.stringify(one.value)), MAX_VALUE),
    ),
    cleanText(originText(one)),
  ]);
  const [own = "", ...parents] = files.map(shortPath);
  return [
    `${style.bold(cleanText(name))} ${cleanText(version)}  ${style.dim(cleanText(own))}`,
    ...parents.map((parent) => `  extends ${cleanText(parent)}`),
    "",
    ...alignRows(rows),
  ];
}
