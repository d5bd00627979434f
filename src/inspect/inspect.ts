/** Describes what a run would do, without doing it, as plain data. */
import { join, resolve } from "node:path";
import type { Check } from "../acceptance/check-schema.js";
import { summarizeCheck } from "../acceptance/summary.js";
import { checksumPath } from "../artifact/checksum-files.js";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import { VmbuildError } from "../errors.js";
import { Secrets } from "../events/secrets.js";
import { likelyRuntimeFolder } from "../host/paths.js";
import { decideAccelerator, foreignProblem } from "../machine/accelerator.js";
import { qemuArguments } from "../machine/argv.js";
import { findUefi, uefiCandidates } from "../machine/firmware.js";
import { qemuVersion } from "../machine/qemu-version.js";
import type { Accelerator, MachineShape } from "../machine/shape.js";
import type { Template } from "../template/load.js";
import { packerManifestSettings } from "../template/packer-manifest-schema.js";
import { inspectBase, inspectInputs } from "./sources.js";
import type { SourceInspection } from "./sources.js";
import { completeShape } from "../machine/shape.js";
import { inspectHostCommands, inspectSteps } from "./steps.js";
import type { CommandsInspection, StepInspection } from "./steps.js";
import { inspectPacker } from "./packer.js";
import type { PackerInspection } from "./packer.js";
import { describingNames, planMachine, planOutput } from "../requirements/plan.js";
import type { ImagePlan } from "../requirements/plan.js";
import { previewSeed } from "../requirements/seed.js";
import type { Seed } from "../seed/kind.js";
import { attachSeed } from "../seed/media.js";
import { seedKindName } from "../seed/registry.js";
import { buildPaths, runPaths } from "../builds/workspace.js";

/** Placeholder for values that only a run determines. */
const RUN_ID = "RUN";
/** Placeholder for a port that the kernel assigns. */
const ANY_PORT = 0;

/** Accelerator that a run would use. */
export interface AcceleratorInspection {
  readonly asked: Template["machine"]["accelerator"];
  /** Accelerator of the displayed argument list. */
  readonly shown: Accelerator;
  /** Set when KVM was tried and is not usable here. */
  readonly problem?: string;
}

/** Disk beside the root disk. */
export interface DiskInspection {
  readonly name: string;
  readonly bus: string;
  /** Bytes; undefined for the size of its image. */
  readonly size?: number | undefined;
  /** Path of its image, as the template names it. */
  readonly from?: string | undefined;
  readonly published: boolean;
}

/** Acceptance check. */
export interface CheckInspection {
  readonly name: string;
  /** Summary of the check. */
  readonly summary: string;
}

/** Settings of the seed, and what they lead to. */
export interface SeedInspection extends Omit<Template["seed"], "kind"> {
  readonly kind: string;
  /** How the build gets into the guest. */
  readonly way: string;
}

/** Result of an inspection. Paths are absolute, sizes bytes. */
export interface Inspection {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly template: string;
  /** Commit of the template, where the template refers to it. */
  readonly source?: { readonly branch: string; readonly commit: string; readonly dirty: boolean };
  readonly variables: readonly {
    name: string;
    value: string | number | boolean;
    sensitive: boolean;
  }[];
  readonly base: SourceInspection;
  readonly inputs: readonly SourceInspection[];
  readonly machine: Omit<MachineShape, "extraArguments" | "disks"> & {
    /** Undefined where the disk has the base's own size. */
    readonly disk: number | undefined;
    readonly disks: readonly DiskInspection[];
  };
  readonly accelerator: AcceleratorInspection;
  readonly ssh: { readonly user: string; readonly timeoutMs: number };
  readonly seed: SeedInspection;
  readonly qemu: {
    readonly program: string;
    /** Undefined where QEMU is not installed; the arguments are then those for QEMU 7.2. */
    readonly version?: string;
    readonly arguments: readonly string[];
  };
  readonly steps: readonly StepInspection[];
  readonly seal: Template["seal"];
  /** What became of each option of a Packer template. */
  readonly packer?: PackerInspection;
  /** Commands of the host that change the disk of the stopped machine. */
  readonly post: readonly CommandsInspection[];
  /** Commands of the host that run when the image is published. */
  readonly after: readonly CommandsInspection[];
  /** Checks of `vmbuild test`: all of them once, and again in each further round. */
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
    /** All images; the first is the one that `format` and `compression` describe. */
    readonly images: readonly ImagePlan[];
    readonly files: readonly string[];
    /** Absolute path of the manifest in Packer's format, and the artifact's id in it. */
    readonly packerManifest?: { readonly file: string; readonly artifactId: string };
  };
}

