/** Runs the steps of a template on an existing machine, reached over SSH. */
import { readdir } from "node:fs/promises";
import { openWorkspace } from "../builds/workspace.js";
import { ERRORS, VmbuildError, asVmbuildError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import type { Bus } from "../events/bus.js";
import { reportError } from "../events/report.js";
import type { ProvisionResult } from "../events/result.js";
import type { Secrets } from "../events/secrets.js";
import { createFileSink } from "../events/sinks/file.js";
import { proxyPasswords } from "../host/proxy.js";
import { requirePrograms } from "../requirements/host.js";
import { programsOfSteps } from "../requirements/programs.js";
import { createCommonContext } from "../run/context.js";
import type { CommonContext } from "../run/context.js";
import { Meter } from "../run/meter.js";
import { prepareInputs } from "../run/prepare.js";
import { recordFailure, updateRecord } from "../run/record.js";
import { openSinks } from "../run/sinks.js";
import type { Template } from "../template/load.js";
import { requireSources } from "../validate/validate.js";
import { findMachine } from "./connect.js";
import type { LoginOptions } from "./connect.js";
import { connectGuest, mayLogIn } from "./guest.js";
import { recordName } from "./host-spec.js";
import type { HostSpec } from "./host-spec.js";
import { openRelay } from "./ssh/relay.js";
import { runSteps, selectSteps } from "./steps.js";
import type { NumberedStep } from "./steps.js";

/** Options of {@link provision}. */
export interface ProvisionOptions extends LoginOptions {
  readonly template: Template;
  readonly host: HostSpec;
  readonly bus: Bus;
  readonly secrets: Secrets;
  /** Cancels the run; its reason is a VmbuildError. */
  readonly signal: AbortSignal;
  /** Use cached inputs without asking servers whether they changed. */
  readonly offline?: boolean;
  /** Names of the steps to run, in any order; all unless given. */
  readonly steps?: readonly string[] | undefined;
  /** Run the checks of the steps only. */
  readonly verifyOnly?: boolean;
  /** Skip the actions of steps whose checks all succeed before. */
  readonly skipSatisfied?: boolean;
  /** Time during which the first connection is tried again. Milliseconds. */
  readonly waitMs?: number;
}

/** Remedies in place of the general ones, which are about the machine of a build. */
const REMEDIES: Partial<Record<ErrorCode, string>> = {
  STEP_FAILED: "Read the step's log; --steps NAME runs single steps again.",
  GUEST_LOST: "Check whether the machine, its network or its SSH server was stopped or restarted.",
  GUEST_TIMEOUT: "Check whether the machine is running, and whether its SSH server answers.",
  GUEST_AUTH: "Check that the machine accepts the login: `ssh HOST`.",
};

/** Replaces the advice to open a shell in the guest of a run that is in progress. */
function withLockHint(thrown: unknown, name: string): unknown {
  if (!(thrown instanceof VmbuildError) || thrown.code !== "BUILD_LOCKED") return thrown;
  const { code, message, details } = thrown;
  const hint = `Wait for it; \`vmbuild logs ${name} --follow\` shows its progress.`;
  return new VmbuildError(code, message, { hint, details });
}

/** Replaces a general remedy by that for an existing machine. */
function withRemedy(thrown: unknown): VmbuildError {
  const error = asVmbuildError(thrown);
  const remedy = REMEDIES[error.code];
  if (remedy === undefined || error.hint !== ERRORS[error.code].remedy) return error;
  const { code, message, lines, details, cause } = error;
  return new VmbuildError(code, message, { hint: remedy, lines, details, cause });
}

/** Work of one run on one machine. */
interface Job {
  readonly context: CommonContext;
  readonly options: ProvisionOptions;
  readonly steps: readonly NumberedStep[];
}

/** Checks this host, fetches the inputs, and checks the files of the steps. */
async function prepare({ context, options, steps }: Job): Promise<void> {
  const { template, signal } = options;
  const runsActions = options.verifyOnly !== true;
  const selected = runsActions ? steps.map(({ step }) => step) : [];
  const inputSpecs = runsActions ? template.inputSpecs : new Map<string, never>();
  const programs = programsOfSteps({ inputSpecs, steps: selected });
  await context.phase("host", () =>
    requirePrograms(["setpriv", "flock", "ssh", "ssh-keygen", ...programs]),
  );
  if (!runsActions) return;
  await prepareInputs(context, signal);
  for (const { index } of steps) {
    await requireSources(template, { from: index - 1, to: index }, signal);
  }
}

/** Connects to the machine and runs the steps there. */
async function runOnMachine(job: Job): Promise<ProvisionResult["steps"]> {
  const { context, options, steps } = job;
  const { emit } = context;
  const { host, signal, verifyOnly = false, skipSatisfied = false, waitMs = 0 } = options;
  const machine = await findMachine(host, options, { emit, signal });
  const needsRelay = !verifyOnly && steps.some(({ step }) => mayLogIn(step));
  await using relay = needsRelay ? await openRelay(machine.transport, signal) : undefined;
  const guest = await connectGuest(context, machine, { waitMs, relay });
  try {
    return await runSteps({ context, guest, steps, verifyOnly, skipSatisfied });
  } finally {
    guest.close();
  }
}

async function runJob(job: Job): Promise<ProvisionResult> {
  const { context, options } = job;
  const { template, workspace, warnings } = context;
  await prepare(job);
  const steps = await runOnMachine(job);
  const { folder, outputs } = workspace.run;
  const hasOutputs = (await readdir(outputs)).length > 0;
  return {
    name: template.name,
    version: template.version,
    host: options.host.text,
    verifyOnly: options.verifyOnly ?? false,
    runFolder: folder,
    ...(hasOutputs ? { outputs } : {}),
    steps,
    warnings,
  };
}

/**
 * Runs the steps and checks of a template on an existing machine. Nothing but the steps changes it:
 * it gets no keys, is not sealed and not powered off. The run has a folder and a record as that of a
 * build, under the name `TEMPLATE@HOST`.
 * @returns the result, which is also in the `run.finished` event.
 * @throws {VmbuildError} the error that ended the run, which is also in the `run.failed` event.
 */
export async function provision(options: ProvisionOptions): Promise<ProvisionResult> {
  const meter = new Meter();
  const { template, host, bus, secrets, password } = options;
  for (const secret of [...template.secrets, ...proxyPasswords()]) secrets.add(secret);
  if (password !== undefined) secrets.add(password);
  const name = recordName(template.name, host);
  const { version, path } = template;
  const reportFailure = (thrown: unknown): never => {
    const error = withRemedy(withLockHint(thrown, name));
    bus.emit({ type: "run.failed", durationMs: meter.totalMs, error: reportError(error) });
    throw error;
  };
  await using workspace = await openWorkspace({ name, version, path }).catch(reportFailure);
  const context = createCommonContext({ options, workspace, meter });
  const { emit } = context;
  await using _sinks = await openSinks(context);
  try {
    bus.attach(createFileSink(workspace.run.events));
    const { runId, run, tidied } = workspace;
    emit({ type: "run.started", name, version, runId, runFolder: run.folder });
    for (const message of tidied) emit({ type: "note", message: `Cleaned up: ${message}` });
    const result = await runJob({ context, options, steps: selectSteps(template, options.steps) });
    await updateRecord(workspace, { state: "done" });
    emit({ type: "run.finished", durationMs: meter.totalMs, ownMs: meter.ownMs, result });
    return result;
  } catch (thrown) {
    throw await recordFailure(context, meter, withRemedy(thrown));
  }
}
