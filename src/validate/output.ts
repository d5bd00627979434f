/** Checks the output folder: what the artifact would replace, and which template it belongs to. */
import { resolve } from "node:path";
import { requireOwnFolder } from "../artifact/output-owner.js";
import { asVmbuildError } from "../errors.js";
import { imageNames, planOutput } from "../requirements/plan.js";
import { findOverwritten } from "../requirements/overwritten.js";
import { checkFile } from "./files.js";
import type { Collector } from "./findings.js";

/**
 * Checks the template's own output folder. Existing files are only a warning, because a run can
 * write elsewhere with `--output`.
 */
export async function checkOutput(collector: Collector): Promise<void> {
  const { template } = collector;
  const plan = planOutput(template);
  const key = plan.provenance?.signingKey;
  if (key !== undefined) {
    await checkFile(collector, ["output", "provenance", "signingKey"], key, "file");
  }
  const patchesKey = template.output.patches?.signingKey;
  if (patchesKey !== undefined) {
    const path = resolve(template.folder, patchesKey);
    await checkFile(collector, ["output", "patches", "signingKey"], path, "file");
  }
  for (const message of await findOverwritten(template, plan)) {
    collector.problem(["output"], message);
  }
  try {
    const filenames = imageNames(plan);
    await requireOwnFolder({ name: template.name, folder: plan.folder, filenames });
  } catch (thrown) {
    collector.warning(["output", "directory"], asVmbuildError(thrown).message);
  }
}
