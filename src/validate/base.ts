/** Checks that the base exists and fits on the machine's disk. */
import type { BaseFile } from "../base/recognize.js";
import { inspectBaseFile } from "../base/inspect.js";
import { baseKindOf } from "../base/registry.js";
import { asVmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { planMachine } from "../requirements/plan.js";
import { referencesOf } from "../template/references.js";
import type { CheckOptions } from "./check-options.js";
import type { Collector } from "./findings.js";
import { checkFiles, displayPath } from "./files.js";

/** Checks the base as far as it is on this host. */
export async function checkBase(
  collector: Collector,
  findArtifact: CheckOptions["findArtifact"],
): Promise<void> {
  const { base, folder: templateFolder } = collector.template;
  const kind = baseKindOf(base);
  const machine = planMachine(collector.template);
  const references = referencesOf(collector.template);
  const found = await kind.check(base, { templateFolder, references, machine, findArtifact });
  const { problems = [], files = [], image, virtualSize, absent } = found;
  for (const { key, message } of problems) collector.problem(["base", ...key], message);
  if (virtualSize !== undefined) checkFit(collector, virtualSize);
  const allThere = await checkFiles(collector, ["base"], files);
  if (image !== undefined && (await statIfThere(image))) {
    const { origin, path } = kind.inspect(base, { templateFolder, arch: machine.arch });
    const file = {
      path: image,
      origin: origin === path ? displayPath(image) : origin,
      isLocal: kind.mayUseOtherFiles,
    };
    if (allThere) await checkImage(collector, file, virtualSize === undefined);
  } else if (absent !== undefined) collector.note(`${absent}; its size was not checked`);
}

/**
 * Checks the format and size of the image. A missing program is a note, because doctor reports it.
 */
async function checkImage(collector: Collector, file: BaseFile, fit: boolean): Promise<void> {
  try {
    const { virtualSize, note } = await inspectBaseFile(file, collector.signal);
    if (note !== undefined) collector.note(note);
    if (fit && virtualSize !== undefined) checkFit(collector, virtualSize);
  } catch (thrown) {
    collector.signal.throwIfAborted();
    const { code, message } = asVmbuildError(thrown);
    if (code === "HOST_PROGRAM_MISSING") collector.note(`${message}; the base was not checked`);
    else collector.problem(["base"], message);
  }
}

function checkFit(collector: Collector, virtualSize: number): void {
  const { disk, skipResize } = collector.template.machine;
  if (skipResize || disk >= virtualSize) return;
  const [own, needed] = formatSizes(disk, virtualSize);
  collector.problem(["machine", "disk"], `${own} cannot hold the base, which has ${needed}`);
}
