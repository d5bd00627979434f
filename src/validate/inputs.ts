/** Checks the inputs that lie on this host. */
import type { Collector } from "./findings.js";
import { checkFile, checkUrlSource } from "./files.js";

/** Checks each input's local files; what is behind an address is not asked for. */
export async function checkInputs(collector: Collector): Promise<void> {
  for (const [name, spec] of collector.template.inputSpecs) {
    const place = ["inputs", name];
    if (spec.kind === "path") await checkFile(collector, place, spec.path, "any");
    if (spec.kind === "url") await checkUrlSource(collector, place, spec);
    if (spec.kind === "git" && spec.url.startsWith("/")) {
      await checkFile(collector, [...place, "git"], spec.url, "any");
    }
  }
}
