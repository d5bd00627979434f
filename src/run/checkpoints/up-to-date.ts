/** Finds out whether the image of an earlier run is up to date, and otherwise why not. */
import { readManifest } from "../../artifact/manifest.js";
import { statIfThere } from "../../host/files.js";
import type { Template } from "../../template/load.js";
import type { BuildOptions, ContextWith } from "../context.js";
import { adoptImage, readCacheKey } from "./cache-key.js";
import type { Decision, ResumeOptions } from "./decide.js";
import {
  digestOutputs,
  findAlteration,
  imageKey,
  readPublishedRecord,
  verifyChecksums,
  writeRecord,
} from "./published.js";
import type { PublishedImage } from "./published.js";
import { hasHostActions } from "./rerun-actions.js";
import { findOtherPatches } from "../patches.js";
import { findOtherSource } from "../source.js";

/** State of the image before a run. */
export interface ImageState {
  /** Finished image, if it exists and nothing has changed. */
  readonly upToDate: PublishedImage | undefined;
  /** Reason why an existing image is rebuilt although the template has not changed. */
  readonly alteration: string | undefined;
  /** Reason why an image is built; undefined where none is, or where one is up to date. */
  readonly miss: string | undefined;
}

type Context = ContextWith<"template" | "output" | "options" | "workspace" | "emit">;

/**
 * Returns whether QEMU's additional arguments name files. A checkpoint does not include other
 * disks, and no key covers the content of such a file.
 */
export function argumentsNameFiles({ machine }: Template): boolean {
  const names = /(^|,)(file|filename|path)(\.\w+)?=|"filename"|^-(drive|blockdev|hd[a-d]|cdrom)$/;
  return machine.arguments.some((argument) => names.test(argument));
}

/** Returns why an image is built whatever there is; undefined where it may be up to date. */
function reasonToBuild(
  { template, options }: Pick<Context, "template" | "options">,
  { cachedSteps }: Decision,
  resume: ResumeOptions,
): string | undefined {
  if (resume.force) return resume.forcedBy ?? "--force";
  if (resume.from !== undefined) return `--from ${resume.from}`;
  if (options.checkpoints === false) return "checkpoints are not used in this run";
  const uncached = template.steps.find((step) => !step.cache);
  if (uncached) return `the step ${uncached.name} has "cache": false`;
  if (argumentsNameFiles(template)) return "machine.arguments name files, which have no key";
  // The results of a local action are known after it has run, and only those of cached steps have.
  const acting = template.steps.slice(cachedSteps).find(hasHostActions);
  return acting && `the step ${acting.name} acts on this host`;
}

/** Returns why the image that this host has recorded does not count. */
function reasonOfRecord(recorded: PublishedImage, key: string, { steps }: Decision): string {
  if (recorded.key === key) return `the image of the last run is ${recorded.artifact.path}`;
  const first = steps.find(({ cached }) => !cached);
  return first
    ? `step ${first.index} (${first.step}): ${first.reason}`
    : "settings of the image changed";
}

/**
 * Returns the record of the image with a key, or why there is none: the record of this host, or of
 * another host whose image and `.cache-key` are in the output folder. The latter is recorded,
 * except in a preview.
 */
async function findRecord(
  { output, workspace }: Context,
  key: string,
  decision: Decision,
  isPreview: boolean,
): Promise<PublishedImage | string> {
  const recorded = await readPublishedRecord(workspace.build.published);
  if (recorded?.key === key && recorded.artifact.path === output.path) return recorded;
  const cacheKey = await readCacheKey(output.folder);
  if (cacheKey?.key === key) {
    const adopted = await adoptImage(output.folder, cacheKey);
    if (!adopted) return `the image in ${output.folder} is not complete`;
    if (!isPreview) await writeRecord(workspace.build.published, adopted);
    return adopted;
  }
  if (recorded) return reasonOfRecord(recorded, key, decision);
  return cacheKey
    ? "the image beside .cache-key was made from something else"
    : "there is no image yet";
}

/** Finds a file downloaded to the host that was removed since, and describes it in a phrase. */
async function findMissingDownload({ steps, folder }: Template): Promise<string | undefined> {
  for (const { type, value } of steps.flatMap(({ actions }) => actions)) {
    for (const path of type.hostPaths(value as never, folder)) {
      if (!(await statIfThere(path))) return `${path} was removed`;
    }
  }
  return undefined;
}

/**
 * Describes in a phrase what was changed beside an image, or what of its manifest this run would
 * write differently; undefined when nothing was.
 */
async function findChange(
  context: Context,
  published: PublishedImage,
): Promise<string | undefined> {
  const { template, options, output, emit } = context;
  const { signal } = options;
  const altered = await findAlteration(published);
  if (altered !== undefined) return altered;
  const { manifest: path } = published;
  const manifest = await readManifest(path);
  const found =
    findOtherSource(context, manifest, path) ??
    findOtherPatches(context, manifest, path) ??
    (await findMissingDownload(template)) ??
    (options.check ? await verifyChecksums(published, { emit, signal }) : undefined);
  if (found !== undefined) return found;
  const cacheKey = await readCacheKey(output.folder);
  return cacheKey?.key === published.key ? undefined : ".cache-key is missing or not valid";
}

/**
 * Finds out whether the image is up to date.
 * @param resume `preview`: record nothing.
 */
export async function findUpToDateImage(
  context: Context,
  decision: Decision,
  resume: ResumeOptions & Pick<BuildOptions, "until"> & { readonly preview?: boolean },
): Promise<ImageState> {
  const { template, output, options, workspace } = context;
  const none = { upToDate: undefined, alteration: undefined };
  if (options.until !== undefined) return { ...none, miss: undefined };
  const reason = reasonToBuild(context, decision, resume);
  if (reason !== undefined) return { ...none, miss: reason };
  const key = imageKey(decision.finalKey, template, output);
  const published = await findRecord(context, key, decision, resume.preview ?? false);
  if (typeof published === "string") return { ...none, miss: published };
  const current = template.steps.some(hasHostActions)
    ? await digestOutputs(workspace.run.outputs, options.signal)
    : published.outputs;
  if (current !== published.outputs) {
    return { ...none, miss: "a local action created other files for the output folder" };
  }
  const alteration = await findChange(context, published);
  if (alteration === undefined) return { upToDate: published, alteration, miss: undefined };
  return { upToDate: undefined, alteration, miss: alteration };
}
