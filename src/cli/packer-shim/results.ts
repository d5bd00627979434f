/** Prints the end of `packer build`: failed builds and artifacts. */
import { dirname } from "node:path";
import type { VmbuildError } from "../../errors.js";
import type { RunResult } from "../../events/result.js";
import { relativeToCurrent } from "../../host/current-folder.js";
import { errorText } from "./diagnostics.js";
import type { Ui } from "./ui.js";

/** Result of one build. */
export type BuildOutcome = { readonly id: string } & (
  { readonly result: RunResult } | { readonly error: VmbuildError }
);

/** Name of the builder of artifacts, as in Packer's plugin for QEMU. */
const BUILDER_ID = "transcend.qemu";

/** Path as Packer shows it: relative to the current folder where it is below it. */
function shownFolder(path: string): string {
  const near = relativeToCurrent(path);
  return near === "" ? "." : near.startsWith("..") ? path : near;
}

function printErrors(failed: readonly (BuildOutcome & { error: VmbuildError })[], ui: Ui): void {
  if (failed.length === 0) return;
  ui.machine("error-count", [String(failed.length)]);
  ui.print("error", "\n==> Some builds didn't complete successfully and had errors:");
  for (const { id, error } of failed) {
    ui.machine("error", [errorText(error)], id);
    ui.print("error", `--> ${id}: ${errorText(error)}`);
  }
}

function printArtifact({ id, result }: BuildOutcome & { result: RunResult }, ui: Ui): void {
  const { artifact, otherArtifacts = [] } = result;
  ui.machine("artifact-count", [artifact ? "1" : "0"], id);
  if (!artifact) return;
  const text = `VM files in directory: ${shownFolder(dirname(artifact.path))}`;
  const files = [artifact, ...otherArtifacts].map(({ path }) => shownFolder(path));
  const line = (...data: string[]): void => ui.machine("artifact", ["0", ...data], id);
  line("builder-id", BUILDER_ID);
  line("id", "VM");
  line("string", text);
  line("files-count", String(files.length));
  for (const [index, file] of files.entries()) line("file", String(index), file);
  line("end");
  ui.print("say", `--> ${id}: ${text}`);
}

/** Prints failed builds, and the artifacts of the others. */
export function printResults(outcomes: readonly BuildOutcome[], ui: Ui): void {
  printErrors(
    outcomes.flatMap((outcome) => ("error" in outcome ? [outcome] : [])),
    ui,
  );
  const built = outcomes.flatMap((outcome) => ("result" in outcome ? [outcome] : []));
  if (built.length === 0) {
    ui.print("say", "\n==> Builds finished but no artifacts were created.");
    return;
  }
  ui.print("say", "\n==> Builds finished. The artifacts of successful builds are:");
  for (const outcome of built) printArtifact(outcome, ui);
}
