/** Delivers what the runs of a template could not deliver to its sinks. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { buildNames } from "../builds/running.js";
import { buildPaths, cleanUp, lockError } from "../builds/workspace.js";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { tryLock } from "../host/lock.js";
import type { Delivered } from "../sinks/kind.js";
import { sinkKindOf } from "../sinks/registry.js";
import type { Template } from "../template/load.js";
import { earlierSpools, sinkContext } from "./sinks.js";

/** Result of the delivery to one sink, of the runs of one build. */
export interface SinkDelivery extends Delivered {
  /** Name of the build: that of the template, or `TEMPLATE@HOST`. */
  readonly build: string;
  readonly sink: string;
  /** Last problem; absent without one. */
  readonly reason?: string;
}

/** Options of {@link deliverEvents}. */
export interface DeliverOptions {
  /** Time limit for each sink. Milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Rejects with the signal's reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    signal.addEventListener("abort", fail, { once: true });
  });
}

async function deliverTo(
  sink: string,
  { template, build }: { readonly template: Template; readonly build: string },
  { timeoutMs, signal }: DeliverOptions,
): Promise<SinkDelivery[]> {
  const settings = template.sinks[sink];
  const paths = buildPaths(build);
  const earlier = settings ? await earlierSpools({ build: paths, runId: "" }, sink) : [];
  if (!settings || earlier.length === 0) return [];
  const kind = sinkKindOf(settings);
  let reason: string | undefined;
  const context = sinkContext(template, {
    folder: join(paths.folder, "sinks"),
    runId: "",
    earlier,
  });
  const onProblem = (problem: string): void => void (reason = problem);
  const own = { ...settings, drain: timeoutMs };
  const open = await kind.open(own, { ...context, name: sink, onProblem });
  // What was delivered until an interruption is recorded on disk.
  const counts = await Promise.race([open.finish(), aborted(signal)]);
  return [{ build, sink, ...counts, ...(reason === undefined ? {} : { reason }) }];
}

/** Delivers the events of one build, under its lock. */
async function deliverOf(
  template: Template,
  build: string,
  options: DeliverOptions,
): Promise<SinkDelivery[]> {
  const paths = buildPaths(build);
  if (!(await statIfThere(paths.runs)) || (await readdir(paths.runs)).length === 0) return [];
  await using lock = await tryLock(paths.lock);
  if (!lock) throw await lockError(build, paths.lock);
  // The end of a killed run is known from here on, and is delivered too.
  await cleanUp(paths);
  const names = Object.entries(template.sinks)
    .filter(([, settings]) => sinkKindOf(settings).keepsEvents)
    .map(([name]) => name);
  const results: SinkDelivery[] = [];
  for (const name of names) results.push(...(await deliverTo(name, { template, build }, options)));
  return results;
}

/**
 * Delivers the events that wait for the sinks of a template: those of its builds, and of its runs on
 * existing machines.
 * @returns a result for each sink for which events were waiting.
 * @throws {VmbuildError} BUILD_LOCKED while a run is in progress; the signal's reason.
 */
export async function deliverEvents(
  template: Template,
  options: DeliverOptions,
): Promise<SinkDelivery[]> {
  const { name } = template;
  const builds = (await buildNames()).filter((one) => one === name || one.startsWith(`${name}@`));
  const results: SinkDelivery[] = [];
  for (const build of builds) results.push(...(await deliverOf(template, build, options)));
  return results;
}

/** Returns the error for events that could not be delivered; undefined where all were. */
export function undeliveredError(results: readonly SinkDelivery[]): VmbuildError | undefined {
  const left = results.filter(({ waiting }) => waiting > 0);
  const [first] = left;
  if (!first) return undefined;
  const count = left.reduce((sum, { waiting }) => sum + waiting, 0);
  const why = first.reason === undefined ? "" : `: ${first.reason}`;
  const what = count === 1 ? "1 event" : `${count} events`;
  return new VmbuildError("SINK_FAILED", `${what} could not be delivered to ${first.sink}${why}`);
}
