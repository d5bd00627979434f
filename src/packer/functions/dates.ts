/** Functions of dates. */
import { mapOf } from "../eval/values.js";
import type { Value } from "../model.js";
import { FunctionError, number, text, textFunction, textOf } from "./function.js";
import type { FunctionHost, FunctionTable } from "./function.js";
import {
  MONTHS,
  WEEKDAYS,
  fieldsOf,
  formatGoLayout,
  formatStrftime,
  isoWeek,
  offsetText,
  parseRfc3339,
  rfc3339,
} from "./go-time.js";
import type { Moment } from "./go-time.js";

function parseMoment(value: string): Moment {
  const moment = parseRfc3339(value);
  if (moment) return moment;
  throw new FunctionError(`"${value}" is not a time such as 2006-01-02T15:04:05Z`);
}

function nowOf({ now }: FunctionHost): Moment {
  return { time: now.getTime(), offset: 0 };
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Formats by the letters of HCL's `formatdate`, such as "YYYY-MM-DD hh:mm". */
function formatDate(pattern: string, moment: Moment): string {
  return pattern.replaceAll(/''|'(?:[^']|'')*'|'|([A-Za-z])\1*/g, (token) => {
    if (token === "''") return "'";
    if (token === "'") throw new FunctionError("a quote in the format is not closed");
    if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
    const result = dateParts(moment)[token];
    if (result !== undefined) return result;
    throw new FunctionError(`"${token}" is not a part of a date format`);
  });
}

function dateParts(moment: Moment): Readonly<Record<string, string>> {
  const { year, month, day, weekday, hour, minute, second } = fieldsOf(moment);
  const hour12 = hour % 12 || 12;
  const zone = offsetText(moment.offset, "");
  return {
    YY: two(year % 100),
    YYYY: String(year).padStart(4, "0"),
    M: String(month),
    MM: two(month),
    MMM: (MONTHS[month - 1] ?? "").slice(0, 3),
    MMMM: MONTHS[month - 1] ?? "",
    D: String(day),
    DD: two(day),
    EEE: (WEEKDAYS[weekday] ?? "").slice(0, 3),
    EEEE: WEEKDAYS[weekday] ?? "",
    h: String(hour),
    hh: two(hour),
    H: String(hour12),
    HH: two(hour12),
    AA: hour < 12 ? "AM" : "PM",
    aa: hour < 12 ? "am" : "pm",
    m: String(minute),
    mm: two(minute),
    s: String(second),
    ss: two(second),
    Z: moment.offset === 0 ? "Z" : offsetText(moment.offset, ":"),
    ZZZ: moment.offset === 0 ? "UTC" : zone,
    ZZZZ: zone,
    ZZZZZ: offsetText(moment.offset, ":"),
  };
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a duration of Go, such as `-1h30m`; undefined if the text is none. */
function parseGoDuration(value: string): number | undefined {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(value);
  if (value === "0") return 0;
  if (!match) return undefined;
  let total = 0;
  for (const [, amount, unit = ""] of (match[2] ?? "").matchAll(/([\d.]+)([a-zµμ]+)/g)) {
    total += Number(amount) * (UNITS[unit] ?? 0);
  }
  return match[1] === "-" ? -total : total;
}

function addDuration(timestamp: string, duration: string): string {
  const { time, offset } = parseMoment(timestamp);
  const milliseconds = parseGoDuration(duration);
  if (milliseconds === undefined) {
    throw new FunctionError(`"${duration}" is not a duration such as 90s or 1h30m`);
  }
  return rfc3339({ time: time + milliseconds, offset });
}

function describeMoment(moment: Moment): [string, Value][] {
  const fields = fieldsOf(moment);
  const iso = isoWeek(moment);
  return [
    ["year", fields.year],
    ["year_day", fields.yearDay],
    ["day", fields.day],
    ["month", fields.month],
    ["month_name", MONTHS[fields.month - 1] ?? ""],
    ["weekday", fields.weekday],
    ["weekday_name", WEEKDAYS[fields.weekday] ?? ""],
    ["hour", fields.hour],
    ["minute", fields.minute],
    ["second", fields.second],
    ["iso_year", iso.year],
    ["iso_week", iso.week],
  ];
}

function parseUnix(seconds: number): Value {
  if (!Number.isInteger(seconds)) throw new FunctionError("a whole number of seconds is required");
  const moment = { time: seconds * 1000, offset: 0 };
  if (Number.isNaN(new Date(moment.time).getTime())) throw new FunctionError("the time is too far");
  return mapOf([...describeMoment(moment), ["rfc3339", rfc3339(moment)]]);
}

function parseTimestamp(value: string): Value {
  const moment = parseMoment(value);
  return mapOf([...describeMoment(moment), ["unix", Math.floor(moment.time / 1000)]]);
}

/** Functions of dates by their names in Packer. */
export const DATE_FUNCTIONS: FunctionTable = {
  formatdate: textFunction(["format", "time"], (format = "", time = "") =>
    formatDate(format, parseMoment(time)),
  ),
  legacy_isotime: {
    parameters: [text("format")],
    optional: 1,
    call: ([format], host) =>
      format === undefined ? rfc3339(nowOf(host)) : formatGoLayout(textOf(format), nowOf(host)),
  },
  legacy_strftime: {
    parameters: [text("format")],
    optional: 1,
    call: ([format], host) =>
      format === undefined ? rfc3339(nowOf(host)) : formatStrftime(textOf(format), nowOf(host)),
  },
  rfc3339_parse: textFunction(["timestamp"], (value = "") => parseTimestamp(value)),
  timeadd: textFunction(["timestamp", "duration"], (timestamp = "", duration = "") =>
    addDuration(timestamp, duration),
  ),
  timestamp: { parameters: [], call: (_, host) => rfc3339(nowOf(host)) },
  unix_timestamp_parse: {
    parameters: [number("seconds")],
    call: ([seconds]) => parseUnix(Number(seconds)),
  },
};
