/** Output in Packer's forms: text, colored text, text with times, and machine-readable lines. */
import type { Secrets } from "../../events/secrets.js";
import { stripVTControlCharacters } from "node:util";
import type { Log } from "./log.js";
import { formatMachineLine } from "./machine-lines.js";

/** Kinds of messages: headings, lines of output, and errors. */
export type MessageKind = "say" | "message" | "error";

/** Output of a command. */
export interface Ui {
  readonly isMachineReadable: boolean;
  /** Prints a text, which may have several lines. */
  print(kind: MessageKind, text: string): void;
  /** Prints a machine-readable line; nothing in the other modes. */
  machine(type: string, data: readonly string[], target?: string): void;
}

/** What an output is made with. */
export interface UiOptions {
  readonly write: (text: string) => void;
  readonly isMachineReadable: boolean;
  /** Masked in everything that is printed. */
  readonly secrets: Secrets;
  readonly log: Log;
  readonly now?: () => Date;
}

/** Creates the output of a command. */
export function createUi(options: UiOptions): Ui {
  const { write, isMachineReadable, secrets, log, now = () => new Date() } = options;
  const machine = (type: string, data: readonly string[], target = ""): void => {
    const line = { target, type, data: data.map((text) => secrets.mask(text)) };
    const text = formatMachineLine(line, now());
    log.add(text);
    if (isMachineReadable) write(`${text}\n`);
  };
  return {
    isMachineReadable,
    machine,
    print(kind, text) {
      if (isMachineReadable) return machine("ui", [kind, text]);
      const masked = secrets.mask(text);
      log.addShown(`${kind === "error" ? "ui error" : "ui"}: ${stripVTControlCharacters(masked)}`);
      write(`${masked}\n`);
    },
  };
}

/** Numbers of the colors of builds, in the order of the builds: green, cyan, magenta, yellow, blue. */
const BUILD_COLORS = [32, 36, 35, 33, 34];
const RED = 31;

/** Returns the color of the build at an index. */
export function buildColor(index: number): number {
  return BUILD_COLORS[index % BUILD_COLORS.length] ?? RED;
}

/** Colors all text: headings are bold, errors are red. */
export function colored(ui: Ui, color: number): Ui {
  return {
    ...ui,
    print(kind, text) {
      const weight = kind === "message" ? 0 : 1;
      ui.print(kind, `\u001b[${weight};${kind === "error" ? RED : color}m${text}\u001b[0m`);
    },
  };
}

/** Puts the time before each text, in RFC 3339 and local time. */
export function timestamped(ui: Ui, now: () => Date = () => new Date()): Ui {
  return { ...ui, print: (kind, text) => ui.print(kind, `${rfc3339Local(now())}: ${text}`) };
}

function rfc3339Local(now: Date): string {
  const offset = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + offset * 60_000).toISOString().slice(0, 19);
  if (offset === 0) return `${local}Z`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const size = Math.abs(offset);
  return `${local}${offset < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
}

/** Puts the name of a build before each line: `==> NAME: ` or, for output, four spaces. */
export function targeted(ui: Ui, target: string): Ui {
  return {
    ...ui,
    print(kind, text) {
      const arrow = kind === "message" ? "   " : "==>";
      const lines = text.split("\n").map((line) => `${arrow} ${target}: ${line}`);
      ui.print(kind, lines.join("\n").trimEnd());
    },
  };
}
