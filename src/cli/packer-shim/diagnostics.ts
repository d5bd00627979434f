/** Prints problems of templates and errors in the form of Packer's diagnostics. */
import type { VmbuildError } from "../../errors.js";
import type { PackerProblem } from "../../packer/model.js";
import type { Ui } from "./ui.js";

/** Severity of a problem, as Packer names it. */
type Severity = "Error" | "Warning";

/** Formats a problem with the line of the template that it is about. */
function problemText(severity: Severity, { message, place }: PackerProblem): string {
  const head = `${severity}: ${message}`;
  if (!place) return `${head}\n`;
  const [excerpt = ""] = place.text.split("\n");
  const where = `  on ${place.file} line ${place.line}, column ${place.column}:`;
  const shown = excerpt.trim() === "" ? [] : [`  ${String(place.line).padStart(2)}: ${excerpt}`];
  return [head, "", where, ...shown, ""].join("\n");
}

/** Prints problems, each with its place. */
export function printProblems(
  ui: Ui,
  problems: readonly PackerProblem[],
  severity: Severity = "Error",
): void {
  const kind = severity === "Error" ? "error" : "say";
  for (const problem of problems) ui.print(kind, problemText(severity, problem));
}

/** Formats an error with its lines and its hint. */
export function errorText({ message, lines, hint }: VmbuildError): string {
  return [message, ...lines.map((line) => `  ${line}`), ...(hint === "" ? [] : ["", hint])].join(
    "\n",
  );
}

/** Prints an error with its lines and its hint. */
export function printError(ui: Ui, error: VmbuildError): void {
  ui.print("error", `Error: ${errorText(error)}\n`);
}
