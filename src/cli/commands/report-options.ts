/** Defines the options of the commands that report acceptance checks: `test` and `verify`. */
import { Command } from "@commander-js/extra-typings";
import type { OptionValues } from "@commander-js/extra-typings";
import { addGroup } from "./option-group.js";

const reportOptions = () =>
  new Command()
    .option("--json", "print the report as one JSON object")
    .option("--junit <file>", "write the report to this file, too, as JUnit XML");

type ReportOptions = ReturnType<ReturnType<typeof reportOptions>["opts"]>;

/** Adds the options for the report. */
export function addReportOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & ReportOptions> {
  return addGroup(command, reportOptions());
}
