/** Creates the artifact after the last step: seal, shut down, compact, digest, describe. */
import { arch, release } from "node:os";
import { basename, isAbsolute, join } from "node:path";
import { requireCompanionNames, stageCompanions } from "../artifact/companions.js";
import { checksumPath, formatChecksum } from "../artifact/checksum-files.js";
import type { Digests } from "../artifact/digest.js";
import {
  MANIFEST_NAME,
  MANIFEST_VERSION,
  formatManifest,
  describingFiles,
} from "../artifact/manifest.js";
import type { Manifest } from "../artifact/manifest.js";
import { requireOwnFolder } from "../artifact/output-owner.js";
import type { Base } from "../base/base.js";
import type { RunResult } from "../events/result.js";
import type { Guest } from "../guest/guest.js";
import type { GuestPackages } from "../packages/list.js";
import { tracesOf } from "../seed/keys.js";
import type { BuildKeys } from "../seed/keys.js";
import type { Seed } from "../seed/kind.js";
import { lastCommand, sealGuest, trimGuest } from "../guest/seal.js";
import { relativeToCurrent } from "../host/current-folder.js";
import { imageNames } from "../requirements/plan.js";
import { scrubDisk } from "../machine/scrub.js";
import { DEFAULT_STOP_DEADLINES, stopMachine } from "../machine/stop.js";
import type { Template } from "../template/load.js";
import { vmbuildVersion } from "../version.js";
import type { RunContext, ContextWith } from "./context.js";
import { moveConflictingFiles } from "./companions.js";
import { readFacts } from "./facts.js";
import { makeImages, openStaging } from "./images.js";
import type { Facts } from "../steps/facts.js";
import { listPackagesDuring, stagePackages } from "./packages.js";
import type { FinishedImage } from "./images.js";
import { outputTarget } from "./output.js";
import { runPost } from "./post.js";
import { stageProvenance } from "./provenance.js";
import { describeSource } from "./source.js";
import type { Prepared } from "./prepare.js";
import type { ReadyMachine, StoppedMachine } from "./lifecycle.js";
import type { StepRecord } from "./steps.js";

/**
 * Removes the build's keys and identity from the guest, and trims its file systems.
 * @returns the packages of the guest, which are listed meanwhile; undefined where there is no list.
 */
export async function seal(
  context: ContextWith<"template" | "emit" | "phase" | "output">,
  seed: Seed,
  guest: Guest,
  keys: BuildKeys,
): Promise<GuestPackages | undefined> {
  const { template, emit } = context;
  return context.phase("seal", async () => {
    if (!template.seal) {
      return (await listPackagesDuring(context, guest, () => trimGuest(guest))).packages;
    }
    const keep = template.seal === true ? [] : template.seal.keep;
    const { done, packages } = await listPackagesDuring(context, guest, () =>
      sealGuest(guest, keys, seed.sealScript(keys), keep),
    );
    const { warnings, notes } = done;
    for (const message of notes) emit({ type: "note", message });
    for (const warning of warnings) emit({ type: "warning", ...warning });
    return packages;
  });
}

/** Shuts the guest down. */
export async function shutDown(
  context: RunContext,
  seed: Seed,
  { machine, guest }: Pick<ReadyMachine, "machine" | "guest">,
): Promise<void> {
  const { template, emit, options } = context;
  const { signal } = options;
  const deadlines = { ...DEFAULT_STOP_DEADLINES, guest: template.shutdown.timeout };
  const last = template.seal ? lastCommand(seed.sudoRules) : undefined;
  const poweroff = (): Promise<void> => guest.poweroff(last);
  await context.phase(
    "shutdown",
    () => stopMachine(machine, { emit, signal, poweroff, deadlines }),
    { detail: ({ method }) => `by ${method}` },
  );
}

/** Overwrites traces of the build in free blocks of the disks. */
export async function scrub(
  context: ContextWith<"template" | "options" | "phase">,
  stopped: StoppedMachine,
): Promise<void> {
  const { template, options } = context;
  if (!template.seal) return;
  const scrubAll = async (): Promise<number> => {
    let count = 0;
    for (const disk of [stopped.disk, ...stopped.disks.values()]) {
      count += await scrubDisk(disk, tracesOf(stopped.keys), options.signal);
    }
    return count;
  };
  await context.phase("seal", scrubAll, {
    detail: (count) => `${count} matches overwritten in free blocks`,
  });
}

interface FinishedArtifact {
  readonly images: readonly FinishedImage[];
  /** Names of the files that steps created beside the images. */
  readonly companions: readonly string[];
  /** Facts for the manifest. */
  readonly facts: Facts;
  readonly packages: Manifest["packages"];
}

/** Data from which the artifact is created. */
export interface ArtifactSource {
  readonly stopped: StoppedMachine;
  readonly steps: readonly StepRecord[];
  /** Steps whose checkpoint was modified with `vmbuild ssh --save` before later steps ran. */
  readonly changedByHand: readonly string[];
  /** Packages of the guest, where they were listed. */
  readonly packages?: GuestPackages | undefined;
  /** Archive of patches among the run's outputs, where one was made. */
  readonly patches?: Manifest["patches"];
}

/**
 * Returns a path relative to the current folder, or only the name where it is outside: a manifest
 * must not reveal paths of this host.
 */
function pathForManifest(path: string): string {
  const shown = relativeToCurrent(path);
  return shown.startsWith("..") || isAbsolute(shown) ? basename(path) : shown;
}

