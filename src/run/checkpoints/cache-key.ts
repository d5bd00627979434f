/**
 * Keeps the key of an image beside it, in `.cache-key`. With it, a host that has the image but not
 * the records of its build can tell whether the image is up to date.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { z } from "zod";
import { MANIFEST_NAME, describingFiles, readManifest } from "../../artifact/manifest.js";
import type { Manifest, ManifestFile } from "../../artifact/manifest.js";
import { CACHE_KEY_NAME } from "../../artifact/names.js";
import { readPublished } from "../../artifact/published.js";
import { readIfThere, writeFileAtomic } from "../../host/files.js";
import { describeFiles } from "./published.js";
import type { PublishedImage } from "./published.js";

const keySchema = z.object({
  version: z.literal(1),
  key: z.string().regex(/^[0-9a-f]{64}$/),
  /** SHA-256 of the manifest that it belongs to, in hexadecimal. */
  manifest: z.string(),
  /** As in the record of a published image. */
  outputs: z.string(),
  after: z.string().optional(),
});

/** Content of `.cache-key`. */
export type CacheKey = z.infer<typeof keySchema>;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Writes the key of an image beside its manifest. */
export async function writeCacheKey(
  published: Pick<PublishedImage, "key" | "outputs" | "after" | "manifest">,
): Promise<void> {
  const { key, outputs, after } = published;
  const folder = dirname(published.manifest);
  const manifest = sha256((await readIfThere(published.manifest)) ?? "");
  const content: CacheKey = { version: 1, key, manifest, outputs, ...(after ? { after } : {}) };
  await writeFileAtomic(join(folder, CACHE_KEY_NAME), `${JSON.stringify(content)}\n`);
}

/**
 * Reads a file beside an image; undefined where it cannot be read, for example because the folder
 * is a file. The check of the output folder, which follows, reports why.
 */
const readBeside = (folder: string, name: string): Promise<string | undefined> =>
  readIfThere(join(folder, name)).catch(() => undefined);

/**
 * Reads the key of the image in a folder; undefined where there is none, where it is not valid, or
 * where it belongs to another manifest.
 */
export async function readCacheKey(folder: string): Promise<CacheKey | undefined> {
  const text = await readBeside(folder, CACHE_KEY_NAME);
  const manifest = await readBeside(folder, MANIFEST_NAME);
  if (text === undefined || manifest === undefined) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined; // A damaged key is none.
  }
  const found = keySchema.safeParse(content).data;
  return found?.manifest === sha256(manifest) ? found : undefined;
}

/**
 * Returns the absolute path of a template's image whose key is beside it; undefined where there is
 * none.
 * @param name of the template.
 */
export async function findKeyedImage(folder: string, name: string): Promise<string | undefined> {
  if (!(await readCacheKey(folder))) return undefined;
  // A manifest that is not valid describes no image.
  const manifest = await readManifest(join(folder, MANIFEST_NAME)).catch(() => undefined);
  const [image] = manifest?.name === name ? manifest.files : [];
  return image && join(folder, image.name);
}

function artifactOf(folder: string, file: ManifestFile): PublishedImage["artifact"] {
  const { name, size, virtualSize = size, checksums } = file;
  return { path: join(folder, name), size, virtualSize, checksums: { ...checksums } };
}

function filesOf(folder: string, manifest: Manifest): string[] {
  const images = manifest.files.flatMap(({ name, checksums }) => [
    name,
    ...Object.keys(checksums).map((algorithm) => `${name}.${algorithm}`),
  ]);
  const others = [MANIFEST_NAME, ...(manifest.companions ?? []), ...describingFiles(manifest)];
  return [...images, ...others].map((name) => join(folder, name));
}

/**
 * Returns the record of an image that another host has built, from its key and its manifest;
 * undefined where a file of it is missing or has another size.
 */
export async function adoptImage(
  folder: string,
  { key, outputs, after }: CacheKey,
): Promise<PublishedImage | undefined> {
  try {
    const manifest = await readPublished(folder);
    const [artifact, ...otherArtifacts] = manifest.files.map((file) => artifactOf(folder, file));
    if (!artifact) return undefined;
    return {
      ...{ version: 1, key, outputs, artifact, otherArtifacts },
      ...(after === undefined ? {} : { after }),
      files: await describeFiles(filesOf(folder, manifest)),
      manifest: join(folder, MANIFEST_NAME),
      steps: manifest.steps.map(({ name, durationMs }) => ({ name, durationMs })),
    };
  } catch {
    // An artifact that is not complete is built again.
    return undefined;
  }
}
