/** Records the published image, and checks whether it is up to date. */
import { createHash } from "node:crypto";
import { lstat, readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { describeContent } from "../../checkpoints/content.js";
import { keyOf } from "../../checkpoints/manifest.js";
import { digestFile } from "../../artifact/digest.js";
import type { Algorithm } from "../../artifact/digest.js";
import { systemCode } from "../../errors.js";
import type { Emit } from "../../events/types.js";
import { writeFileAtomic } from "../../host/files.js";
import type { Template } from "../../template/load.js";
import { vmbuildVersion } from "../../version.js";
import type { OutputPlan } from "../../requirements/plan.js";

const artifactSchema = z.object({
  path: z.string(),
  size: z.number(),
  virtualSize: z.number(),
  checksums: z.record(z.string(), z.string()),
});

const publishedSchema = z.object({
  version: z.literal(1),
  key: z.string(),
  /** The image is the first. Paths are absolute; sizes are in bytes. */
  files: z.array(z.object({ path: z.string(), size: z.string(), mtimeNs: z.string() })).min(1),
  artifact: artifactSchema,
  /** Images in further formats. */
  otherArtifacts: z.array(artifactSchema).default([]),
  manifest: z.string(),
  /**
   * Digest of the files that steps created beside the image; compared where steps may create them
   * again.
   */
  outputs: z.string(),
  /** Identifies the commands of `after` that have run for the image. */
  after: z.string().optional(),
  steps: z.array(z.object({ name: z.string(), durationMs: z.number() })),
});

/** Record of the image that a finished run published. */
export type PublishedImage = z.infer<typeof publishedSchema>;

/**
 * Returns the settings of the output without paths of this host, so that the same image has the
 * same key in another folder.
 */
function portable({ folder: _folder, path: _path, images, provenance, ...settings }: OutputPlan) {
  return {
    ...settings,
    images: images.map(({ path: _imagePath, ...image }) => image),
    ...(provenance
      ? { builder: provenance.builder, isSigned: provenance.signingKey !== undefined }
      : {}),
  };
}

/**
 * Returns the key of the image: the key after the last step, with all settings that affect what
 * follows.
 */
export function imageKey(lastKey: string, template: Template, output: OutputPlan): string {
  const { name, version, seal, post } = template;
  const settings = [lastKey, name, version, seal, portable(output), vmbuildVersion(), ...post];
  return createHash("sha256").update(JSON.stringify(settings)).digest("hex");
}

/** Computes a digest of the files that steps created for the output folder. */
export async function digestOutputs(folder: string, signal: AbortSignal): Promise<string> {
  return keyOf("", await describeContent(folder, "outputs", { signal }));
}

/** Reads the record of the last published image; undefined when there is none. */
export async function readPublishedRecord(path: string): Promise<PublishedImage | undefined> {
  try {
    return publishedSchema.safeParse(JSON.parse(await readFile(path, "utf8"))).data;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Returns the status of a link's target, or of the link itself where the target does not exist. */
async function statusOf(path: string) {
  return stat(path, { bigint: true }).catch(() => lstat(path, { bigint: true })); // The target may be missing.
}

/** Returns the size and time of each file. */
export async function describeFiles(files: readonly string[]): Promise<PublishedImage["files"]> {
  return Promise.all(
    files.map(async (file) => {
      const { size, mtimeNs } = await statusOf(file);
      return { path: file, size: String(size), mtimeNs: String(mtimeNs) };
    }),
  );
}

/** Writes the record of a published image, with the size and time of each file. */
export async function writePublishedRecord(
  path: string,
  published: Omit<PublishedImage, "version" | "files">,
  files: readonly string[],
): Promise<void> {
  const record: PublishedImage = { version: 1, ...published, files: await describeFiles(files) };
  await writeRecord(path, record);
}

/** Writes a record as it is. */
export async function writeRecord(path: string, record: PublishedImage): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(record, null, 1)}\n`, 0o600);
}

/**
 * Records that the commands of `after` have run, where the image is recorded.
 * @returns the record.
 */
export async function recordAfter(
  path: string,
  after: string,
): Promise<PublishedImage | undefined> {
  const record = await readPublishedRecord(path);
  if (!record) return undefined;
  const changed = { ...record, after };
  await writeRecord(path, changed);
  return changed;
}

/** Describes in a phrase how a published file differs from its record; undefined when none does. */
export async function findAlteration(published: PublishedImage): Promise<string | undefined> {
  for (const { path, size, mtimeNs } of published.files) {
    try {
      const now = await statusOf(path);
      if (String(now.size) !== size) return `${path} has a different size`;
      if (String(now.mtimeNs) !== mtimeNs) return `${path} was modified`;
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      return `${path} was removed`;
    }
  }
  return undefined;
}

/** Reads the images and compares their checksums, for `--check`. */
export async function verifyChecksums(
  { artifact, otherArtifacts }: Pick<PublishedImage, "artifact" | "otherArtifacts">,
  context: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<string | undefined> {
  for (const { path, checksums } of [artifact, ...otherArtifacts]) {
    const algorithms = Object.keys(checksums) as Algorithm[];
    const found: Record<string, string> = await digestFile(path, algorithms, context);
    const wrong = algorithms.find((algorithm) => found[algorithm] !== checksums[algorithm]);
    if (wrong !== undefined) return `${path} has a different ${wrong} checksum`;
  }
  return undefined;
}
