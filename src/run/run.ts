/** Runs a build from the template to the published artifact. */
import { setMaxListeners } from "node:events";
import { rm } from "node:fs/promises";
import { readIdentity, isSameFile } from "../checkpoints/trust.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { reportError } from "../events/report.js";
import type { RunResult } from "../events/result.js";
import { createFileSink } from "../events/sinks/file.js";
import { proxyPasswords } from "../host/proxy.js";
import { quitMachine } from "../machine/stop.js";
import type { GuestPackages } from "../packages/list.js";
import { reportSeed, requireSources } from "../validate/validate.js";
import { applyMaxAge } from "./checkpoints/max-age.js";
import { announcePlan, planRun, stepsToRun } from "./checkpoints/plan.js";
import type { CheckpointSaver } from "./checkpoints/save.js";
import { runAfter } from "./after.js";
import { recordInPackerManifest } from "./packer-manifest.js";
import { findRootCause } from "./root-cause.js";
import { createContext } from "./context.js";
import type { BuildOptions, RunContext, ContextWith } from "./context.js";
import type { Control } from "../builds/control.js";
import { makeArtifact, scrub, seal, shutDown } from "./finish.js";
import { Meter } from "./meter.js";
import { hasExpired, pause } from "./pause.js";
import { planOutput } from "../requirements/plan.js";
import { needsNoMachine } from "../requirements/seed.js";
import { claimOutput, claimOutputEarly } from "./output.js";
import { openRunControl } from "./remote.js";
import { prepare } from "./prepare.js";
import type { Prepared } from "./prepare.js";
import { collectPatches } from "./patches.js";
import type { PatchesRecord } from "./patches.js";
import { runSteps } from "./steps.js";
import type { StepsResult } from "./steps.js";
import { connectMachine, startMachine } from "./start.js";
import { openSinks } from "./sinks.js";
import { StoppedMachine } from "./lifecycle.js";
import type { StartInput } from "./lifecycle.js";
import { recordImage } from "./image-record.js";
import { recordFailure, updateRecord } from "./record.js";
import { warnOfChanges } from "./source.js";
import { upToDateResult, stoppedResult } from "./result.js";
import { withoutMachine } from "./without-machine.js";
import { removeObsolete, restoreLastCheckpoint } from "./work-disk.js";
import { endOverdueRun } from "../builds/overdue.js";
import { SEAL_STEP, openWorkspace } from "../builds/workspace.js";
import type { Workspace } from "../builds/workspace.js";

export type { BuildOptions } from "./context.js";

/**
 * Builds a template's image.
 * @returns the result, which is also in the `run.finished` event.
 * @throws {VmbuildError} the error that ended the run, which is also in the `run.failed` event.
 */
export async function build(given: BuildOptions): Promise<RunResult> {
  const meter = new Meter();
  const ending = new AbortController();
  const signal = AbortSignal.any([given.signal, ending.signal]);
  // Each running program adds a listener.
  setMaxListeners(0, signal);
  const { template, bus, secrets, runId } = given;
  for (const secret of [...template.secrets, ...proxyPasswords()]) secrets.add(secret);
  const once = given.checkpoints === false || template.checkpoints === false;
  const reportFailure = (thrown: unknown): never => {
    // A run that cannot begin must end with the same event as any other.
    const error = asVmbuildError(thrown);
    bus.emit({ type: "run.failed", durationMs: meter.totalMs, error: reportError(error) });
    throw error;
  };
  const options = await applyMaxAge({ ...given, signal }).catch(reportFailure);
  await endOverdueRun(template.name).catch(reportFailure);
  await using workspace = await openWorkspace(template, { once, runId }).catch(reportFailure);
  const context = await beginRun(options, workspace, meter).catch(reportFailure);
  await using _sinks = await openSinks(context);
  try {
    const result = await runBuild(context, (error) => ending.abort(error));
    await recordSuccess(context, meter, result);
    return result;
  } catch (thrown) {
    throw await recordFailure(context, meter, asVmbuildError(thrown));
  }
}

