/** Reports the results of all checks as data, as text, and as JUnit XML for CI systems. */
import type { CheckResult } from "./run.js";

/** Results of the checks between two starts of the guest. */
export interface RoundResult {
  /** Absent for the first round. */
  readonly name?: string;
  readonly checks: readonly CheckResult[];
}

/** Report of all rounds. */
export interface AcceptanceReport {
  readonly name: string;
  /** Absent for a stick that was not made of a template. */
  readonly version?: string;
  /** Image or endpoint that was checked. */
  readonly subject: string;
  readonly ok: boolean;
  readonly passed: number;
  readonly total: number;
  readonly durationMs: number;
  readonly rounds: readonly RoundResult[];
}

/** Composes the report and its counts. */
export function composeReport(
  about: Pick<AcceptanceReport, "name" | "version" | "subject" | "durationMs">,
  rounds: readonly RoundResult[],
): AcceptanceReport {
  const results = rounds.flatMap(({ checks }) => checks);
  const passed = results.filter(({ ok }) => ok).length;
  const total = results.length;
  return { ...about, ok: total > 0 && passed === total, passed, total, rounds };
}

/** Returns the lines of one check; the first is `[PASS] …` or `[FAIL] …`. */
export function resultLines({ name, ok, reason, detail, lines = [] }: CheckResult): string[] {
  if (ok) return [`[PASS] ${name}${detail === undefined ? "" : ` (${detail})`}`];
  return [`[FAIL] ${name} -- ${reason ?? "failed"}`, ...lines.map((line) => `       ${line}`)];
}

/** Returns the sentence `Result: 7/7 tests passed`. */
export function resultSentence({ passed, total }: AcceptanceReport): string {
  return `Result: ${passed}/${total} tests passed`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\n": "&#10;",
  "\r": "&#13;",
  "\t": "&#9;",
};

/** Escapes text for XML 1.0, which allows neither most control characters nor lone surrogates. */
function escapeXml(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- control characters are the point here
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\uFFFD")
      .replaceAll(/[&<>"\n\r\t]/g, (character) => ENTITIES[character] ?? character)
  );
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3);

function caseLines(className: string, result: CheckResult): string[] {
  const { name, ok, durationMs, reason = "failed", lines = [] } = result;
  const start = `    <testcase classname="${escapeXml(className)}" name="${escapeXml(name)}" time="${seconds(durationMs)}"`;
  if (ok) return [`${start}/>`];
  const message = lines.map(escapeXml).join("\n");
  return [
    `${start}>`,
    `      <failure message="${escapeXml(reason)}">${message}</failure>`,
    "    </testcase>",
  ];
}

function suiteLines({ name }: AcceptanceReport, round: RoundResult): string[] {
  const { checks } = round;
  const title = round.name === undefined ? name : `${name}, ${round.name}`;
  const failures = checks.filter(({ ok }) => !ok).length;
  const time = checks.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return [
    `  <testsuite name="${escapeXml(title)}" tests="${checks.length}" failures="${failures}" errors="0" skipped="0" time="${seconds(time)}">`,
    ...checks.flatMap((result) => caseLines(title, result)),
    "  </testsuite>",
  ];
}

/** Formats the report as JUnit XML, with a suite for each round. */
export function formatJunit(report: AcceptanceReport): string {
  const { name, total, passed, durationMs, rounds } = report;
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escapeXml(name)}" tests="${total}" failures="${total - passed}" errors="0" time="${seconds(durationMs)}">`,
    ...rounds.flatMap((round) => suiteLines(report, round)),
    "</testsuites>",
  ].join("\n")}\n`;
}

/** Returns the failed checks as the lines of an error. */
export function failedLines({ rounds }: AcceptanceReport): string[] {
  return rounds.flatMap(({ name, checks }) =>
    checks
      .filter(({ ok }) => !ok)
      .map(
        (result) =>
          `${result.name}${name === undefined ? "" : ` (${name})`}: ${result.reason ?? ""}`,
      ),
  );
}
