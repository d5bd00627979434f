/**
 * Parses the flags of Packer's commands as Go's package flag does: `-name`, `--name`, `-name=value`
 * and `-name value` before the arguments, which begin with the first word that is no flag.
 */

/** How the values of a flag are read. */
export type FlagKind =
  | { readonly kind: "switch"; readonly default: boolean }
  | { readonly kind: "count" }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  /** `NAME=VALUE`, repeatable. */
  | { readonly kind: "pair" }
  /** Repeatable. */
  | { readonly kind: "text" }
  /** Separated by commas, repeatable. */
  | { readonly kind: "list" };

/** Flag of a command. */
export type Flag = FlagKind & {
  readonly name: string;
  /** Flag as the help shows it, such as `-var 'key=value'`. */
  readonly term: string;
  readonly help: string;
};

/** Result of parsing: the values by name, and the arguments after them. */
export interface ParsedFlags {
  readonly values: FlagValues;
  readonly rest: readonly string[];
  /** `-h`, `-help` or `--help` was given. */
  readonly help: boolean;
}

/** Thrown for a command line that a command does not accept. The message is Go's. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];

/** Values of flags; each flag has a text for every time it was given. */
export class FlagValues {
  readonly #given = new Map<string, string[]>();
  readonly #flags: readonly Flag[];

  constructor(flags: readonly Flag[]) {
    this.#flags = flags;
  }

  /**
   * Adds a value.
   * @throws {FlagError} for a value that the flag does not accept.
   */
  add(flag: Flag, value: string): void {
    checkValue(flag, value);
    this.#given.set(flag.name, [...(this.#given.get(flag.name) ?? []), value]);
  }

  /** Returns the last value of a switch, or its default. */
  isSet(name: string): boolean {
    const last = this.text(name);
    if (last !== undefined) return TRUE.includes(last);
    return this.#flags.some((flag) => flag.name === name && "default" in flag && flag.default);
  }

  /** Returns the last value of a flag. */
  text(name: string): string | undefined {
    return this.#given.get(name)?.at(-1);
  }

  /** Returns all values of a repeatable flag. */
  texts(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  /** Returns the values of a flag whose values are separated by commas. */
  list(name: string): readonly string[] {
    return this.texts(name).flatMap((text) => text.split(","));
  }

  /** Returns the pairs of a flag such as `-var`. */
  pairs(name: string): readonly (readonly [string, string])[] {
    return this.texts(name).map((text) => {
      const at = text.indexOf("=");
      return [text.slice(0, at), text.slice(at + 1)] as const;
    });
  }
}

function invalid(flag: Flag, value: string, reason: string): FlagError {
  const shown = JSON.stringify(value);
  return new FlagError(
    flag.kind === "switch"
      ? `invalid boolean value ${shown} for -${flag.name}: ${reason}`
      : `invalid value ${shown} for flag -${flag.name}: ${reason}`,
  );
}

function checkValue(flag: Flag, value: string): void {
  if (flag.kind === "switch" && !TRUE.includes(value) && !FALSE.includes(value)) {
    throw invalid(flag, value, "parse error");
  }
  if (flag.kind === "count" && !/^[+-]?\d+$/.test(value)) throw invalid(flag, value, "parse error");
  if (flag.kind === "pair" && !value.includes("=")) {
    throw invalid(flag, value, `No '=' value in arg: ${value}`);
  }
  if (flag.kind === "choice" && !flag.choices.includes(value)) {
    const choices = flag.choices.map((choice) => JSON.stringify(choice)).join(" ");
    throw invalid(flag, value, `expected one of [${choices}]`);
  }
}

/**
 * Parses a command line.
 * @throws {FlagError} for unknown flags and wrong values.
 */
export function parseFlags(flags: readonly Flag[], args: readonly string[]): ParsedFlags {
  const values = new FlagValues(flags);
  let at = 0;
  for (; at < args.length; at += 1) {
    const word = args[at] ?? "";
    if (word === "--") {
      at += 1;
      break;
    }
    if (!word.startsWith("-") || word === "-") break;
    const { name, inline } = splitFlag(word);
    const flag = flags.find((one) => one.name === name);
    if (!flag) {
      if (name === "h" || name === "help") return { values, rest: [], help: true };
      throw new FlagError(`flag provided but not defined: -${name}`);
    }
    if (inline === undefined && flag.kind !== "switch") at += 1;
    values.add(flag, inline ?? valueAfter(flag, args[at]));
  }
  return { values, rest: args.slice(at), help: false };
}

/** Value of a flag without `=`: `true` for a switch, else the next word. */
function valueAfter(flag: Flag, next: string | undefined): string {
  if (flag.kind === "switch") return "true";
  if (next === undefined) throw new FlagError(`flag needs an argument: -${flag.name}`);
  return next;
}

function splitFlag(word: string): { name: string; inline: string | undefined } {
  const text = word.replace(/^--?/, "");
  const equals = text.indexOf("=");
  if (text === "" || text.startsWith("-") || equals === 0) {
    throw new FlagError(`bad flag syntax: ${word}`);
  }
  if (equals === -1) return { name: text, inline: undefined };
  return { name: text.slice(0, equals), inline: text.slice(equals + 1) };
}