/** Opens the run's event log and announces the run. */
// eslint-disable-next-line require-await -- An exception must become a rejection.
async function beginRun(
  options: BuildOptions,
  workspace: Workspace,
  meter: Meter,
): Promise<RunContext> {
  options.bus.attach(createFileSink(workspace.run.events));
  const output = planOutput(options.template, options.outputDirectory);
  const context = createContext({ options, workspace, output, meter });
  announceRun(context);
  return context;
}

async function runBuild(
  context: RunContext,
  end: (error: VmbuildError) => void,
): Promise<RunResult> {
  const { options } = context;
  await using control = await openRunControl({ context, end });
  await using earlyClaim = await claimOutputEarly(context);
  const prepared = await prepare(context, control);
  const plan = await planRun(context, prepared, options);
  try {
    announcePlan(context, plan);
    if (plan.upToDate) {
      const kept = upToDateResult(context, plan.upToDate);
      await runAfter(context, kept);
      return kept;
    }
    await reportSeed(options.template, context.emit, options.signal);
    await using _lateClaim = earlyClaim ? undefined : await claimOutput(context);
    await requireSources(options.template, stepsToRun(options, plan), options.signal);
    await removeObsolete(context, plan);
    const start = { context, prepared, plan, control };
    const runGuest = needsNoMachine(context.template, prepared.base) ? withoutMachine : runMachine;
    const { stopped, records, key, packages, patches }: MachineResult = await runGuest(start);
    if (options.until !== undefined) return stoppedResult(context, records);
    await scrub(context, stopped);
    const { changedByHand } = plan.decision;
    const source = { stopped, steps: records, changedByHand, packages, patches };
    const result = await makeArtifact(context, prepared, source);
    await recordImage(context, result, key);
    await prepareNextRun(context, () => restoreLastCheckpoint(context, plan));
    await recordInPackerManifest(context, result);
    await runAfter(context, result);
    return result;
  } finally {
    await prepareNextRun(context, () => plan.store.markUnused());
  }
}

/**
 * Does work that only the next run benefits from. A failure is a warning, since this run's result
 * is not affected.
 */
async function prepareNextRun(
  { emit }: ContextWith<"emit">,
  work: () => Promise<void>,
): Promise<void> {
  await work().catch((thrown: unknown) => {
    const message = `The next run may have to start from the base: ${asVmbuildError(thrown).message}`;
    emit({ type: "warning", message });
  });
}

/** Results of the part of a run that has a machine. */
interface MachineResult extends StepsResult {
  readonly stopped: StoppedMachine;
  /** Packages of the guest; undefined where they were not listed. */
  readonly packages?: GuestPackages | undefined;
  /** Archive of patches among the run's outputs, where one was made. */
  readonly patches?: PatchesRecord | undefined;
}

/** Runs the part of a run that has a machine: from its start to its end. */
async function runMachine(start: StartInput): Promise<MachineResult> {
  const { context, prepared, plan, control } = start;
  const { options, emit, workspace } = context;
  await using started = await startMachine(start);
  const { machine, saver } = started;
  const baseInUse = await readIdentity(workspace.work.base);
  const signal = AbortSignal.any([options.signal, machine.death]);
  const pauseNow = (reason: string): Promise<void> => pauseRun(context, control, reason, signal);
  try {
    const ready = await connectMachine(start, started);
    const { guest, keys } = ready;
    const steps = await runSteps({ context, plan, ready, signal, pause: pauseNow });
    let packages: GuestPackages | undefined;
    let patches: PatchesRecord | undefined;
    if (options.until === undefined) {
      patches = await collectPatches(context, guest);
      packages = await seal(context, prepared.seed, guest, keys).catch(async (error: unknown) => {
        await workspace.update({ failedStep: SEAL_STEP });
        throw error;
      });
      await shutDown(context, prepared.seed, ready);
    } else {
      await context.wait(() => quitMachine(machine, emit));
    }
    guest.close();
    await context.wait(async () => saver?.finish());
    if (!isSameFile(await readIdentity(workspace.work.base), baseInUse))
      throw baseChangedError(prepared);
    const stopped = await StoppedMachine.from(ready, context);
    return { ...steps, stopped, packages, patches };
  } catch (thrown) {
    const error = await findRootCause(thrown, machine);
    if (options.onError === "pause" && !signal.aborted)
      await pauseOnError(context, error, pauseNow);
    // A run whose lease expired keeps its machine for `vmbuild ssh`, as one that failed does.
    const isKept = !signal.aborted || (hasExpired(options.signal) && !machine.death.aborted);
    if (isKept) await saveFailedStep(context, saver, error);
    if (!machine.death.aborted) await context.wait(() => quitMachine(machine, emit));
    await saver?.finish();
    throw hasExpired(options.signal) ? expiryError(options.signal, error) : error;
  }
}

