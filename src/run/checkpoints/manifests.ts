/**
 * Creates the manifests of a build: one for the machine before the first step, one for each step.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, relative, sep } from "node:path";
import { describeContent, digestOf } from "../../checkpoints/content.js";
import type { StoreText } from "../../checkpoints/content.js";
import type { Manifest } from "../../checkpoints/manifest.js";
import { createRedact } from "../../checkpoints/secrets.js";
import type { Redact } from "../../checkpoints/secrets.js";
import type { ResolvedInput } from "../../inputs/inputs.js";
import { inputKindOf } from "../../inputs/registry.js";
import { qemuArguments } from "../../machine/argv.js";
import { completeShape } from "../../machine/shape.js";
import type { MachineShape } from "../../machine/shape.js";
import { attachSeed } from "../../seed/media.js";
import type { ParsedAction } from "../../steps/registry.js";
import type { LocalSource } from "../../steps/action.js";
import { isOutsideProject } from "../../steps/project-files.js";
import type { Template } from "../../template/load.js";
import type { Step } from "../../steps/schema.js";
import { buildPathsOf, planMachine } from "../../requirements/plan.js";
import { describeDisks } from "../extra-disks.js";
import type { Prepared } from "../prepare.js";

/** Version of the manifests. Raised when older checkpoints can no longer replace new ones. */
const MANIFEST_FORMAT = "1";

const hash = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");

/**
 * Returns the model of the host's processor. With `-cpu host` the guest knows it, and its
 * checkpoint may not run on another.
 */
async function hostCpu(): Promise<string> {
  const text = await readFile("/proc/cpuinfo", "utf8");
  const field = (name: string): string =>
    new RegExp(`^${name}\\s*: (.*)$`, "m").exec(text)?.[1] ?? "";
  return `${field("model name")}, features ${hash(field("flags")).slice(0, 12)}`;
}

/**
 * Returns QEMU's arguments with fixed names in place of paths and ports that differ between runs.
 */
function normalizedArguments(
  shape: MachineShape,
  { host, seed }: Pick<Prepared, "host" | "seed">,
  guestSshPort: number,
): string[] {
  const files = {
    disk: "/disk",
    disksFolder: "/disks",
    tpmSocket: "/tpm",
    ...attachSeed(seed.media, "/seed"),
    qmpSocket: "/qmp",
    console: "/console",
    sshPort: 22,
    guestSshPort,
    ...(host.uefi ? { firmware: { code: "/code", variables: "/variables" } } : {}),
  };
  return qemuArguments({ ...shape, name: "build" }, files);
}

async function baseDigest(prepared: Prepared, signal: AbortSignal): Promise<string> {
  const { base } = prepared;
  return base.digest ?? `sha256:${await digestOf(base.path, { signal })}`;
}

/** Describes the backing files of the base by number; their folders are irrelevant. */
function describeOtherFiles({ base }: Prepared): Manifest {
  const entries = base.otherFiles.map(({ path, digest }, index) => [
    `base file ${index + 2} (${basename(path)})`,
    digest,
  ]);
  return Object.fromEntries(entries) as Manifest;
}

/** Describes the size of the root disk. */
function describeDisk({ machine: { disk, skipResize } }: Template): string {
  return skipResize ? "the base's own size" : `${disk / 2 ** 20} MiB`;
}

/** Describes the devices that most machines do not have. */
function describeDevices({ secureBoot, tpm, display, disks, networks }: MachineShape): Manifest {
  return {
    ...(secureBoot ? { "machine.secureBoot": "true" } : {}),
    ...(tpm ? { "machine.tpm": "true" } : {}),
    ...(display === undefined ? {} : { "machine.display": display }),
    ...(disks ? { "machine.disks": JSON.stringify(disks) } : {}),
    ...(networks ? { "machine.networks": JSON.stringify(networks) } : {}),
  };
}

/**
 * Creates the manifest of the machine before the first step. Builds with the same manifest share
 * its checkpoint.
 */
export async function rootManifest(
  template: Template,
  prepared: Prepared,
  signal: AbortSignal,
): Promise<Manifest> {
  const { host } = prepared;
  const shape = completeShape(planMachine(template), host.accelerator);
  const { uefi } = host;
  return {
    format: MANIFEST_FORMAT,
    base: await baseDigest(prepared, signal),
    ...describeOtherFiles(prepared),
    QEMU: host.qemu.text,
    "machine.arch": shape.arch,
    "machine.binary": shape.binary,
    "machine.accelerator": shape.accelerator,
    "machine.cpu": shape.cpuModel,
    ...(shape.accelerator === "kvm" ? { "the host's CPU": await hostCpu() } : {}),
    "machine.cpus": String(shape.cpus),
    "machine.memory": `${shape.memory / 2 ** 20} MiB`,
    "machine.disk": describeDisk(template),
    "machine.type": shape.machineType,
    "machine.firmware": shape.firmware,
    "machine.diskBus": shape.diskBus,
    "machine.network": shape.network,
    ...describeDevices(shape),
    ...describeDisks(prepared.disks),
    "machine.arguments": JSON.stringify(shape.extraArguments),
    "QEMU's arguments": `sha256:${hash(JSON.stringify(normalizedArguments(shape, prepared, template.ssh.port)))}`,
    ...(uefi ? { "UEFI code": `sha256:${await digestOf(uefi.code, { signal })}` } : {}),
    ...(uefi?.variablesTemplate
      ? { "UEFI variables": `sha256:${await digestOf(uefi.variablesTemplate, { signal })}` }
      : {}),
    "ssh.user": template.ssh.user,
    ...(await prepared.seed.describe(await createRedact(template.secrets))),
  };
}

