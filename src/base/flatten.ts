/** Merges an image with its backing files into one image, once for the same content. */
import { createHash } from "node:crypto";
import { rename, rm, stat } from "node:fs/promises";
import type { BigIntStats } from "node:fs";
import { basename, join } from "node:path";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { requireSpace, sizeOnDisk } from "../host/files.js";
import { systemClock } from "../inputs/clock.js";
import { createProgress } from "../inputs/progress.js";
import { cachedDigest } from "../inputs/digest-cache.js";
import { flattenImage } from "../machine/disk.js";
import { getCachedImage } from "./cached-image.js";
import type { ImageFiles } from "./image-files.js";

/** File that was merged into the image. */
export interface UsedFile {
  readonly path: string;
  /** `sha256:<hex>`. */
  readonly digest: string;
}

/** Inputs of {@link flatten} besides the image. */
export interface FlattenContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Version of the procedure. Raised when the same files result in another image; part of the cache
 * key.
 */
const RECIPE = 1;

async function digestOf(file: string, status: BigIntStats, context: FlattenContext) {
  const progress = createProgress(context.emit, systemClock, `hash:${file}`, `hash ${file}`);
  let done = 0;
  const sha256 = await cachedDigest(file, status, context.signal, {
    onBytes: (bytes) => progress.at((done += bytes), Number(status.size)),
  });
  if (done > 0) progress.finish(done);
  return { path: file, digest: `sha256:${sha256}` };
}

const versionOf = ({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [ino, size, mtimeNs, ctimeNs].join("-");

/**
 * Merges an image with its backing files into a qcow2 image, or finds it in the cache. The build
 * does not depend on the files afterwards, so its checkpoints remain valid when they change.
 * @returns the path, and the merged files, the image itself first.
 * @throws {VmbuildError} BASE_INVALID when a file changes meanwhile, HOST_SPACE.
 */
export async function flatten(
  { path, format, otherFiles }: ImageFiles,
  context: FlattenContext,
): Promise<{ path: string; files: readonly UsedFile[] }> {
  const { emit, signal } = context;
  const names = [path, ...otherFiles];
  const before = new Map<string, BigIntStats>();
  for (const name of names) before.set(name, await stat(name, { bigint: true }));
  const files: UsedFile[] = [];
  for (const [name, status] of before) files.push(await digestOf(name, status, context));

  const parts = files.map(({ digest }) => digest);
  const key = createHash("sha256")
    .update(JSON.stringify({ kind: "flattened", recipe: RECIPE, format, parts }))
    .digest("hex");
  const label = `${basename(path)}: merge ${names.length} files into one image`;
  const image = await getCachedImage({
    key,
    name: "flattened.qcow2",
    signal,
    async make(target, workFolder) {
      const sizes = await Promise.all(names.map(sizeOnDisk));
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      await requireSpace(target, bytes, `Merging ${path} and its backing files into one image`);
      emit({ type: "note", message: `${label}; the result will be cached` });
      const destination = join(workFolder, "image");
      const onPercent = (done: number): void =>
        emit({ type: "progress", task: "base", label, done, total: 100, unit: "percent" });
      await flattenImage({ source: path, format, destination, signal, onPercent });
      for (const [name, status] of before) {
        if (versionOf(await stat(name, { bigint: true })) === versionOf(status)) continue;
        await rm(destination);
        throw new VmbuildError("BASE_INVALID", `${name} changed while the base was read`, {
          hint: "Run the command again when no program writes to it.",
        });
      }
      await rename(destination, target);
      return { files };
    },
  });
  return { path: image.path, files };
}
