/** What a run would do, without doing it; plain data for people and programs. */
import { join } from "node:path";
import type { Check } from "../acceptance/check-schema.js";
import { summarizeCheck } from "../acceptance/summary.js";
import { checksumPath } from "../artifact/checksum-files.js";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import { VmbuildError } from "../errors.js";
import { Secrets } from "../events/secrets.js";
import { likelyRuntimeFolder } from "../host/paths.js";
import { decideAccelerator } from "../machine/accelerator.js";
import { qemuArguments } from "../machine/argv.js";
import { findUefi } from "../machine/firmware.js";
import { qemuVersion } from "../machine/qemu-version.js";
import type { Accelerator, MachineShape } from "../machine/shape.js";
import { describeAction } from "../steps/registry.js";
import type { Template } from "../template/load.js";
import { inspectBase, inspectInputs } from "./sources.js";
import type { SourceInspection } from "./sources.js";
import { completeShape } from "../machine/shape.js";
import { planMachine, planOutput } from "../requirements/plan.js";
import { buildPaths, runPaths } from "../builds/workspace.js";

/** Stands for what only a run decides. */
const RUN_ID = "RUN";
/** QEMU's argument list has a port from the kernel in its place. */
const ANY_PORT = 0;

/** What the accelerator will be. */
export interface AcceleratorInspection {
  readonly asked: Template["machine"]["accelerator"];
  /** The one that the argument list is for. */
  readonly shown: Accelerator;
  /** Set where KVM was tried and is not usable here. */
  readonly problem?: string;
}

/** One step as a run would do it. Durations are milliseconds. */
export interface StepInspection {
  readonly name: string;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly actions: readonly {
    readonly type: string;
    readonly summary: string;
    readonly timeoutMs: number;
  }[];
  readonly verify: readonly string[];
}

/** One acceptance check. */
export interface CheckInspection {
  readonly name: string;
  /** What it asks for, in a few words. */
  readonly summary: string;
}

/** All of it. Paths are absolute, sizes bytes. */
export interface Inspection {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly template: string;
  readonly variables: readonly {
    name: string;
    value: string | number | boolean;
    sensitive: boolean;
  }[];
  readonly base: SourceInspection;
  readonly inputs: readonly SourceInspection[];
  readonly machine: Omit<MachineShape, "extraArguments"> & { readonly disk: number };
  readonly accelerator: AcceleratorInspection;
  readonly ssh: { readonly user: string; readonly timeoutMs: number };
  readonly seed: Template["seed"];
  readonly qemu: {
    readonly program: string;
    /** Undefined where it is not installed; the arguments are then those for QEMU 7.2. */
    readonly version?: string;
    readonly arguments: readonly string[];
  };
  readonly steps: readonly StepInspection[];
  readonly seal: boolean;
  /** What `vmbuild test` checks: all of it once, and once more in each further round. */
  readonly acceptance?: {
    readonly checks: readonly CheckInspection[];
    readonly rounds: readonly {
      readonly name: string;
      readonly checks: readonly CheckInspection[];
    }[];
  };
  readonly output: {
    readonly folder: string;
    readonly format: string;
    readonly compression: string;
    readonly files: readonly string[];
  };
}

/** What may be asked of an inspection. */
export interface InspectOptions {
  /** In place of the template's output directory. */
  readonly outputDirectory?: string | undefined;
  /** Try KVM, as a run would, and show what came of it. */
  readonly probe?: boolean;
  readonly signal: AbortSignal;
}

async function installedVersion(binary: string, signal: AbortSignal) {
  try {
    return await qemuVersion(binary, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VmbuildError && error.code === "HOST_PROGRAM_MISSING") return undefined;
    throw error;
  }
}

async function inspectAccelerator(
  { machine }: Template,
  { probe, signal }: InspectOptions,
): Promise<AcceleratorInspection> {
  const { accelerator: asked, binary, cpu } = machine;
  if (!probe) return { asked, shown: asked === "tcg" ? "tcg" : "kvm" };
  const decided = await decideAccelerator(asked === "tcg" ? "tcg" : "auto", binary, cpu, signal);
  const problem = decided.fallback?.message;
  const shown = asked === "kvm" ? "kvm" : decided.accelerator;
  return { asked, shown, ...(problem === undefined ? {} : { problem }) };
}

