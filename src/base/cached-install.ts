/** Caches bases that an installer has created, which all builds with the same key share. */
import { createHash } from "node:crypto";
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { describeContent, digestOf } from "../checkpoints/content.js";
import { VmbuildError } from "../errors.js";
import { formatDuration } from "../host/format.js";
import { syncToDisk } from "../host/files.js";
import { hashFile } from "../inputs/digest.js";
import { install } from "../install/install.js";
import type { InstallPlan } from "../install/install.js";
import { digestFiles } from "../install/files.js";
import { DEFAULT_ARCHITECTURE } from "../machine/architectures/registry.js";
import type { MachinePlan } from "../machine/shape.js";
import { loadKeyPair, makeBaseKey, saveKeyPair } from "../seed/keys.js";
import { requireFit } from "./base-image.js";
import { cachedImagePath, getCachedImage } from "./cached-image.js";
import type { BaseContext, FoundImage } from "./kind.js";
import { startImage } from "./start-image.js";

/** Version of the way in which installers are run; a change of it creates all bases anew. */
const RECIPE = 1;
const NAME = "installed.qcow2";
const KEY_NAME = "id_ed25519";
const VARIABLES_NAME = "efivars.fd";

const recordSchema = z.object({
  digest: z.string(),
  hasKey: z.boolean(),
  hasVariables: z.boolean(),
});

/** Returns the part of a machine that the installed system depends on. */
async function identityOf(
  machine: MachinePlan,
  disk: number | undefined,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const { binary, machineType, firmware, diskBus, network, cpuModel, extraArguments } = machine;
  const { uefiFiles, secureBoot, tpm, display, networks } = machine;
  const digests = uefiFiles && [
    await digestOf(uefiFiles.code, { signal }),
    await digestOf(uefiFiles.variables, { signal }),
  ];
  // Fields without a value do not become part of the JSON.
  const arch = machine.arch === DEFAULT_ARCHITECTURE.name ? undefined : machine.arch;
  const devices = { arch, uefiFiles: digests, secureBoot, tpm, display, networks };
  const common = { binary, machineType, firmware, diskBus, network, cpuModel, extraArguments };
  return { ...common, disk, ...devices };
}

/** Part of the context that an installed base depends on. */
type KeyContext = Pick<BaseContext, "signal" | "disk"> & {
  readonly installer: Pick<BaseContext["installer"], "machine" | "keepsSize">;
};

/**
 * Describes everything that an installed base depends on. The number of CPUs, the memory and the
 * accelerator are not part of it: they determine how long an installation takes.
 */
async function describeInstall(
  plan: InstallPlan,
  { installer, signal }: KeyContext,
  disk: number | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  const { definition, fetched, media, httpFiles, httpFolders } = plan;
  const folders = await Promise.all(
    httpFolders.map((path, index) => describeContent(path, String(index), { signal })),
  );
  const digests = [...fetched].map(([name, { digest }]) => [name, digest?.hex]);
  const { kernel, initrd, commandLine, bootCommand, end, cdBus } = definition;
  return {
    recipe: RECIPE,
    machine: await identityOf(installer.machine, disk, signal),
    media: Object.fromEntries(digests),
    boot: [kernel, initrd].filter((file) => typeof file === "string"),
    commandLine,
    bootCommand,
    end,
    cdBus,
    files: digestFiles(httpFiles),
    folders,
    further: media.map(({ label, isFloppy, files }) => [label, isFloppy, digestFiles(files)]),
  };
}

/** Returns the size of the disk in bytes; undefined for that of the image that it is a copy of. */
function diskOf({ definition }: InstallPlan, { disk, installer }: KeyContext): number | undefined {
  if (definition.disk !== undefined) return definition.disk;
  return definition.image !== undefined && installer.keepsSize ? undefined : disk;
}

/** Returns the key of an installed base: a hash of everything that it depends on. */
async function installKey(plan: InstallPlan, context: KeyContext): Promise<string> {
  const description = await describeInstall(plan, context, diskOf(plan, context));
  return createHash("sha256").update(JSON.stringify(description)).digest("hex");
}

/** Returns the path of an installed base, which need not exist yet. */
export async function installLocation(plan: InstallPlan, context: KeyContext): Promise<string> {
  return cachedImagePath(await installKey(plan, context), NAME);
}

/**
 * Returns the base that an installer creates, from the cache or created now. Concurrent runs install
 * it once.
 * @throws {VmbuildError} BASE_INSTALL; codes of inputs and of machines.
 */
export async function resolveInstall(
  plan: InstallPlan,
  context: BaseContext,
  origin: string,
): Promise<FoundImage> {
  const { signal } = context;
  const disk = diskOf(plan, context);
  const key = await installKey(plan, context);
  const folder = dirname(cachedImagePath(key, NAME));
  const { path, record } = await getCachedImage({
    key,
    name: NAME,
    signal,
    make: (target, workFolder) => make({ plan, context, disk, origin }, target, workFolder),
  });
  const { digest, hasKey, hasVariables } = recordSchema.parse(record);
  return {
    path,
    origin,
    digest: `sha256:${digest}`,
    isComplete: true,
    ...(hasKey ? { key: await loadKeyPair(join(folder, KEY_NAME)) } : {}),
    ...(hasVariables ? { firmwareVariables: join(folder, VARIABLES_NAME) } : {}),
  };
}

interface MakeInput {
  readonly plan: InstallPlan;
  readonly context: BaseContext;
  /** Bytes; undefined for the size of the image. */
  readonly disk: number | undefined;
  readonly origin: string;
}

/** Installs into the work folder, and moves the results to the cache: the image at last. */
async function make(
  { plan, context, disk, origin }: MakeInput,
  target: string,
  workFolder: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { emit, signal } = context;
  const started = performance.now();
  emit({ type: "note", message: `Installing from ${origin}; the result will be cached` });
  emit({ type: "phase.started", phase: "install" });
  const image = await startImage(plan.fetched, context);
  const size = disk ?? image?.virtualSize;
  if (size === undefined) throw new VmbuildError("DEFECT", "An installer needs a disk size");
  if (image !== undefined) requireFit({ ...image, origin }, size);
  const key = plan.usesKey ? makeBaseKey() : undefined;
  const prepared = await context.installer.prepare(key);
  const work = { ...prepared, folder: workFolder, disk: size, image, key };
  const result = await install(plan, work, { emit, signal });
  const durationMs = performance.now() - started;
  emit({ type: "phase.finished", phase: "install", durationMs });
  const { sha256: digest } = await hashFile(result.disk, [], signal);
  const folder = dirname(target);
  if (key !== undefined) await saveKeyPair(key, join(folder, KEY_NAME));
  if (result.variables !== undefined) await rename(result.variables, join(folder, VARIABLES_NAME));
  await syncToDisk(result.disk);
  await rename(result.disk, target);
  return {
    digest,
    origin,
    hasKey: key !== undefined,
    hasVariables: result.variables !== undefined,
    installedIn: formatDuration(durationMs),
    requests: result.requests,
  };
}
