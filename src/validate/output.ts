/** Checks where the artifact goes: what it would replace, and whose folder that is. */
import { requireOwnFolder } from "../artifact/output-owner.js";
import { asVmbuildError } from "../errors.js";
import { planOutput } from "../requirements/plan.js";
import { findReplaced } from "../requirements/replaced.js";
import type { Collector } from "./findings.js";

/**
 * Checks the template's own output folder. What is in it is a warning only, since a run can write
 * elsewhere with `--output`.
 */
export async function checkOutput(collector: Collector): Promise<void> {
  const { template } = collector;
  const plan = planOutput(template);
  for (const message of await findReplaced(template, plan)) {
    collector.problem(["output"], message);
  }
  const { folder, filename } = plan;
  try {
    await requireOwnFolder({ name: template.name, folder, filename });
  } catch (thrown) {
    collector.warning(["output", "directory"], asVmbuildError(thrown).message);
  }
}
