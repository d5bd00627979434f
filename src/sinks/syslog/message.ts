/** Formats events as messages of syslog (RFC 5424). */
import { hostname } from "node:os";
import { eventText } from "../../events/sinks/event-text.js";
import type { SentEvent } from "../kind.js";

/** Facilities of RFC 5424, section 6.2.1, by their usual names; the index is the number. */
export const FACILITIES = [
  ...["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"],
  ...["authpriv", "ftp", "ntp", "audit", "alert", "clock"],
  ...["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
] as const;

/** Severities of RFC 5424, table 2. */
const SEVERITY = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 } as const;

/** Severities of the events that are not of ordinary interest. */
const SEVERITIES: Partial<Record<SentEvent["type"], number>> = {
  "run.failed": SEVERITY.error,
  "step.failed": SEVERITY.error,
  warning: SEVERITY.warning,
  "step.retried": SEVERITY.warning,
  paused: SEVERITY.warning,
  "run.started": SEVERITY.notice,
  "run.finished": SEVERITY.notice,
  progress: SEVERITY.debug,
};

/** Id of the structured data. 32473 is the enterprise number for examples (RFC 5612). */
const DATA_ID = "vmbuild@32473";

/** Settings of the messages. */
export interface MessageSettings {
  readonly facility: number;
  /** Name of the application in each message. */
  readonly tag: string;
  /** Longest message. Bytes. */
  readonly limit: number;
}

/** Returns the priority of an event: facility and severity. */
export function priorityOf({ type }: SentEvent, facility: number): number {
  return facility * 8 + (SEVERITIES[type] ?? SEVERITY.info);
}

/** Returns the text of an event, with the name of the build. */
export function messageText(event: SentEvent): string {
  return `${event.build}: ${eventText(event)}`;
}

/** Returns printable ASCII for a field of the header, or the nil value. */
function headerField(text: string, length: number): string {
  return text.replace(/[^!-~]/g, "").slice(0, length) || "-";
}

function dataOf(event: SentEvent): string {
  const { build, runId, seq } = event;
  const step = "step" in event && event.step !== undefined ? { step: event.step } : {};
  const parameters = Object.entries({ build, run: runId, seq, ...step }).map(
    ([name, value]) => `${name}="${String(value).replace(/["\\\]]/g, "\\$&")}"`,
  );
  return `[${DATA_ID} ${parameters.join(" ")}]`;
}

/** Cuts bytes so that no character is split. */
function cut(text: string, limit: number): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return bytes;
  let end = limit;
  // Continuation bytes of UTF-8 are 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** Formats an event as one message. */
export function syslogMessage(event: SentEvent, { facility, tag, limit }: MessageSettings): Buffer {
  const header = [
    `<${priorityOf(event, facility)}>1`,
    event.time,
    headerField(hostname(), 255),
    headerField(tag, 48),
    String(process.pid),
    headerField(event.type, 32),
    dataOf(event),
  ];
  return cut(`${header.join(" ")} ${messageText(event)}`, limit);
}
