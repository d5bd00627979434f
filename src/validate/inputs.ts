/** Checks the inputs that are on this host. */
import { inputKindOf } from "../inputs/registry.js";
import type { Collector } from "./findings.js";
import { checkFiles } from "./files.js";

/** Checks each input's local files. No requests are made for addresses. */
export async function checkInputs(collector: Collector): Promise<void> {
  for (const [name, spec] of collector.template.inputSpecs) {
    await checkFiles(collector, ["inputs", name], inputKindOf(spec).files(spec));
  }
}
