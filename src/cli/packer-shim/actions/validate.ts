/** Runs `packer validate`. */
import { resolve } from "node:path";
import { VmbuildError } from "../../../errors.js";
import { loadPackerBuilds } from "../../../packer/images.js";
import type { PackerImages } from "../../../packer/images.js";
import { readPackerSettings } from "../../../packer/load.js";
import type { PackerLoadOptions } from "../../../packer/model.js";
import { checkTemplate, invalidError } from "../../../validate/validate.js";
import { findArtifact } from "../../find-artifact.js";
import { interruptible } from "../../interrupt.js";
import type { Call } from "../command.js";
import { printError, printProblems } from "../diagnostics.js";
import { otherBuilders } from "../other-builders.js";
import { canBeRead } from "../read-check.js";
import { loadOptionsOf } from "../template-flags.js";

/** Checks the templates of all images; returns the number of those with problems. */
async function countInvalid({ images, others }: PackerImages, { ui }: Call): Promise<number> {
  let count = 0;
  for (const error of otherBuilders(others)) {
    count += 1;
    printError(ui, error);
  }
  for (const { id, template } of images) {
    const { problems, warnings } = await interruptible((signal) =>
      checkTemplate(template, {
        signal,
        findArtifact: (name) =>
          findArtifact(name, {}, template).catch((error: unknown) => {
            // The other template was not built yet, which is no fault of this one.
            if (error instanceof VmbuildError && error.code === "INPUT_MISSING") return undefined;
            throw error;
          }),
      }),
    );
    for (const warning of warnings) ui.print("say", `Warning: ${id}: ${warning}\n`);
    const error = invalidError(template, problems);
    if (!error) continue;
    count += 1;
    printError(ui, error);
  }
  return count;
}

/** Checks a template. */
export async function validate(call: Call): Promise<number> {
  const { ui, values, args } = call;
  const path = resolve(args[0] ?? "");
  const options: PackerLoadOptions = {
    ...loadOptionsOf(values),
    warnUndeclared: !values.isSet("no-warn-undeclared-var"),
  };
  if (values.isSet("syntax-only")) {
    const { problems } = readPackerSettings(path, options);
    printProblems(ui, problems);
    if (problems.length > 0) return 1;
    ui.print("say", "Syntax-only check passed. Everything looks okay.");
    return 0;
  }
  if (!canBeRead(path, options, call)) return 1;
  const load = { overrides: [], inputs: {} };
  const found = await loadPackerBuilds(path, { ...options, load });
  if ((await countInvalid(found, call)) > 0) return 1;
  ui.print("say", "The configuration is valid.");
  return 0;
}
