/** Reads `--sink`: a receiver of the events of a run, in place of one in the template. */
import { VmbuildError } from "../errors.js";
import { SINK_KINDS } from "../sinks/registry.js";
import type { Override } from "../template/overrides.js";

const HINT =
  'Use for example --sink webhook=https://hub.example.org/events, --sink file=events.ndjson, --sink syslog=udp://127.0.0.1, --sink github, or --sink \'hub={"webhook":"https://…"}\'.';

function invalid(text: string, problem: string): VmbuildError {
  return new VmbuildError("USAGE", `--sink ${text}: ${problem}`, { hint: HINT });
}

/** Splits at the first `=`; a JSON object and a name alone have none. */
function splitName(text: string): { name: string; rest: string | undefined } {
  const match = /^([^={]+)=(.*)$/s.exec(text);
  return { name: match?.[1] ?? text, rest: match?.[2] };
}

function parseObject(text: string, whole: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // The message below describes what is expected.
  }
  throw invalid(whole, "is not a JSON object");
}

/** Parses `KIND`, `KIND=TARGET` or a JSON object; undefined where it begins with another name. */
function parseSettings(text: string, whole: string) {
  if (text.startsWith("{")) {
    const settings = parseObject(text, whole);
    const kind = SINK_KINDS.find(({ name }) => Object.hasOwn(settings, name));
    return { name: kind?.name ?? "sink", settings };
  }
  const { name, rest } = splitName(text);
  const kind = SINK_KINDS.find((one) => one.name === name);
  if (!kind) return undefined;
  if (rest === "") throw invalid(whole, "the target is empty");
  const settings = kind.settingsOf(rest ?? "");
  if (Object.values(settings).includes("")) throw invalid(whole, "the target is missing");
  return { name, settings };
}

/**
 * Parses the value of `--sink`: `KIND[=TARGET]`, a JSON object, or either after `NAME=`.
 * @throws {VmbuildError} USAGE when it has another form.
 */
export function parseSink(text: string): Override {
  const { name, rest } = splitName(text);
  // `webhook={…}` is a sink that has the name of a kind.
  const direct = rest?.startsWith("{") === true ? undefined : parseSettings(text, text);
  const named = direct ?? (rest === undefined ? undefined : parseSettings(rest, text));
  if (!named) {
    const kinds = SINK_KINDS.map((kind) => kind.name).join(", ");
    throw invalid(text, `does not name a kind of sink; the kinds are ${kinds}`);
  }
  const key = direct ? named.name : name;
  return { path: ["sinks", key], value: named.settings, source: `--sink ${key}` };
}
