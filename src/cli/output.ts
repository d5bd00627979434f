/**
 * Where everything printed goes: the result to stdout, the story and errors to stderr; how it
 * looks there follows from flags, the environment and what the streams are.
 */
import type { Writable } from "node:stream";
import { reportError } from "../events/report.js";
import { renderError } from "../events/sinks/failure.js";
import type { Secrets } from "../events/secrets.js";
import { createNdjsonSink, encodeJsonLine } from "../events/sinks/ndjson.js";
import { createPlainSink } from "../events/sinks/plain.js";
import { createStyle } from "../events/sinks/style.js";
import type { Style } from "../events/sinks/style.js";
import { EVENT_VERSION } from "../events/types.js";
import type { Sink } from "../events/types.js";
import type { ColorChoice, LogFormat, OutputOptions } from "./output-options.js";

/** A stream as output needs it: `process.stdout`, or a test's own. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** What output is decided by, and goes to. */
export interface OutputHost {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The way out of a command. */
export interface Output {
  /** How events are shown on stderr. */
  readonly format: Exclude<LogFormat, "auto">;
  /** Whether stderr gets colours. */
  readonly color: boolean;
  /** Whether stdout gets colours. */
  readonly stdoutColor: boolean;
  /** Colours for what a command prints on stdout. */
  readonly stdoutStyle: Style;
  /** The width of stderr's terminal, 80 where there is none. */
  readonly columns: number;
  /** Aborts when the reader of stdout has gone (`vmbuild logs --follow | head`). */
  readonly stdoutGone: AbortSignal;
  /** Makes the sink that shows a run's events. `showBuild` for several builds at once. */
  createSink(showBuild?: boolean): Promise<Sink>;
  /** Text of the story to stderr; nothing where stderr is for programs. */
  log(text: string): void;
  /** Text of the result to stdout. */
  print(text: string): void;
  /** A result to stdout, as one line of JSON. */
  printJson(value: unknown): void;
  /** An error to stderr, with the secrets that are known masked. */
  printError(error: unknown, secrets?: Secrets): void;
}

/** Decides how to show things, and guards both streams against readers that go away. */
export function createOutput(options: OutputOptions = {}, host: OutputHost = process): Output {
  const { stdout, stderr, env } = host;
  const format = chooseFormat(options.logFormat ?? "auto", stderr, env);
  const color = chooseColor(options.color ?? "auto", stderr, env);
  const stdoutColor = chooseColor(options.color ?? "auto", stdout, env);
  const style = createStyle(color);
  const gone = new AbortController();
  // Nobody reads any more: not an error of ours, and no reason to end a build.
  stdout.on("error", () => gone.abort());
  stderr.on("error", () => {});
  makeBlocking(stderr);
  const columnsOf = (): number => Math.max(40, stderr.columns ?? 80);

  return {
    format,
    color,
    stdoutColor,
    stdoutStyle: createStyle(stdoutColor),
    get columns() {
      return columnsOf();
    },
    stdoutGone: gone.signal,
    async createSink(showBuild = false) {
      if (format === "json") return createNdjsonSink(stderr);
      if (format === "plain") return createPlainSink({ stream: stderr, color, showBuild });
      // Loaded only where it is used: it brings packages that take time to load.
      const { createTerminalSink } = await import("../events/sinks/terminal.js");
      return createTerminalSink({ stream: stderr, color, unicode: hasUnicode(env), showBuild });
    },
    log(text) {
      if (format !== "json" && text !== "") writeLine(stderr, text);
    },
    print: (text) => writeLine(stdout, text),
    printJson: (value) => writeLine(stdout, encodeJsonLine(value)),
    printError(error, secrets) {
      const plain = reportError(error);
      const report = secrets?.maskAll(plain) ?? plain;
      const time = new Date().toISOString();
      const lines =
        format === "json"
          ? [encodeJsonLine({ v: EVENT_VERSION, time, type: "error", error: report })]
          : renderError(report, style, columnsOf());
      writeLine(stderr, lines.join("\n"));
    },
  };
}

/**
 * Has writes to a pipe wait for its reader, as they do for files and terminals: without it, lines
 * pile up in memory faster than the event loop hands them on. Node has no public call for this.
 */
function makeBlocking(
  stream: OutputStream & { _handle?: { setBlocking?: (on: boolean) => unknown } },
): void {
  const handle = stream._handle; // eslint-disable-line no-underscore-dangle -- Node's name
  handle?.setBlocking?.(true);
}

function writeLine(stream: OutputStream, line: string): void {
  if (!stream.destroyed && stream.writable) stream.write(`${line}\n`);
}

function chooseFormat(
  wanted: LogFormat,
  stream: OutputStream,
  env: OutputHost["env"],
): Exclude<LogFormat, "auto"> {
  if (wanted !== "auto") return wanted;
  // CI systems may give a terminal to what is a log file in the end.
  const isCi = isSet(env["CI"]) && env["CI"] !== "false" && env["CI"] !== "0";
  return stream.isTTY === true && env["TERM"] !== "dumb" && !isCi ? "terminal" : "plain";
}

/** The flag first, then NO_COLOR (no-color.org), FORCE_COLOR (force-color.org), the stream. */
function chooseColor(choice: ColorChoice, stream: OutputStream, env: OutputHost["env"]): boolean {
  if (choice !== "auto") return choice === "always";
  if (isSet(env["NO_COLOR"])) return false;
  if (isSet(env["FORCE_COLOR"]))
    return env["FORCE_COLOR"] !== "0" && env["FORCE_COLOR"] !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

/** The locale's character set, by the precedence of POSIX (XBD 8.2). */
function hasUnicode(env: OutputHost["env"]): boolean {
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find(isSet);
  if (env["TERM"] === "linux") return false;
  return locale === undefined || /utf-?8/i.test(locale);
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
