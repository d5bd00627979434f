/** Collects the facts that steps have downloaded, for the manifest. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../errors.js";
import { parseFacts } from "../steps/facts.js";
import type { Facts } from "../steps/facts.js";
import type { ContextWith } from "./context.js";

/**
 * Reads the facts of all steps. Where two files have the same key, the later step's value counts.
 */
export async function readFacts({
  template,
  workspace,
}: ContextWith<"template" | "workspace">): Promise<Facts> {
  const actions = template.steps.flatMap((step) => step.actions);
  const facts: Record<string, string> = {};
  for (const path of actions.flatMap(({ type, value }) => type.factFiles(value as never))) {
    const file = join(workspace.run.outputs, path);
    const text = await readFile(file, "utf8").catch((error: unknown) => {
      // A step that `skipIf` skipped downloads nothing.
      if (systemCode(error) === "ENOENT") return "";
      throw error;
    });
    const parsed = parseFacts(text);
    if ("facts" in parsed) Object.assign(facts, parsed.facts);
  }
  return facts;
}
