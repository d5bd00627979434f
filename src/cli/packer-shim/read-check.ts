/** Reads a template for a command, and prints what is wrong with it. */
import { readPackerTemplate } from "../../packer/load.js";
import type { PackerLoadOptions } from "../../packer/model.js";
import type { Call } from "./command.js";
import { printProblems } from "./diagnostics.js";

/** Prints the problems and warnings of a template; returns whether it has no problems. */
export function canBeRead(
  path: string,
  options: PackerLoadOptions,
  { ui, secrets }: Pick<Call, "ui" | "secrets">,
): boolean {
  const { template, problems, warnings } = readPackerTemplate(path, options);
  for (const secret of template?.secrets ?? []) secrets.add(secret);
  printProblems(ui, warnings, "Warning");
  printProblems(ui, problems);
  return problems.length === 0;
}
