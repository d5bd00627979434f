/** Displays the results of `vmbuild test` and `vmbuild verify`. */
import { resolve } from "node:path";
import { failedLines, formatJunit, resultLines, resultSentence } from "../acceptance/report.js";
import type { AcceptanceReport } from "../acceptance/report.js";
import type { CheckResult } from "../acceptance/run.js";
import { acceptanceError } from "../image/acceptance.js";
import type { Secrets } from "../events/secrets.js";
import { cleanText } from "../events/sinks/text.js";
import type { OutputFlags } from "./options.js";
import { writeOptionFile } from "./option-file.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";

/** Flags of both commands. */
export interface ReportFlags {
  readonly json?: boolean;
  readonly junit?: string;
}

/**
 * Creates the output. Results are printed while events arrive, so a live view, which redraws lines,
 * is not used.
 */
export function createReportOutput(flags: OutputFlags): Output {
  return createOutput({ ...flags, logFormat: flags.logFormat === "json" ? "json" : "plain" });
}

/** Displays results as they arrive. */
export interface Reporter {
  onRound(name: string | undefined): void;
  onResult(result: CheckResult): void;
  /** Prints the summary and writes the report files; returns the exit code. */
  finish(report: AcceptanceReport): Promise<number>;
}

/**
 * Creates a reporter and prints the heading.
 * @param subject `Image: …` or `Endpoint: …`, printed under the title.
 */
export function createReporter(
  output: Output,
  secrets: Secrets,
  flags: ReportFlags,
  heading: { readonly title: string; readonly subject: string },
): Reporter {
  const { green, red, bold } = output.stdoutStyle;
  const print = (text: string): void => {
    if (!flags.json) output.print(text);
  };
  const clean = (text: string): string => cleanText(secrets.mask(text));
  print(`${bold(clean(heading.title))}\n${"=".repeat(heading.title.length)}`);
  print(`${clean(heading.subject)}\n`);
  return {
    onRound(name) {
      if (name !== undefined) print(`\n${bold(clean(name))}`);
    },
    onResult(result) {
      const [first = "", ...more] = resultLines(result).map(clean);
      const paint = result.ok ? green : red;
      print([paint(first.slice(0, 6)) + first.slice(6), ...more].join("\n"));
    },
    async finish(plain) {
      const report = secrets.maskAll(plain);
      if (flags.junit !== undefined) {
        await writeOptionFile("--junit", resolve(flags.junit), formatJunit(report));
      }
      if (flags.json) output.printJson(report);
      print(`\n${bold(resultSentence(report))}`);
      if (report.ok) return 0;
      const error = acceptanceError(report, failedLines(report));
      output.printError(error);
      return error.exitCode;
    },
  };
}
