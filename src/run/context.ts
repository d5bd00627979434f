/**
 * Defines the context that the parts of a run share: options, events, cancellation, time
 * measurement.
 */
import type { ApplianceImage } from "../base/kind.js";
import type { Bus } from "../events/bus.js";
import type { Secrets } from "../events/secrets.js";
import type { WorkTree } from "../host/work-tree.js";
import type { Emit, Phase } from "../events/types.js";
import type { Template } from "../template/load.js";
import type { Meter } from "./meter.js";
import type { Breakpoint } from "./pause.js";
import type { LeaseOptions } from "../builds/lease.js";
import type { OutputPlan } from "../requirements/plan.js";
import type { Workspace } from "../builds/workspace.js";

/** Options of a run. */
export interface BuildOptions {
  readonly template: Template;
  readonly bus: Bus;
  readonly secrets: Secrets;
  /** Cancels the run; its reason is a VmbuildError. */
  readonly signal: AbortSignal;
  /** Replaces the template's output directory. */
  readonly outputDirectory?: string | undefined;
  /** Use cached inputs without asking servers whether they changed. */
  readonly offline?: boolean;
  /** `pause` leaves the machine running after a failure, until it is released. */
  readonly onError?: "fail" | "pause";
  readonly breakpoints?: readonly Breakpoint[];
  /** Stop after every step. */
  readonly pauseAfterEachStep?: boolean;
  /** Retain the working disk, seed and keys of a successful run. */
  readonly keepWork?: boolean;
  /** Ignore all checkpoints; rebuild from the base. */
  readonly force?: boolean;
  /** Reason for `force`, in place of the option `--force`. */
  readonly forcedBy?: string | undefined;
  /**
   * Rebuild from the base if the image, or a checkpoint that it would be made from, is older.
   * Milliseconds.
   */
  readonly maxAgeMs?: number | undefined;
  /** `false`: checkpoints are neither used nor saved. */
  readonly checkpoints?: boolean;
  /** Rerun this step and all after it. */
  readonly from?: string | undefined;
  /** Stop after this step, with its checkpoint saved, and create no image. */
  readonly until?: string | undefined;
  /** Verify the checksums of an image that seems up to date. */
  readonly check?: boolean;
  readonly waitForEnter?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Ends the run at a deadline, or when nothing holds it any more. */
  readonly lease?: LeaseOptions | undefined;
  /** Id of the run, such as `20260214-170400-3f9a1c`; one is made up unless given. */
  readonly runId?: string | undefined;
  /** State of the git work tree of the template; that of the template itself unless given. */
  readonly workTree?: WorkTree | undefined;
  /** Value of `--release`, for the manifest. */
  readonly release?: string | undefined;
  /** Make an archive of patches beside the image, as `output.patches` describes it. */
  readonly createPatches?: boolean | undefined;
  /** Finds another template's artifact, for a base that is one. */
  readonly findArtifact: (appliance: string) => Promise<ApplianceImage>;
}

/** Options of {@link RunContext.phase}. */
export interface PhaseOptions<T> {
  /** Describes the result in the event that ends the phase. */
  readonly detail?: (result: T) => string | undefined;
  /** The work is vmbuild's own: only what goes through `wait` counts as waiting. */
  readonly own?: boolean;
}

/** Options that runs on a machine of vmbuild and on an existing machine have in common. */
export type CommonOptions = Pick<
  BuildOptions,
  "template" | "bus" | "secrets" | "signal" | "offline"
>;

/** Context of a run, on a machine of vmbuild or on an existing one. */
export interface CommonContext {
  readonly options: CommonOptions;
  readonly template: Template;
  readonly workspace: Workspace;
  readonly emit: Emit;
  /** Warnings so far, for the result. */
  readonly warnings: string[];
  /**
   * Runs a phase, emits its two events, and counts its time as waiting. It throws the reason of a
   * cancellation when the run is cancelled before or during the phase.
   */
  phase<T>(name: Phase, work: () => Promise<T>, options?: PhaseOptions<T>): Promise<T>;
  /**
   * Runs work outside a phase, and counts its time as waiting for the guest, QEMU or another
   * program.
   */
  wait<T>(work: () => Promise<T>): Promise<T>;
}

/** Context of a build's run. */
export interface RunContext extends CommonContext {
  readonly options: BuildOptions;
  readonly output: OutputPlan;
}

/** Same as {@link ContextWith}, of a run on any machine. */
export type CommonWith<K extends keyof CommonContext> = Pick<CommonContext, K>;

/** Selected fields of a run's context, for functions that use only a few. */
export type ContextWith<K extends keyof RunContext> = Pick<RunContext, K>;

/** Inputs of {@link createCommonContext}. */
interface CommonParts {
  readonly options: CommonOptions;
  readonly workspace: Workspace;
  readonly meter: Meter;
}

/** Inputs of {@link createContext}. */
interface ContextParts extends CommonParts {
  readonly options: BuildOptions;
  readonly output: OutputPlan;
}

/** Creates the context of a build's run. */
export function createContext(parts: ContextParts): RunContext {
  const { options, output } = parts;
  return { ...createCommonContext(parts), options, output };
}

/** Creates the context of a run. Its `emit` also collects warnings. */
export function createCommonContext({ options, workspace, meter }: CommonParts): CommonContext {
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
  return { options, template, workspace, emit, warnings, phase, wait };
}

/**
 * Runs tasks in parallel. The first failure cancels the others, which are awaited, and is then
 * thrown.
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