function describeFiles({ files: [own, ...parents] }: Template): Manifest["template"] {
  const describe = ({ path, digest }: Template["files"][number]) => ({
    path: pathForManifest(path),
    digest: `sha256:${digest}`,
  });
  const inherited = parents.map(describe);
  return { ...describe(own), ...(inherited.length > 0 ? { parents: inherited } : {}) };
}

function describeUpstream({ upstream }: Pick<Base, "upstream">) {
  return upstream ? { upstream: { ...upstream, digests: { ...upstream.digests } } } : {};
}

function describeBase(base: Base): Manifest["base"] {
  const { kind, origin, digest, otherFiles } = base;
  const files = otherFiles.map((file) => ({ name: basename(file.path), digest: file.digest }));
  return {
    kind,
    origin,
    ...(digest === undefined ? {} : { digest }),
    ...(base.sourceDigest === undefined ? {} : { source: base.sourceDigest }),
    ...(files.length > 0 ? { files } : {}),
    ...describeUpstream(base),
  };
}

function createManifest(
  context: RunContext,
  prepared: Prepared,
  { images, companions, facts, packages }: FinishedArtifact,
  { steps, changedByHand, patches }: ArtifactSource,
): Manifest {
  const { template } = context;
  const { base, host, inputs } = prepared;
  return {
    manifestVersion: MANIFEST_VERSION,
    name: template.name,
    version: template.version,
    created: new Date().toISOString(),
    template: describeFiles(template),
    ...describeSource(context),
    base: describeBase(base),
    inputs: inputs.map(({ name, origin, digest, commit, upstream }) => ({
      name,
      origin,
      ...(digest ? { digest: `${digest.algorithm}:${digest.hex}` } : {}),
      ...(commit ? { commit } : {}),
      ...describeUpstream({ upstream }),
    })),
    vmbuild: { version: vmbuildVersion() },
    qemu: { version: host.qemu.text },
    accelerator: host.accelerator,
    arch: template.machine.arch,
    host: { arch: arch(), os: `Linux ${release()}` },
    files: images.map(({ plan, size, virtualSize, checksums }) => ({
      name: plan.filename,
      format: plan.format,
      ...(plan.subformat === undefined ? {} : { subformat: plan.subformat }),
      compression: plan.compression,
      ...(plan.pack === undefined ? {} : { pack: plan.pack }),
      ...(plan.disk === undefined ? {} : { disk: plan.disk }),
      size,
      virtualSize,
      checksums,
    })),
    ...(companions.length > 0 ? { companions: [...companions] } : {}),
    ...(Object.keys(facts).length > 0 ? { facts } : {}),
    ...(packages ? { packages } : {}),
    ...(patches ? { patches } : {}),
    steps: steps.map(({ name, durationMs, restored }) => ({
      name,
      durationMs: Math.round(durationMs),
      ...(restored ? { restored } : {}),
    })),
    ...(changedByHand.length > 0 ? { changedByHand: [...changedByHand] } : {}),
  };
}

function composeResult(
  context: RunContext,
  { images }: FinishedArtifact,
  steps: readonly StepRecord[],
): RunResult {
  const { template, output, workspace, warnings } = context;
  const [artifact, ...otherArtifacts] = images.map(({ plan, size, virtualSize, checksums }) => ({
    path: plan.path,
    size,
    virtualSize,
    checksums,
  }));
  return {
    name: template.name,
    version: template.version,
    upToDate: false,
    ...(artifact ? { artifact } : {}),
    ...(otherArtifacts.length > 0 ? { otherArtifacts } : {}),
    manifest: join(output.folder, MANIFEST_NAME),
    runFolder: workspace.run.folder,
    steps,
    warnings,
  };
}

/**
 * Creates the artifact from a stopped machine's disk. Files appear under their final names only
 * when all are complete; an older artifact remains until then.
 * @throws {VmbuildError} POST_FAILED, PROVENANCE_SIGN, OUTPUT_TAKEN, ARTIFACT_NAMES, ARTIFACT_CONVERT, ARTIFACT_SPACE,
 *   ARTIFACT_DIGEST.
 */
export async function makeArtifact(
  context: RunContext,
  prepared: Prepared,
  source: ArtifactSource,
): Promise<RunResult> {
  const { output, workspace } = context;
  const disk = await runPost(context, source.stopped);
  await requireCompanionNames(workspace.run.outputs, imageNames(output), output);
  await using staging = await openStaging(context);
  const { disks } = source.stopped;
  const images = await makeImages(context, { disk, disks }, staging);
  const publish = async (): Promise<RunResult> => {
    const companions = await stageCompanions(workspace.run.outputs, staging);
    const packages = await stagePackages(context, staging, source.packages, images);
    for (const { plan, checksums } of images) {
      for (const [algorithm, hex] of Object.entries(checksums) as [keyof Digests, string][]) {
        const name = checksumPath(plan.filename, algorithm);
        await staging.write(name, "checksums", formatChecksum(hex, plan.filename));
      }
    }
    const facts = await readFacts(context);
    const finished = { images, companions, facts, packages };
    const manifest = createManifest(context, prepared, finished, source);
    const provenance = await stageProvenance(context, staging, manifest);
    const whole = provenance ? { ...manifest, provenance } : manifest;
    await staging.write(MANIFEST_NAME, "manifest", formatManifest(whole));
    // Another program may have written a manifest meanwhile.
    await requireOwnFolder(outputTarget(context));
    await moveConflictingFiles(context, describingFiles(whole));
    await staging.publish();
    return composeResult(context, finished, source.steps);
  };
  // `await` is needed because the staging is disposed of when this function returns.
  return await context.phase("describe", publish, { own: true });
}
