/** Runs `packer build`. */
import { resolve } from "node:path";
import { loadPackerBuilds } from "../../../packer/images.js";
import type { PackerImage } from "../../../packer/images.js";
import type { PackerLoadOptions } from "../../../packer/model.js";
import { interruptible } from "../../interrupt.js";
import type { Call } from "../command.js";
import { errorText } from "../diagnostics.js";
import { formatPackerDuration } from "../durations.js";
import type { FlagValues } from "../flags.js";
import { otherBuilders } from "../other-builders.js";
import { canBeRead } from "../read-check.js";
import { printResults } from "../results.js";
import type { BuildOutcome } from "../results.js";
import { runImages } from "../run-images.js";
import type { RunSettings } from "../run-images.js";
import { loadOptionsOf } from "../template-flags.js";
import { buildColor, colored, timestamped } from "../ui.js";
import type { Ui } from "../ui.js";

/** Values of -on-error, with what a run does. The state of a failed run is always kept. */
const ON_ERROR = {
  cleanup: "fail",
  abort: "fail",
  ask: "pause",
  "run-cleanup-provisioner": "fail",
} as const;

/** Returns the way of running builds that the flags ask for. */
function settingsOf(values: FlagValues): Omit<RunSettings, "uiOf" | "log" | "signal"> {
  const isDebug = values.isSet("debug");
  const count = Number(values.text("parallel-builds") ?? 0);
  const wanted = values.text("on-error") ?? "cleanup";
  const [, reaction = "fail"] = Object.entries(ON_ERROR).find(([name]) => name === wanted) ?? [];
  return {
    onError: process.stdin.isTTY ? reaction : "fail",
    pauseAfterEachStep: isDebug,
    parallel: isDebug ? 1 : count < 1 ? Infinity : count,
  };
}

/** Makes the output of each build, and says which color it has. */
function outputsOf(images: readonly PackerImage[], { ui, values }: Call): Map<PackerImage, Ui> {
  const isColored =
    values.isSet("color") && !ui.isMachineReadable && (process.env["PACKER_NO_COLOR"] ?? "") === "";
  const outputs = images.map((image, index): [PackerImage, Ui] => {
    const own = isColored ? colored(ui, buildColor(index)) : ui;
    if (isColored) own.print("say", `${image.id}: output will be in this color.`);
    return [image, values.isSet("timestamp-ui") ? timestamped(own) : own];
  });
  if (isColored) ui.print("say", "");
  return new Map(outputs);
}

/** Builds the images of a template. */
export async function build(call: Call): Promise<number> {
  const { ui, values, args, log } = call;
  const path = resolve(args[0] ?? "");
  const options: PackerLoadOptions = {
    ...loadOptionsOf(values),
    warnUndeclared: values.isSet("warn-on-undeclared-var"),
  };
  if (!canBeRead(path, options, call)) return 1;
  const load = { overrides: [], inputs: {} };
  const { images, others } = await loadPackerBuilds(path, { ...options, load });
  if (values.isSet("debug")) {
    ui.print("say", "Debug mode enabled. Builds will not be parallelized.");
  }
  const outputs = outputsOf(images, call);
  const started = performance.now();
  const refused: BuildOutcome[] = otherBuilders(others).map((error, index) => {
    const id = others[index]?.subject ?? "";
    ui.print("error", `Build '${id}' errored: ${errorText(error)}`);
    return { id, error };
  });
  return interruptible(async (signal) => {
    const uiOf = (image: PackerImage): Ui => outputs.get(image) ?? ui;
    const settings = { ...settingsOf(values), uiOf, log, signal };
    const outcomes = [...(await runImages(images, settings)), ...refused];
    const took = formatPackerDuration(performance.now() - started);
    ui.print("say", `\n==> Wait completed after ${took}`);
    if (signal.aborted) {
      ui.print("say", "Cleanly cancelled builds after being interrupted.");
      return 1;
    }
    printResults(outcomes, ui);
    return outcomes.some((outcome) => "error" in outcome) ? 1 : 0;
  });
}
