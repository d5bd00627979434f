/** Describes an event in one line of plain text, for syslog, chats and the like. */
import type { RunEvent } from "../types.js";
import { linesOf } from "./plain.js";
import { createStyle } from "./style.js";
import { cleanText } from "./text.js";

const PLAIN = createStyle(false);

/** Returns the text of an event, without control characters; its type where it has no text. */
export function eventText(event: RunEvent): string {
  if (event.type === "output" || event.type === "output.state") return cleanText(event.line);
  if (event.type === "progress") {
    const { label, done, total, unit } = event;
    const of = total === null ? "" : ` of ${total}`;
    return cleanText(`${label}: ${done}${of} ${unit}`);
  }
  return linesOf(event, PLAIN)[0]?.trim() ?? event.type;
}
