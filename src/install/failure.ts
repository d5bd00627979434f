/** Recognizes installers that have failed, and composes the error with what they showed. */
import { VmbuildError } from "../errors.js";
import { findFatalLine } from "../guest/readiness.js";
import { readConsoleTail } from "../machine/console.js";
import type { HttpRequest } from "./http-server.js";

/**
 * Console lines of installers that have stopped and wait for a person. Sources: cdebconf's text
 * frontend and Debian's main-menu (d-i), dracut and Anaconda (Fedora and relatives), subiquity
 * (Ubuntu), setup-alpine.
 */
const FAILURES = [
  /^!! ERROR: /,
  /An installation step failed/,
  /Entering emergency mode\. Exit the shell to continue/,
  /^Pane is dead/,
  /An error occurred\. Press enter to start a shell/,
];

/**
 * Last line of a question on the serial console, which has no input: cdebconf's text frontend
 * (debconf/text-prompt, debconf/cont-prompt). The frontend translates it, as all its texts.
 */
const QUESTIONS = [/^Prompt: '.' for help.*>$/, /^\[Press enter to continue\]$/];

/**
 * Returns the line that shows that the installer cannot finish, if there is one.
 * @param failOn further patterns of the template.
 */
export function findFailure(
  lines: readonly string[],
  failOn: readonly RegExp[],
): string | undefined {
  const patterns = [...FAILURES, ...QUESTIONS, ...failOn];
  return (
    lines.find((line) => patterns.some((pattern) => pattern.test(line))) ?? findFatalLine(lines)
  );
}

/** Returns the message of the error for a line that {@link findFailure} has found. */
export function failureMessage(line: string): string {
  if (!QUESTIONS.some((pattern) => pattern.test(line))) return `The installer failed: ${line}`;
  return "The installer asks a question on its console, where nobody can answer it";
}

/** What is known about an installer that did not finish. */
export interface Evidence {
  /** Absolute path of the console's file. */
  readonly console: string;
  readonly requests: readonly HttpRequest[];
  /** Absolute path of the last screen, where there is one. */
  readonly screen: string | undefined;
}

const SHOWN_LINES = 12;
/** Number of lines among which those of the installer are looked for. */
const READ_LINES = 200;

/**
 * Status line of GNU screen, in which Debian's installer runs on a serial console, with the time of
 * day (`hardstatus` in its /etc/screenrc). It appears again every minute.
 */
const STATUS_LINE = /^\[.*\(\d\*\S+\).*\]\[ .*\]$/;

/** Returns the last lines that an installer has printed on its console. */
async function lastConsoleLines(console: string, limit = SHOWN_LINES): Promise<string[]> {
  const lines = await readConsoleTail(console, READ_LINES);
  return lines.filter((line) => !STATUS_LINE.test(line)).slice(-limit);
}

const SHOWN_REQUESTS = 5;

/** Describes an answered request as one line. */
export function describeRequest({ method, path, status, bytes }: HttpRequest): string {
  const size = bytes === undefined ? "incomplete" : `${bytes} bytes`;
  return `${method} ${path} ${status} ${size}`;
}

/** Returns the paths that were asked for and that the server does not have, each once. */
function missingPaths(requests: readonly HttpRequest[]): string[] {
  const missing = requests.filter(({ status }) => status === 404).map(({ path }) => path);
  return [...new Set(missing)];
}

/** Returns the error for an installation that did not finish. */
export async function installError(
  message: string,
  { console, requests, screen }: Evidence,
  more: { readonly hint?: string; readonly cause?: unknown } = {},
): Promise<VmbuildError> {
  const tail = await lastConsoleLines(console);
  const missing = missingPaths(requests);
  const last = requests.slice(-SHOWN_REQUESTS).map((request) => `  ${describeRequest(request)}`);
  const lines = [
    "last lines of the console:",
    ...(tail.length > 0 ? tail.map((line) => `  ${line}`) : ["  (empty)"]),
    ...(last.length > 0 ? ["last requests to the HTTP server:", ...last] : []),
    ...missing.map((path) => `not served: ${path} (404)`),
    ...(screen === undefined ? [] : [`screen: ${screen}`]),
  ];
  return new VmbuildError("BASE_INSTALL", message, { lines, ...more });
}
