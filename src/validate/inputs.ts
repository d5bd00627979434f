/** Checks the inputs that lie on this host. */
import { inputKindOf } from "../inputs/registry.js";
import type { Collector } from "./findings.js";
import { checkFiles } from "./files.js";

/** Checks each input's local files; what is behind an address is not asked for. */
export async function checkInputs(collector: Collector): Promise<void> {
  for (const [name, spec] of collector.template.inputSpecs) {
    await checkFiles(collector, ["inputs", name], inputKindOf(spec).files(spec));
  }
}