/** Returns the error of an expired lease, with the error on which the run was paused meanwhile. */
function expiryError({ reason }: AbortSignal, thrown: unknown): unknown {
  if (thrown === reason) return reason;
  const { code, message, lines } = asVmbuildError(thrown);
  const options = { lines: [`${code}: ${message}`, ...lines], cause: thrown };
  return new VmbuildError("LEASE_EXPIRED", asVmbuildError(reason).message, options);
}

/**
 * Returns the error for a base that changed during the run: the guest may have read blocks of both
 * versions.
 */
function baseChangedError({ base }: Prepared): VmbuildError {
  return new VmbuildError("BASE_INVALID", `The base ${base.path} was changed while it was in use`, {
    hint: "Replace a base by renaming a new file over it, then run the command again.",
  });
}

/** Saves a checkpoint of the failed step for `vmbuild ssh`. */
async function saveFailedStep(
  { workspace, template }: ContextWith<"workspace" | "template">,
  saver: CheckpointSaver | undefined,
  thrown: unknown,
): Promise<void> {
  const { failedStep } = workspace;
  if (failedStep === undefined) return;
  // A guest that is shutting down cannot be inspected.
  if (asVmbuildError(thrown).details["ending"] !== undefined) return;
  const position = template.steps.findIndex(({ name }) => name === failedStep);
  const stepsSoFar = position === -1 ? template.steps : template.steps.slice(0, position + 1);
  // Memory may contain data that a step with `"cache": false` must not leave on disk.
  if (stepsSoFar.some((step) => !step.cache)) return;
  await saver?.saveFailed(failedStep, asVmbuildError(thrown));
}

async function pauseRun(
  context: RunContext,
  control: Control,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const { options, emit, workspace, template } = context;
  const onChange = (paused: boolean): Promise<void> =>
    workspace.update({ state: paused ? "paused" : "running" });
  const { waitForEnter } = options;
  await pause(reason, { name: template.name, emit, control, waitForEnter, onChange }, signal);
}

/** Pauses after an error. The error that caused the pause is reported, not the one that ends it. */
async function pauseOnError(
  context: RunContext,
  thrown: unknown,
  stop: (reason: string) => Promise<void>,
): Promise<void> {
  const error = asVmbuildError(thrown);
  for (const line of error.lines) context.emit({ type: "note", message: line });
  await stop(`${error.code}: ${error.message}`).catch((later: unknown) => {
    context.emit({ type: "note", message: `The pause ended: ${asVmbuildError(later).message}` });
  });
}

function announceRun(context: ContextWith<"emit" | "template" | "workspace" | "options">): void {
  const { emit, template, workspace } = context;
  const { name, version } = template;
  const { runId, run, tidied } = workspace;
  emit({ type: "run.started", name, version, runId, runFolder: run.folder });
  for (const message of tidied) emit({ type: "note", message: `Cleaned up: ${message}` });
  warnOfChanges(context);
}

async function recordSuccess(
  context: ContextWith<"options" | "workspace" | "emit">,
  meter: Meter,
  result: RunResult,
): Promise<void> {
  const { options, workspace, emit } = context;
  if (!options.keepWork) await rm(workspace.run.outputs, { recursive: true, force: true });
  const artifact = result.artifact?.path;
  await updateRecord(workspace, { state: "done", ...(artifact === undefined ? {} : { artifact }) });
  emit({ type: "run.finished", durationMs: meter.totalMs, ownMs: meter.ownMs, result });
}
