/** Dates as Go reads and writes them: RFC 3339, layouts such as "2006-01-02", and strftime. */

/** Moment with the offset in which it was written. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Minutes east of UTC. */
  readonly offset: number;
}

export const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;
export const WEEKDAYS = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
] as const;

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;
const DAY = 86_400_000;

/** Reads an RFC 3339 time; undefined for anything else. */
export function parseRfc3339(text: string): Moment | undefined {
  const match = RFC3339.exec(text);
  if (!match) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second,
    fraction = "0",
    sign,
    hours = "0",
    minutes = "0",
  ] = match;
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const fields = [year, month, day, hour, minute, second].map(Number);
  const [y = 0, mo = 1, d = 1, h = 0, mi = 0, s = 0] = fields;
  const date = new Date(0);
  date.setUTCFullYear(y, mo - 1, d);
  date.setUTCHours(h, mi, s);
  if (date.getUTCMonth() !== mo - 1 || date.getUTCDate() !== d) return undefined;
  if (h > 23 || mi > 59 || s > 59 || Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const milliseconds = Math.floor(Number(`0.${fraction}`) * 1000);
  return { time: date.getTime() + milliseconds - offset * 60_000, offset };
}

/** Fields of a moment in its own offset. */
export function fieldsOf({ time, offset }: Moment) {
  const date = new Date(time + offset * 60_000);
  const year = date.getUTCFullYear();
  const startOfYear = new Date(0).setUTCFullYear(year, 0, 1);
  const yearDay = Math.floor((date.getTime() - startOfYear) / DAY) + 1;
  return {
    year,
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    yearDay,
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    millisecond: date.getUTCMilliseconds(),
  };
}

/** Year and week of ISO 8601. */
export function isoWeek({ time, offset }: Moment): { year: number; week: number } {
  const day = Math.floor((time + offset * 60_000) / DAY);
  const weekday = (((day + 3) % 7) + 7) % 7;
  const thursday = new Date((day - weekday + 3) * DAY);
  const year = thursday.getUTCFullYear();
  const first = new Date(0).setUTCFullYear(year, 0, 1);
  return { year, week: Math.floor((thursday.getTime() - first) / (7 * DAY)) + 1 };
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Offset as `+02:00`, with the given separator. */
export function offsetText(offset: number, separator: string): string {
  const size = Math.abs(offset);
  return `${offset < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`;
}

/** Writes RFC 3339 without fractions of a second. */
export function rfc3339(moment: Moment): string {
  const { year, month, day, hour, minute, second } = fieldsOf(moment);
  const zone = moment.offset === 0 ? "Z" : offsetText(moment.offset, ":");
  const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
  return `${date}T${two(hour)}:${two(minute)}:${two(second)}${zone}`;
}

/** Parts of Go's layouts, in the order in which Go recognizes them. */
const LAYOUT =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|002|01|02|03|04|05|06|15|-07:00|-0700|-07|Z07:00|Z0700|PM|pm|[.,](?:0+|9+)(?!\d)|[12345]/g;

/** Formats a moment by a layout of Go, such as "2006-01-02 15:04". */
export function formatGoLayout(layout: string, moment: Moment): string {
  const f = fieldsOf(moment);
  const hour12 = f.hour % 12 || 12;
  const month = MONTHS[f.month - 1] ?? "";
  const weekday = WEEKDAYS[f.weekday] ?? "";
  const parts: Readonly<Record<string, string>> = {
    January: month,
    Jan: month.slice(0, 3),
    Monday: weekday,
    Mon: weekday.slice(0, 3),
    MST: moment.offset === 0 ? "UTC" : offsetText(moment.offset, ""),
    "2006": String(f.year).padStart(4, "0"),
    "06": two(f.year % 100),
    "01": two(f.month),
    "1": String(f.month),
    "02": two(f.day),
    _2: String(f.day).padStart(2),
    "2": String(f.day),
    "002": String(f.yearDay).padStart(3, "0"),
    __2: String(f.yearDay).padStart(3),
    "15": two(f.hour),
    "03": two(hour12),
    "3": String(hour12),
    "04": two(f.minute),
    "4": String(f.minute),
    "05": two(f.second),
    "5": String(f.second),
    PM: f.hour < 12 ? "AM" : "PM",
    pm: f.hour < 12 ? "am" : "pm",
    "-07:00": offsetText(moment.offset, ":"),
    "-0700": offsetText(moment.offset, ""),
    "-07": offsetText(moment.offset, "").slice(0, 3),
    "Z07:00": moment.offset === 0 ? "Z" : offsetText(moment.offset, ":"),
    Z0700: moment.offset === 0 ? "Z" : offsetText(moment.offset, ""),
  };
  return layout.replaceAll(LAYOUT, (token) => parts[token] ?? fraction(token, f.millisecond));
}

/** `.000` writes all digits, `.999` leaves out zeros at the end. */
function fraction(token: string, millisecond: number): string {
  const digits = String(millisecond)
    .padStart(3, "0")
    .padEnd(9, "0")
    .slice(0, token.length - 1);
  if (token[1] === "0") return token.charAt(0) + digits;
  const short = digits.replace(/0+$/, "");
  return short === "" ? "" : token.charAt(0) + short;
}

/** Formats a moment by the verbs of strftime. */
export function formatStrftime(pattern: string, moment: Moment): string {
  const layouts: Readonly<Record<string, string>> = {
    a: "Mon",
    A: "Monday",
    b: "Jan",
    B: "January",
    c: "Mon Jan _2 15:04:05 2006",
    d: "02",
    D: "01/02/06",
    e: "_2",
    F: "2006-01-02",
    h: "Jan",
    H: "15",
    I: "03",
    j: "002",
    m: "01",
    M: "04",
    p: "PM",
    R: "15:04",
    S: "05",
    T: "15:04:05",
    x: "01/02/06",
    X: "15:04:05",
    y: "06",
    Y: "2006",
    z: "-0700",
    Z: "MST",
  };
  return pattern.replaceAll(/%(.)/gs, (raw, verb: string) => {
    if (verb === "%") return "%";
    if (verb === "s") return String(Math.floor(moment.time / 1000));
    if (verb === "f" || verb === "L") return String(fieldsOf(moment).millisecond).padStart(3, "0");
    const layout = Object.hasOwn(layouts, verb) ? layouts[verb] : undefined;
    return layout === undefined ? raw : formatGoLayout(layout, moment);
  });
}