/** Data needed to describe the steps of a template. */
export interface StepDescriber {
  readonly template: Template;
  readonly inputs: readonly ResolvedInput[];
  readonly redact: Redact;
  /** Undefined where nothing of a build may be stored. */
  readonly storeText: StoreText | undefined;
  readonly signal: AbortSignal;
}

/** Creates the data needed to describe steps. */
export async function createStepDescriber(
  template: Template,
  inputs: readonly ResolvedInput[],
  storeText: StoreText | undefined,
  signal: AbortSignal,
): Promise<StepDescriber> {
  const { secrets } = template;
  const containsSecret = (content: Buffer): boolean =>
    secrets.some((secret) => secret !== "" && content.includes(secret));
  const storeUnlessSecret: StoreText | undefined =
    storeText &&
    (async (sha256, content) => {
      if (!containsSecret(content)) await storeText(sha256, content);
    });
  const redact = await createRedact(secrets);
  return { template, inputs, redact, storeText: storeUnlessSecret, signal };
}

/** Replaces the paths of inputs by their names: a path says nothing about the content. */
function replaceInputPaths(text: string, inputs: readonly ResolvedInput[]): string {
  return inputs
    .toSorted((one, other) => other.path.length - one.path.length)
    .reduce((rest, { name, path }) => rest.replaceAll(path, `input ${name}`), text);
}

function actionManifest(action: ParsedAction, number: number, describer: StepDescriber): Manifest {
  const manifest: Record<string, string> = {};
  for (const [key, value] of Object.entries(action.value as Record<string, unknown>)) {
    // `cache` controls whether the action runs again, not what it does.
    if (key === "cache" || value === undefined) continue;
    // Secrets are replaced before the value becomes JSON, which may escape some of their
    // characters.
    const clean = (text: string): string =>
      describer.redact(replaceInputPaths(text, describer.inputs));
    const text =
      typeof value === "string"
        ? clean(value)
        : JSON.stringify(value, (_key, part: unknown) =>
            typeof part === "string" ? clean(part) : part,
          );
    manifest[`action ${number} ${key}`] = text;
  }
  return manifest;
}

/** Number of files up to which each file of a project is named. */
const MAX_LISTED_PROJECT = 5000;

/** Returns what counts in a source. */
function scopeOf({ project }: LocalSource, template: Template) {
  if (project !== true) return {};
  const buildPaths = buildPathsOf(template);
  const skips = (path: string): boolean => isOutsideProject(path, buildPaths);
  return { skips, maxListed: MAX_LISTED_PROJECT };
}

async function sourceManifest(source: LocalSource, describer: StepDescriber): Promise<Manifest> {
  const { template, inputs, storeText, signal } = describer;
  const input = inputs.find(
    ({ path }) => source.path === path || source.path.startsWith(path + sep),
  );
  if (!input) {
    const label = relative(template.folder, source.path) || ".";
    const scope = scopeOf(source, template);
    return describeContent(source.path, label, { signal, storeText, ...scope });
  }
  const label = source.path.replace(input.path, `input ${input.name}`);
  const spec = template.inputSpecs.get(input.name);
  // Other inputs are read again, because a local action may have changed them since they were
  // fetched.
  if (spec && inputKindOf(spec).digestIsStable && input.digest && source.path === input.path) {
    const mode = ((await stat(input.path)).mode & 0o7777).toString(8).padStart(4, "0");
    return { [label]: `${mode} ${input.digest.algorithm}:${input.digest.hex}` };
  }
  return describeContent(source.path, label, { signal, storeText, ...scopeOf(source, template) });
}

/** Creates the manifest of a step: its definition, and everything that it reads from the host. */
export async function stepManifest(step: Step, describer: StepDescriber): Promise<Manifest> {
  const { template, redact } = describer;
  const manifest: Record<string, string> = { name: step.name };
  for (const [name, value] of Object.entries(step.environment)) {
    manifest[`environment ${name}`] = redact(value);
  }
  if (step.skipIf !== undefined) manifest["skipIf"] = redact(step.skipIf);
  for (const [position, action] of step.actions.entries()) {
    Object.assign(manifest, actionManifest(action, position + 1, describer));
    for (const source of action.type.sources(action.value as never, template.folder)) {
      const { storeText, ...rest } = describer;
      const own = { ...rest, storeText: step.cache ? storeText : undefined };
      Object.assign(manifest, await sourceManifest(source, own));
    }
  }
  for (const [position, command] of step.verify.entries()) {
    manifest[`verify ${position + 1}`] = redact(command);
  }
  return manifest;
}