/** Options of an inspection. */
export interface InspectOptions {
  /** Replaces the template's output folder. */
  readonly outputDirectory?: string | undefined;
  /** Tests KVM as a run would, and reports the result. */
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
  template: Template,
  { probe, signal }: InspectOptions,
): Promise<AcceleratorInspection> {
  const { accelerator: asked } = template.machine;
  const foreign = asked === "tcg" ? undefined : foreignProblem(planMachine(template));
  if (!probe || foreign) {
    const shown = asked === "tcg" || (asked === "auto" && foreign) ? "tcg" : "kvm";
    return { asked, shown, ...(foreign ? { problem: foreign.message } : {}) };
  }
  const decided = await decideAccelerator(
    asked === "tcg" ? "tcg" : "auto",
    planMachine(template),
    signal,
  );
  const problem = decided.fallback?.message;
  const shown = asked === "kvm" ? "kvm" : decided.accelerator;
  return { asked, shown, ...(problem === undefined ? {} : { problem }) };
}

async function argumentList(
  template: Template,
  shape: MachineShape,
  { media }: Seed,
): Promise<string[]> {
  const build = buildPaths(template.name);
  const uefi =
    shape.firmware === "uefi" ? ((await findUefi(shape)) ?? uefiCandidates(shape)[0]) : undefined;
  const runtime = await likelyRuntimeFolder();
  const files = {
    disk: build.disk,
    disksFolder: build.disks,
    tpmSocket: join(runtime, `${RUN_ID}.tpm`),
    ...attachSeed(media, build.seed),
    console: runPaths(build, RUN_ID).console,
    qmpSocket: join(runtime, `${RUN_ID}.qmp`),
    sshPort: ANY_PORT,
    guestSshPort: template.ssh.port,
    ...(uefi ? { firmware: { code: uefi.code, variables: build.firmwareVariables } } : {}),
  };
  return qemuArguments(shape, files);
}

function inspectMachine(
  { machine: { disk, skipResize, disks } }: Template,
  shape: Omit<MachineShape, "extraArguments">,
): Inspection["machine"] {
  return {
    ...shape,
    disk: skipResize ? undefined : disk,
    disks: disks.map(({ name, bus, size, from, publish }) => {
      return { name, bus, size, from, published: publish !== false };
    }),
  };
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
  const images = plan.images.flatMap(({ path }) => [
    path,
    ...plan.checksums.map((algorithm) => checksumPath(path, algorithm)),
  ]);
  const own = [MANIFEST_NAME, ...describingNames(plan)].map((name) => join(plan.folder, name));
  const files = [...images, ...own, ...companions];
  const { folder, format, compression, images: plans } = plan;
  const { packerManifest } = template.output;
  const described = { folder, format, compression, images: plans, files };
  if (packerManifest === undefined) return described;
  const { file, artifactId } = packerManifestSettings(packerManifest);
  return { ...described, packerManifest: { file: resolve(file), artifactId } };
}

function inspectSource({ workTree }: Template): Pick<Inspection, "source"> {
  if (!workTree) return {};
  const { branch, commit, changes } = workTree;
  return { source: { branch, commit, dirty: changes.length > 0 } };
}

/**
 * Describes what a run of the template would do. Sensitive variables are masked everywhere.
 * @throws the signal's reason.
 */
export async function inspectTemplate(
  template: Template,
  options: InspectOptions,
): Promise<Inspection> {
  const accelerator = await inspectAccelerator(template, options);
  const { extraArguments, ...shape } = completeShape(planMachine(template), accelerator.shown);
  const installed = await installedVersion(shape.binary, options.signal);
  const { seed, isOpen } = await previewSeed(template);
  const sensitive = (name: string): boolean => template.variables[name]?.sensitive === true;
  const secrets = new Secrets();
  for (const secret of template.secrets) secrets.add(secret);
  return secrets.maskAll<Inspection>({
    name: template.name,
    version: template.version,
    ...(template.description === undefined ? {} : { description: template.description }),
    template: template.path,
    ...inspectSource(template),
    variables: [...template.values].map(([name, value]) => ({
      name,
      value: sensitive(name) && value !== "" ? "***" : value,
      sensitive: sensitive(name),
    })),
    base: await inspectBase(template),
    inputs: await inspectInputs(template),
    machine: inspectMachine(template, shape),
    accelerator,
    ssh: { user: template.ssh.user, timeoutMs: template.ssh.timeout },
    seed: {
      ...template.seed,
      kind: seedKindName(template.seed),
      way: isOpen ? `${seed.way}, or systemd credentials, once the base exists` : seed.way,
    },
    qemu: {
      program: shape.binary,
      ...(installed ? { version: installed.text } : {}),
      arguments: await argumentList(template, { ...shape, extraArguments }, seed),
    },
    steps: inspectSteps(template),
    seal: template.seal,
    post: inspectHostCommands(template.post),
    after: inspectHostCommands(template.after),
    ...(template.packer && { packer: inspectPacker(template.packer) }),
    ...inspectAcceptance(template),
    output: inspectOutput(template, options.outputDirectory),
  });
}
