/** Finds names in a template that would give two files of its artifact the same name. */
import { companionProblem, filenameProblem, imageFilename } from "../artifact/names.js";
import type { NamedImage } from "../artifact/names.js";
import type { Step } from "../steps/schema.js";
import type { JsonPath } from "./document.js";

/** Returns each invalid name with its place. */
export function outputNameProblems(
  template: NamedImage & { readonly steps: readonly Step[] },
): { path: JsonPath; message: string }[] {
  const filename = imageFilename(template);
  const message = filenameProblem(filename);
  const place = template.output.filename === undefined ? ["version"] : ["output", "filename"];
  const problems = message === undefined ? [] : [{ path: place as JsonPath, message }];
  for (const [step, { actions }] of template.steps.entries()) {
    for (const [index, { type, value }] of actions.entries()) {
      for (const { to } of type.outputs(value as never)) {
        const wrong = companionProblem(to, filename);
        if (wrong === undefined) continue;
        problems.push({ path: ["steps", step, "actions", index, "to"], message: wrong });
      }
    }
  }
  return problems;
}
