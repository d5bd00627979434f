/** Implements `vmbuild marketplace --check`: checks entries, and writes nothing. */
import { VmbuildError } from "../errors.js";
import { checkFiles } from "../marketplace/check-files.js";
import type { CheckedFile } from "../marketplace/check-files.js";
import type { OutputFlags } from "./options.js";
import { createOutput } from "./output.js";
import { countOf } from "./table.js";

function total(files: readonly CheckedFile[], kind: "errors" | "warnings"): number {
  return files.reduce((sum, file) => sum + file[kind].length, 0);
}

/**
 * Checks the entries in files and folders, and prints what it finds.
 * @returns 0 when OpenNebula accepts all of them.
 * @throws {VmbuildError} MARKETPLACE_INVALID, with each error.
 */
export async function checkEntries(
  paths: readonly string[],
  flags: OutputFlags & { readonly json?: boolean },
): Promise<number> {
  const output = createOutput(flags);
  const files = await checkFiles(paths);
  const broken = files.filter(({ errors }) => errors.length > 0);
  if (flags.json) output.printJson({ valid: broken.length === 0, entries: files });
  else {
    for (const { warnings } of files) {
      for (const warning of warnings) output.log(`warning: ${warning}`);
    }
    const counts = [countOf(total(files, "errors"), "error")];
    counts.push(countOf(total(files, "warnings"), "warning"));
    const entries = `${files.length} ${files.length === 1 ? "entry" : "entries"}`;
    output.print(`${entries}: ${counts.join(", ")}`);
  }
  if (broken.length === 0) return 0;
  const [first] = broken;
  const what = broken.length === 1 && first ? first.path : `${broken.length} entries`;
  const message = `OpenNebula cannot offer ${what}`;
  throw new VmbuildError("MARKETPLACE_INVALID", message, {
    lines: broken.flatMap(({ errors }) => errors),
    hint: "Correct each listed problem.",
  });
}
