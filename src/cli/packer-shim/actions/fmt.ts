/** Runs `packer fmt`. */
import { text as readAll } from "node:stream/consumers";
import type { Call } from "../command.js";
import { printProblems } from "../diagnostics.js";
import {
  differencesOf,
  filesToFormat,
  formatText,
  readHclFile,
  writeHclFile,
} from "../format-files.js";

/** Exit code of `-check` for files that are not formatted. */
const NOT_FORMATTED = 3;

/** What became of a file. */
type Outcome = "formatted" | "changed" | "broken";

async function formatOne(path: string, { ui, values }: Call): Promise<Outcome> {
  const before = path === "-" ? await readAll(process.stdin) : await readHclFile(path);
  const result = formatText(path, before);
  if ("problems" in result) {
    printProblems(ui, result.problems);
    return "broken";
  }
  const isChanged = result.text !== before;
  const writes = values.isSet("write") && !values.isSet("check");
  if (path === "-") {
    if (writes || !isChanged) ui.print("say", result.text.replace(/\n$/, ""));
    return isChanged ? "changed" : "formatted";
  }
  if (!isChanged) return "formatted";
  ui.print("say", path);
  if (values.isSet("diff")) ui.print("say", differencesOf(path, before, result.text));
  if (writes) await writeHclFile(path, result.text);
  return "changed";
}

/** Formats files, or the files of folders. */
export async function format(call: Call): Promise<number> {
  const { values, args } = call;
  const outcomes: Outcome[] = [];
  for (const path of args) {
    const files = path === "-" ? ["-"] : await filesToFormat(path, values.isSet("recursive"));
    for (const file of files) outcomes.push(await formatOne(file, call));
  }
  if (outcomes.includes("broken")) return 1;
  return values.isSet("check") && outcomes.includes("changed") ? NOT_FORMATTED : 0;
}
