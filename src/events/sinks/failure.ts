/** An error as a person reads it: what and where, the last words, what to do, where to look. */
import { formatDuration } from "../../host/format.js";
import type { ErrorReport } from "../types.js";
import type { Style } from "./style.js";
import { cleanText, wrapText } from "./text.js";

/** A run that failed. */
export interface Failure {
  readonly error: ErrorReport;
  /** The build's name; empty outside a build. */
  readonly name: string;
  readonly runFolder: string;
  readonly durationMs: number;
  /** The machine's state is kept. */
  readonly kept?: boolean;
}

/** A line of an error is shown up to here; the log has it whole. */
const LONGEST_LINE = 2000;

/** `error: message [CODE]`, the error's lines, its hint, and its log where it names one. */
export function renderError(error: ErrorReport, style: Style, columns: number): string[] {
  const [first = "", ...more] = error.message.split("\n").map(cleanText);
  const log = error.details["log"];
  return [
    `${style.bold(style.red("error:"))} ${first} ${style.dim(`[${error.code}]`)}`,
    ...more.map((line) => `  ${line}`),
    ...error.lines
      .flatMap((line) => line.split("\n"))
      .map((line) => `  ${cleanText(line.slice(0, LONGEST_LINE))}`),
    ...wrapText(`hint: ${cleanText(error.hint)}`, columns).map(style.cyan),
    ...(typeof log === "string" ? [`${style.dim("log:")}  ${cleanText(log)}`] : []),
  ];
}

/** The end of a run that failed: its error, and where what it left lies. */
export function renderFailure(failure: Failure, style: Style, columns: number): string[] {
  const { error, name, runFolder, durationMs, kept = false } = failure;
  const inside = `vmbuild ssh ${cleanText(name)}`;
  const again = `vmbuild run ${cleanText(name)} --retry`;
  return [
    ...renderError(error, style, columns),
    ...(runFolder === "" ? [] : [`${style.dim("run:")}  ${cleanText(runFolder)}`]),
    ...(kept
      ? [`${style.dim("open:")} ${inside}  ${style.dim("(the machine as it failed)")}`]
      : []),
    ...(kept ? [`${style.dim("then:")} ${again}`] : []),
    style.dim(`${cleanText(name)} failed after ${formatDuration(durationMs)}`.trimStart()),
  ];
}
