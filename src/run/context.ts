/** What the parts of a run share: how to speak, when to stop, and whose time it is. */
import type { Bus } from "../events/bus.js";
import type { Secrets } from "../events/secrets.js";
import type { Emit, Phase } from "../events/types.js";
import type { Template } from "../template/load.js";
import type { Meter } from "./meter.js";
import type { Breakpoint } from "./pause.js";
import type { OutputPlan } from "../requirements/plan.js";
import type { Workspace } from "../builds/workspace.js";

/** What a user may ask of a run beside the template. */
export interface BuildOptions {
  readonly template: Template;
  readonly bus: Bus;
  readonly secrets: Secrets;
  /** Cancels the run; its reason is a VmbuildError. */
  readonly signal: AbortSignal;
  /** In place of the template's output directory. */
  readonly outputDirectory?: string | undefined;
  /** Use what is cached, and do not ask servers whether it changed. */
  readonly offline?: boolean;
  /** `pause` leaves the machine up after a failure, until it is released. */
  readonly onError?: "fail" | "pause";
  readonly breakpoints?: readonly Breakpoint[];
  /** Stop after every step. */
  readonly pauseAfterEachStep?: boolean;
  /** Keep the working disk, seed and keys of a run that ended well. */
  readonly keepWork?: boolean;
  /** Everything again, from the base on: nothing that is kept is used. */
  readonly force?: boolean;
  /** `false`: states are neither used nor saved. */
  readonly checkpoints?: boolean;
  /** Run this step and all after it again. */
  readonly from?: string | undefined;
  /** Stop after this step, with its state saved, and make no image. */
  readonly until?: string | undefined;
  /** Read an image that seems up to date, and compare its sums. */
  readonly check?: boolean;
  readonly waitForEnter?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Where another template's artifact lies, for a base that is one. */
  readonly findArtifact: (appliance: string) => Promise<{ path: string; digest?: string }>;
}

/** Options of {@link RunContext.phase}. */
export interface PhaseOptions<T> {
  /** Describes the result in the event that ends the phase. */
  readonly detail?: (result: T) => string | undefined;
  /**
   * The work is vmbuild's own, not that of the guest, QEMU or another program: only what goes
   * through `wait` counts as waiting.
   */
  readonly own?: boolean;
}

/** What the parts of one run share. */
export interface RunContext {
  readonly options: BuildOptions;
  readonly template: Template;
  readonly workspace: Workspace;
  readonly output: OutputPlan;
  readonly emit: Emit;
  /** Warnings that the result repeats. */
  readonly warnings: string[];
  /**
   * Runs a phase between its two events and counts its time as waiting. It does not begin in a
   * cancelled run, and a failure in a cancelled run ends with the reason of the cancellation.
   */
  phase<T>(name: Phase, work: () => Promise<T>, options?: PhaseOptions<T>): Promise<T>;
  /** Runs work outside a phase whose time is the guest's, QEMU's or another program's. */
  wait<T>(work: () => Promise<T>): Promise<T>;
}

/** The fields of a run's context that a function uses, where these are few. */
export type ContextWith<K extends keyof RunContext> = Pick<RunContext, K>;

/** The context of a run before its parts are put together. */
interface ContextParts {
  readonly options: BuildOptions;
  readonly workspace: Workspace;
  readonly output: OutputPlan;
  readonly meter: Meter;
}

/** Creates the context of a run. Its `emit` notes warnings. */
export function createContext({ options, workspace, output, meter }: ContextParts): RunContext {
  const { signal, template } = options;
  const warnings: string[] = [];
  const emit: Emit = (event) => {
    if (event.type === "warning") warnings.push(options.secrets.mask(event.message));
    options.bus.emit(event);
  };
  const wait = <T>(work: () => Promise<T>): Promise<T> => meter.waitFor(work);
  const phase: RunContext["phase"] = async (name, work, { detail, own = false } = {}) => {
    signal.throwIfAborted();
    const started = performance.now();
    emit({ type: "phase.started", phase: name });
    try {
      const result = await (own ? work() : wait(work));
      const text = detail?.(result);
      const durationMs = performance.now() - started;
      const more = text === undefined ? {} : { detail: text };
      emit({ type: "phase.finished", phase: name, durationMs, ...more });
      return result;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  };
  return { options, template, workspace, output, emit, warnings, phase, wait };
}

/**
 * Runs works side by side. The first that fails cancels the others, which are waited for, and
 * its error is the one that is thrown.
 */
export async function runInParallel<T extends readonly unknown[]>(
  signal: AbortSignal,
  tasks: { readonly [K in keyof T]: (signal: AbortSignal) => Promise<T[K]> },
): Promise<T> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const running = tasks.map(async (work) => {
    try {
      return await work(either);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(running);
  if (failed.signal.aborted) throw failed.signal.reason;
  return (await Promise.all(running)) as unknown as T;
}
