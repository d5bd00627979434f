/**
 * Decides where and how everything is printed: results to stdout, progress and errors to stderr, in
 * a style that depends on flags, the environment and the streams.
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

/** Stream for output: `process.stdout`, or that of a test. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Streams and environment of the output. */
export interface OutputHost {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Output of a command. */
export interface Output {
  /** Format of events on stderr. */
  readonly format: Exclude<LogFormat, "auto">;
  /** True when stderr is colored. */
  readonly color: boolean;
  /** True when stdout is colored. */
  readonly stdoutColor: boolean;
  /** Style of text on stdout. */
  readonly stdoutStyle: Style;
  /** Width of stderr's terminal; 80 where there is none. */
  readonly columns: number;
  /** Aborts when the reader of stdout is gone (`vmbuild logs --follow | head`). */
  readonly stdoutGone: AbortSignal;
  /** Creates the sink that displays a run's events. `showBuild` is for several builds at once. */
  createSink(showBuild?: boolean): Promise<Sink>;
  /** Prints progress text to stderr; nothing when stderr is in JSON. */
  log(text: string): void;
  /** Prints a result to stdout. */
  print(text: string): void;
  /** Prints a result to stdout as one line of JSON. */
  printJson(value: unknown): void;
  /** Prints an error to stderr, with known secrets masked. */
  printError(error: unknown, secrets?: Secrets): void;
}

/** Creates the output, and handles readers of both streams that go away. */
export function createOutput(options: OutputOptions = {}, host: OutputHost = process): Output {
  const { stdout, stderr, env } = host;
  const format = chooseFormat(options.logFormat ?? "auto", stderr, env);
  const color = chooseColor(options.color ?? "auto", stderr, env);
  const stdoutColor = chooseColor(options.color ?? "auto", stdout, env);
  const style = createStyle(color);
  const gone = new AbortController();
  // The reader is gone. This is not an error, and no reason to end a build.
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
 * Makes writes to a pipe block until its reader has taken them, as for files and terminals.
 * Otherwise lines accumulate in memory faster than the event loop writes them. Node has no public
 * API for this.
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
  // CI systems may provide a terminal although the output ends up in a log file.
  const isCi = isSet(env["CI"]) && env["CI"] !== "false" && env["CI"] !== "0";
  return stream.isTTY === true && env["TERM"] !== "dumb" && !isCi ? "terminal" : "plain";
}

/**
 * Returns whether a stream is colored: by the flag, else NO_COLOR (no-color.org), FORCE_COLOR
 * (force-color.org), or the stream.
 */
function chooseColor(choice: ColorChoice, stream: OutputStream, env: OutputHost["env"]): boolean {
  if (choice !== "auto") return choice === "always";
  if (isSet(env["NO_COLOR"])) return false;
  if (isSet(env["FORCE_COLOR"]))
    return env["FORCE_COLOR"] !== "0" && env["FORCE_COLOR"] !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

/** Returns whether the locale's character set is Unicode, by the precedence of POSIX (XBD 8.2). */
function hasUnicode(env: OutputHost["env"]): boolean {
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find(isSet);
  if (env["TERM"] === "linux") return false;
  return locale === undefined || /utf-?8/i.test(locale);
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
