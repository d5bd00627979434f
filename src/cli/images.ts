/** Implements `vmbuild images`: reads releases, and downloads or publishes their images. */
import { resolve } from "node:path";
import type { VmbuildError } from "../errors.js";
import { reportError } from "../events/report.js";
import { writeFileAtomic } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import type { PublishResult } from "../publish/publish.js";
import { publishReleaseImages } from "../publish/release-images.js";
import { listImages } from "../release/catalog.js";
import type { CatalogEntry } from "../release/catalog.js";
import { downloadImages } from "../release/download.js";
import type { DownloadResult } from "../release/download.js";
import { formatTofu } from "../release/tofu.js";
import type { ReleaseFlags } from "./commands/release-options.js";
import type { OutputFlags } from "./options.js";
import { createOutput } from "./output.js";
import { namesOrAll, releaseWork } from "./release-work.js";
import { alignRows, countOf } from "./table.js";

/** Flags that all subcommands have. */
export interface ImagesFlags extends ReleaseFlags, OutputFlags {
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Flags of `images download`. */
export interface DownloadFlags extends ImagesFlags {
  readonly output: string;
  readonly force?: boolean;
}

/** Flags of `images publish`. */
export interface PublishImagesFlags extends ImagesFlags {
  readonly to: string;
  readonly identity?: string;
  readonly dryRun?: boolean;
}

/** Flags of `images tofu`. */
export interface TofuFlags extends ImagesFlags {
  readonly variable: string;
  readonly output?: string;
}

const firstFailure = (results: readonly { readonly error?: VmbuildError }[]): number =>
  results.find(({ error }) => error)?.error?.exitCode ?? 0;

function describeEntry({ name, image, error }: CatalogEntry): unknown {
  return {
    name,
    version: image?.index?.version ?? null,
    size: image?.size ?? null,
    sha256: image?.sha256 ?? null,
    parts:
      image?.parts.map(({ asset, size, sha256 }) => ({ name: asset.name, size, sha256 })) ?? [],
    facts: image?.index?.facts ?? {},
    ...(error ? { error: reportError(error) } : {}),
  };
}

/** Runs `images list`; returns 0, or the exit code of the first image that cannot be used. */
export async function listAll(flags: ImagesFlags): Promise<number> {
  const output = createOutput(flags);
  const { store, tag } = flags;
  const entries = await releaseWork(output, (context) =>
    listImages({ store, tag, names: [], ...context }),
  );
  if (flags.json) {
    output.printJson({ store, tag, images: entries.map(describeEntry) });
    return firstFailure(entries);
  }
  const rows = entries.flatMap(({ name, image }) =>
    image
      ? [
          [
            name,
            image.index?.version ?? "-",
            formatBytes(image.size),
            countOf(image.parts.length, "file"),
            image.sha256 ?? "no sha256",
          ],
        ]
      : [],
  );
  for (const line of alignRows(rows)) output.print(line);
  for (const { error } of entries) if (error) output.printError(error);
  return firstFailure(entries);
}

function showDownload({ name, outcome, path, size = 0 }: DownloadResult): string {
  return `${name}: ${path} ${outcome} (${formatBytes(size)})`;
}

/** Runs `images download`; returns 0, or the exit code of the first image that failed. */
export async function downloadNamed(
  names: readonly string[],
  flags: DownloadFlags,
): Promise<number> {
  const output = createOutput(flags);
  const { store, tag, force = false } = flags;
  const wanted = namesOrAll(names, flags.all);
  const folder = flags.output;
  const results = await releaseWork(output, (context) =>
    downloadImages({ store, tag, names: wanted, folder, force, ...context }),
  );
  if (flags.json) {
    const report = results.map(({ error, ...result }) => ({
      ...result,
      ...(error ? { error: reportError(error) } : {}),
    }));
    output.printJson({ images: report });
  } else {
    for (const result of results) {
      if (result.error) output.printError(result.error);
      else output.print(showDownload(result));
    }
  }
  return firstFailure(results);
}

function showPublished({ name, address, outcome, size = 0 }: PublishResult, isDry: boolean) {
  const would = isDry && outcome !== "unchanged" ? "would be " : "";
  return `${name}: ${address} ${would}${outcome} (${formatBytes(size)})`;
}

/**
 * Runs `images publish`; returns 0, 1 when the release has no image, or the exit code of the first
 * image that failed.
 */
export async function publishNamed(
  names: readonly string[],
  flags: PublishImagesFlags,
): Promise<number> {
  const output = createOutput(flags);
  const { store, tag, to: target, identity, dryRun = false } = flags;
  const wanted = namesOrAll(names, flags.all);
  const results = await releaseWork(output, (context) =>
    publishReleaseImages({ store, tag, names: wanted, target, identity, dryRun, ...context }),
  );
  const updated = results.filter(({ outcome }) => outcome === "created" || outcome === "replaced");
  if (flags.json) {
    const report = results.map(({ error, ...result }) => ({
      ...result,
      ...(error ? { error: reportError(error) } : {}),
    }));
    output.printJson({ dryRun, updated: updated.length, total: results.length, images: report });
  } else {
    for (const result of results) {
      if (result.error) output.printError(result.error);
      else output.print(showPublished(result, dryRun));
    }
    const verb = dryRun ? "Would update" : "Updated";
    output.print(`${verb} ${updated.length} of ${results.length} image(s)`);
  }
  return results.length === 0 ? 1 : firstFailure(results);
}

/** Runs `images tofu`; returns 0. */
export async function tofuNamed(names: readonly string[], flags: TofuFlags): Promise<number> {
  const output = createOutput(flags);
  const { store, tag, variable } = flags;
  const wanted = namesOrAll(names, flags.all);
  const entries = await releaseWork(output, (context) =>
    listImages({ store, tag, names: wanted, ...context }),
  );
  const text = formatTofu(entries, variable);
  if (flags.output === undefined) output.print(text.trimEnd());
  else await writeFileAtomic(resolve(flags.output), text);
  return 0;
}
