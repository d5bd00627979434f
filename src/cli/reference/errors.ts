/** Renders docs/errors.md from the tables of errors. */
import { ERRORS, EXIT_CODES } from "../../errors.js";
import { cell, code, GENERATED, table } from "./markdown.js";

/** Renders docs/errors.md. */
export function errorsPage(): string {
  const entries = Object.entries(ERRORS);
  const exits = [...new Set(entries.map(([, { exit }]) => exit))];
  const sections = exits.flatMap((exit) => [
    `### Exit ${exit}: ${EXIT_CODES[exit]}`,
    table(
      ["Code", "Meaning", "What to do"],
      entries
        .filter(([, entry]) => entry.exit === exit)
        .map(([name, { meaning, remedy }]) => [code(name), cell(meaning), cell(remedy)]),
    ),
  ]);
  return `${[
    "# Errors",
    GENERATED,
    "Every error has a code, says what happened and where, and what to do next. The code is in the " +
      "message, in `--json`, and in the `run.failed` event ([events.md](events.md)); the exit code " +
      "of the process follows from it.",
    "## Exit codes",
    table(
      ["Exit", "Meaning"],
      Object.entries(EXIT_CODES).map(([exit, meaning]) => [exit, meaning]),
    ),
    "`vmbuild ssh NAME -- COMMAND` passes on the exit code of the command instead.",
    "## Codes",
    ...sections,
  ].join("\n\n")}\n`;
}
