/** Runs the builds of `packer build`, several at a time. */
import type { VmbuildError } from "../../errors.js";
import { asVmbuildError } from "../../errors.js";
import { createBus } from "../../events/bus.js";
import { Secrets } from "../../events/secrets.js";
import type { Sink } from "../../events/types.js";
import type { PackerImage } from "../../packer/images.js";
import { build } from "../../run/run.js";
import type { BuildOptions } from "../../run/run.js";
import { findArtifact } from "../find-artifact.js";
import { enterKeyWaiter } from "../run-builds.js";
import { buildLine } from "./build-lines.js";
import { errorText } from "./diagnostics.js";
import { formatPackerDuration } from "./durations.js";
import type { Log } from "./log.js";
import type { BuildOutcome } from "./results.js";
import { targeted } from "./ui.js";
import type { Ui } from "./ui.js";

/** How builds are run. */
export interface RunSettings extends Required<
  Pick<BuildOptions, "onError" | "pauseAfterEachStep">
> {
  /** Number of builds that run at the same time. */
  readonly parallel: number;
  /** Returns the output of a build, which is colored and has times if that was asked for. */
  readonly uiOf: (image: PackerImage) => Ui;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Sink that prints the events of a run in Packer's form, and adds all to the log. */
function createShimSink(id: string, ui: Ui, log: Log): Sink {
  const out = targeted(ui, id);
  return {
    handle(event) {
      log.add(`[DEBUG] ${id}: ${JSON.stringify(event)}`);
      const line = buildLine(event);
      if (line) out.print(line.kind, line.text);
    },
    close: () => {},
  };
}

async function runImage(image: PackerImage, settings: RunSettings): Promise<BuildOutcome> {
  const { id, template } = image;
  const { uiOf, log, signal, onError, pauseAfterEachStep } = settings;
  const ui = uiOf(image);
  const started = performance.now();
  const took = (): string => formatPackerDuration(performance.now() - started);
  const secrets = new Secrets();
  const bus = createBus(template.name, secrets, [createShimSink(id, ui, log)]);
  log.add(`[INFO] Starting build run: ${id}`);
  try {
    const result = await build({
      template,
      bus,
      secrets,
      signal,
      onError,
      pauseAfterEachStep,
      breakpoints: [],
      waitForEnter: enterKeyWaiter(),
      findArtifact: (name) => findArtifact(name, {}, template),
    });
    ui.print("say", `Build '${id}' finished after ${took()}.`);
    return { id, result };
  } catch (thrown) {
    const error: VmbuildError = asVmbuildError(thrown);
    ui.print("error", secrets.mask(`Build '${id}' errored after ${took()}: ${errorText(error)}`));
    return { id, error };
  } finally {
    await bus.close();
  }
}

/** Runs builds in order, and returns their results in the order of the template. */
export async function runImages(
  images: readonly PackerImage[],
  settings: RunSettings,
): Promise<BuildOutcome[]> {
  const outcomes = new Map<PackerImage, BuildOutcome>();
  const waiting = [...images];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (settings.signal.aborted) return;
      outcomes.set(next, await runImage(next, settings));
    }
  };
  const workers = Math.min(settings.parallel, images.length);
  await Promise.all(Array.from({ length: workers }, work));
  return images.flatMap((image) => outcomes.get(image) ?? []);
}