async function argumentList(template: Template, shape: MachineShape): Promise<string[]> {
  const build = buildPaths(template.name);
  const uefi = shape.firmware === "uefi" ? await findUefi() : undefined;
  const code = uefi?.code ?? "/usr/share/OVMF/OVMF_CODE_4M.fd";
  const files = {
    disk: build.disk,
    readOnlyDisks: [build.seed],
    console: runPaths(build, RUN_ID).console,
    qmpSocket: join(await likelyRuntimeFolder(), `${RUN_ID}.qmp`),
    sshPort: ANY_PORT,
    ...(shape.firmware === "uefi"
      ? { firmware: { code, variables: build.firmwareVariables } }
      : {}),
  };
  return qemuArguments(shape, files);
}

function inspectSteps({ steps }: Template): StepInspection[] {
  return steps.map(({ name, timeout, retries, environment, actions, verify }) => ({
    name,
    timeoutMs: timeout,
    retries,
    environment,
    actions: actions.map((action) => ({
      type: action.type.name,
      summary: describeAction(action),
      timeoutMs: action.timeoutMs ?? timeout,
    })),
    verify,
  }));
}

function inspectAcceptance({ acceptance }: Template): Pick<Inspection, "acceptance"> {
  if (!acceptance) return {};
  const describe = (checks: readonly Check[]): CheckInspection[] =>
    checks.map((check) => ({ name: check.name, summary: summarizeCheck(check) }));
  const rounds = acceptance.rounds.map(({ name, checks }) => ({ name, checks: describe(checks) }));
  return { acceptance: { checks: describe(acceptance.checks), rounds } };
}

function inspectOutput(template: Template, directory: string | undefined): Inspection["output"] {
  const plan = planOutput(template, directory);
  const companions = template.steps
    .flatMap(({ actions }) => actions)
    .flatMap(({ type, value }) => type.outputs(value as never))
    .map(({ to }) => join(plan.folder, to));
  const sums = plan.checksums.map((algorithm) => checksumPath(plan.path, algorithm));
  const files = [plan.path, ...sums, join(plan.folder, MANIFEST_NAME), ...companions];
  const { folder, format, compression } = plan;
  return { folder, format, compression, files };
}

/**
 * Tells what a run of the template would do. Sensitive variables are masked wherever they stand.
 * @throws the signal's reason.
 */
export async function inspectTemplate(
  template: Template,
  options: InspectOptions,
): Promise<Inspection> {
  const accelerator = await inspectAccelerator(template, options);
  const { extraArguments, ...shape } = completeShape(planMachine(template), accelerator.shown);
  const installed = await installedVersion(shape.binary, options.signal);
  const sensitive = (name: string): boolean => template.variables[name]?.sensitive === true;
  const secrets = new Secrets();
  for (const secret of template.secrets) secrets.add(secret);
  return secrets.maskAll<Inspection>({
    name: template.name,
    version: template.version,
    ...(template.description === undefined ? {} : { description: template.description }),
    template: template.path,
    variables: [...template.values].map(([name, value]) => ({
      name,
      value: sensitive(name) && value !== "" ? "***" : value,
      sensitive: sensitive(name),
    })),
    base: await inspectBase(template),
    inputs: await inspectInputs(template),
    machine: { ...shape, disk: template.machine.disk },
    accelerator,
    ssh: { user: template.ssh.user, timeoutMs: template.ssh.timeout },
    seed: template.seed,
    qemu: {
      program: shape.binary,
      ...(installed ? { version: installed.text } : {}),
      arguments: await argumentList(template, { ...shape, extraArguments }),
    },
    steps: inspectSteps(template),
    seal: template.seal,
    ...inspectAcceptance(template),
    output: inspectOutput(template, options.outputDirectory),
  });
}
