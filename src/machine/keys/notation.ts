/**
 * Parses keys in Packer's boot_command notation: characters, `<enter>`, `<leftCtrlOn>`, `<cOff>`,
 * `<wait10s>` (packer-plugin-sdk, bootcommand/boot_command.pigeon).
 */
import { SPECIAL_KEY_NAMES, specialKey } from "./special.js";
import { similarName } from "./suggest.js";
import { keyOfCharacter } from "./us-layout.js";

/** Key that is pressed and released, held down, or released; or a pause. */
export type KeyEvent =
  | {
      readonly kind: "key";
      readonly action: "press" | "down" | "up";
      /** QEMU's name of the key. */
      readonly qcode: string;
      /** True when Shift is part of it. */
      readonly shift: boolean;
      /** Name in the notation, for messages: `leftCtrl`, or a character. */
      readonly name: string;
    }
  | {
      readonly kind: "wait";
      /** Milliseconds. */
      readonly ms: number;
    };

/** Part of the notation that cannot be typed. */
export interface KeyProblem {
  /** Index of the text in the list. */
  readonly text: number;
  /** Position in the text, in characters from 1. */
  readonly column: number;
  readonly message: string;
}

/** Result of {@link parseKeys}. The events are incomplete when there are problems. */
export interface ParsedKeys {
  readonly events: readonly KeyEvent[];
  readonly problems: readonly KeyProblem[];
}

/** Options of {@link parseKeys}. */
export interface ParseOptions {
  /**
   * Meaning of an unknown `<name>`: a problem, or the characters themselves as in Packer. Default:
   * `problem`.
   */
  readonly unknown?: "problem" | "characters";
}

type Parsed = { readonly event: KeyEvent } | { readonly problem: string };

/** Part of the notation: its pattern at the current position, and its meaning. */
interface Rule {
  readonly pattern: RegExp;
  readonly parse: (groups: readonly (string | undefined)[], source: string) => Parsed | undefined;
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const LONGEST_WAIT_MS = 24 * 3_600_000;

/** Returns milliseconds for `10` (seconds) or `1m30s`. */
function waitTime(text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const parts = text.matchAll(/(-?[\d.]+)(ns|us|µs|ms|s|m|h)/g);
  return [...parts].reduce(
    (sum, [, amount, unit = ""]) => sum + Number(amount) * (DURATION_UNITS[unit] ?? 0),
    0,
  );
}

function parseWait(text: string | undefined, source: string): Parsed {
  const ms = waitTime(text ?? "1");
  if (ms <= 0 || text?.includes("-")) return { problem: `${source} must wait longer than 0` };
  if (ms > LONGEST_WAIT_MS) return { problem: `${source} waits longer than a day` };
  return { event: { kind: "wait", ms } };
}

function characterEvent(character: string, action: "press" | "down" | "up"): Parsed {
  const key = keyOfCharacter(character);
  if (key) return { event: { kind: "key", action, ...key, name: character } };
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const shown = /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character) ? `"${character}" ` : "";
  return { problem: `The character ${shown}(U+${code}) cannot be typed on a US keyboard` };
}

function actionOf(suffix: string | undefined): "press" | "down" | "up" {
  if (suffix === undefined) return "press";
  return suffix.toLowerCase() === "on" ? "down" : "up";
}

/** Parses `leftOption` before `leftOpti` with `on`, as the grammar does. */
function parseSpecial(name: string): Parsed | undefined {
  const whole = specialKey(name);
  if (whole) return { event: { kind: "key", action: "press", shift: false, ...whole } };
  const [, stem = "", suffix] = /^(.+)(on|off)$/i.exec(name) ?? [];
  const key = specialKey(stem);
  return key && { event: { kind: "key", action: actionOf(suffix), shift: false, ...key } };
}

function parseUnknown(name: string, source: string): Parsed {
  const instead = `To type the characters themselves, write two strings: "<", "${source.slice(1)}"`;
  if (/^wait/i.test(name)) {
    const example = 'use for example "<wait>", "<wait10>" or "<wait1m30s>"';
    return { problem: `${source} is not a valid wait; ${example}. ${instead}` };
  }
  const [, stem = name, suffix = ""] = /^(.{2,}?)(on|off)$/i.exec(name) ?? [];
  const similar = similarName(name, SPECIAL_KEY_NAMES) ?? similarName(stem, SPECIAL_KEY_NAMES);
  const full = similar === undefined ? undefined : `<${similar}${stem === name ? "" : suffix}>`;
  const advice = full === undefined ? "." : `; did you mean "${full}"?`;
  return { problem: `${source} is not a key${advice} ${instead}` };
}

/** Rules in the order of the grammar: the first one that applies counts. */
const RULES: readonly Rule[] = [
  {
    pattern: /<wait((?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+|0|[1-9]\d*)?>/y,
    parse: ([, time], source) => parseWait(time, source),
  },
  {
    pattern: /<(.)(on|off)>/isuy,
    parse: ([, character = "", suffix]) => characterEvent(character, actionOf(suffix)),
  },
  {
    pattern: /<([a-z][a-z0-9]*)>/iy,
    parse: ([, name = ""]) => parseSpecial(name),
  },
];
const UNKNOWN: Rule = {
  pattern: /<([a-z0-9][a-z0-9_+-]*|wait[^<>]*)>/iy,
  parse: ([, name = ""], source) => parseUnknown(name, source),
};
const CHARACTER: Rule = {
  pattern: /./suy,
  parse: ([character = ""]) => characterEvent(character, "press"),
};

/** Parses one text, and calls back for each part. */
function parseText(
  text: string,
  rules: readonly Rule[],
  onPart: (parsed: Parsed, column: number) => void,
): void {
  let at = 0;
  while (at < text.length) {
    for (const { pattern, parse } of rules) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      const parsed = match && parse(match, match[0]);
      if (!match || !parsed) continue;
      onPart(parsed, Array.from(text.slice(0, at)).length + 1);
      at += match[0].length;
      break;
    }
  }
}

/**
 * Parses texts that are typed one after the other. Each is parsed on its own, so a `<` at the end
 * of one does not begin a name that the next completes; a key that one text holds down stays down
 * in the next. Pure.
 */
export function parseKeys(texts: readonly string[], options: ParseOptions = {}): ParsedKeys {
  const rules =
    options.unknown === "characters" ? [...RULES, CHARACTER] : [...RULES, UNKNOWN, CHARACTER];
  const events: KeyEvent[] = [];
  const problems: KeyProblem[] = [];
  for (const [index, text] of texts.entries()) {
    parseText(text, rules, (parsed, column) => {
      if ("event" in parsed) events.push(parsed.event);
      else problems.push({ text: index, column, message: parsed.problem });
    });
  }
  return { events, problems };
}
