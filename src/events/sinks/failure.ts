/**
 * Renders an error for a person: the problem, its last lines of output, advice, and where to look.
 */
import { formatDuration } from "../../host/format.js";
import type { ErrorReport } from "../types.js";
import type { Style } from "./style.js";
import { cleanText, wrapText } from "./text.js";

/** Failed run. */
export interface Failure {
  readonly error: ErrorReport;
  /** Name of the build; empty outside a build. */
  readonly name: string;
  readonly runFolder: string;
  readonly durationMs: number;
  /** True when the machine's state was saved. */
  readonly kept?: boolean;
}

/** Longest displayed line of an error; the log has the full line. */
const MAX_LINE_LENGTH = 2000;

/** Renders `error: message [CODE]`, the error's lines, its hint, and its log if it names one. */
export function renderError(error: ErrorReport, style: Style, columns: number): string[] {
  const [first = "", ...more] = error.message.split("\n").map(cleanText);
  const log = error.details["log"];
  return [
    `${style.bold(style.red("error:"))} ${first} ${style.dim(`[${error.code}]`)}`,
    ...more.map((line) => `  ${line}`),
    ...error.lines
      .flatMap((line) => line.split("\n"))
      .map((line) => `  ${cleanText(line.slice(0, MAX_LINE_LENGTH))}`),
    ...wrapText(`hint: ${cleanText(error.hint)}`, columns).map(style.cyan),
    ...(typeof log === "string" ? [`${style.dim("log:")}  ${cleanText(log)}`] : []),
  ];
}

/** Renders the end of a failed run: its error, and the location of its files. */
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
