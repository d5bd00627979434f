/**
 * Opens the sinks of a run and passes its events to them. A sink that fails is never fatal: its
 * problems are one warning, and a count at the end.
 */
import { asVmbuildError } from "../errors.js";
import type { Bus } from "../events/bus.js";
import type { Emit, RunEvent, Sink } from "../events/types.js";
import { createFilter } from "./filter.js";
import type { Delivered, OpenSink, SinkContext } from "./kind.js";
import { sinkKindOf } from "./registry.js";
import type { SinkSettings } from "./registry.js";

/** What the sinks of a run need. */
export interface AttachOptions {
  /** Settings by name. */
  readonly sinks: Readonly<Record<string, SinkSettings>>;
  readonly bus: Bus;
  /** Emits the events about the sinks themselves. */
  readonly emit: Emit;
  /** Returns what a sink knows of its run, besides its name and the function for problems. */
  readonly contextOf: (name: string) => Omit<SinkContext, "name" | "onProblem">;
}

/** Sink of a run. */
interface Attached {
  readonly name: string;
  readonly kind: string;
  readonly open: OpenSink;
  /** Returns the last problem; undefined without one. */
  readonly problem: () => string | undefined;
}

/** Collects the problems of a sink, and warns of the first one. */
function createProblems(name: string, target: string, emit: Emit) {
  let last: string | undefined;
  const report = (reason: string): void => {
    const isFirst = last === undefined;
    last = reason;
    if (!isFirst) return;
    const message = `The sink ${name} (${target}) does not get all events at the moment: ${reason}`;
    // Not at once, since a sink may report a problem while the bus passes an event on.
    queueMicrotask(() => emit({ type: "warning", message, hint: "The run goes on without it." }));
  };
  return { report, last: () => last };
}

/** Numbers the events of a sink and passes on those that it wants. */
function numbering(
  { open }: Attached,
  settings: SinkSettings,
  { runId }: Pick<SinkContext, "runId">,
): Sink {
  const { defaultEvents } = sinkKindOf(settings);
  const wants = createFilter(settings.events ?? defaultEvents, settings.progress);
  let seq = 0;
  const handle = (event: RunEvent): void => {
    if (!wants(event)) return;
    seq++;
    open.take({ ...event, id: `${runId}-${seq}`, seq, runId });
  };
  return { handle, close: () => {} };
}

async function attachOne(
  name: string,
  settings: SinkSettings,
  { bus, emit, contextOf }: AttachOptions,
): Promise<Attached[]> {
  const kind = sinkKindOf(settings);
  const problems = createProblems(name, kind.describe(settings), emit);
  const context = { ...contextOf(name), name, onProblem: problems.report };
  try {
    const open = await kind.open(settings, context);
    const attached = { name, kind: kind.name, open, problem: problems.last };
    bus.attach(numbering(attached, settings, context));
    return [attached];
  } catch (error) {
    problems.report(asVmbuildError(error).message);
    return [];
  }
}

async function finishOne({ name, kind, open, problem }: Attached, emit: Emit): Promise<void> {
  const failed = { delivered: 0, waiting: 0, lost: 0 };
  const counts = await open.finish().catch((error: unknown): Delivered & { reason: string } => ({
    ...failed,
    reason: asVmbuildError(error).message,
  }));
  const reason = problem();
  const why = reason === undefined ? {} : { reason };
  emit({ type: "sink.finished", sink: name, kind, ...why, ...counts });
}

/**
 * Opens the sinks of a run. They get its earlier events too. Disposing of the result delivers what
 * is left, in a bounded time, and reports the numbers of events.
 */
export async function attachSinks(options: AttachOptions): Promise<AsyncDisposable> {
  const { sinks, emit } = options;
  const opened = await Promise.all(
    Object.entries(sinks).map(([name, settings]) => attachOne(name, settings, options)),
  );
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.flat().map((attached) => finishOne(attached, emit)));
    },
  };
}

/** Returns the secrets in the settings of sinks that are not values of variables. */
export function sinkSecrets(sinks: AttachOptions["sinks"]): string[] {
  return Object.values(sinks).flatMap((settings) => sinkKindOf(settings).secrets(settings));
}
