/** Implements `vmbuild release`: uploads finished images to a release, and checks them there. */
import { COMPRESSIONS } from "../artifact/registry.js";
import type { Compression } from "../artifact/registry.js";
import type { VmbuildError } from "../errors.js";
import { asVmbuildError } from "../errors.js";
import { reportError } from "../events/report.js";
import { formatBytes } from "../host/format.js";
import { openSource } from "../publish/source.js";
import type { Publishable, SourceFile } from "../publish/source.js";
import { checkImages } from "../release/catalog.js";
import type { CatalogEntry, CatalogOptions } from "../release/catalog.js";
import { removeImages } from "../release/remove.js";
import type { ReleaseContext } from "../release/store.js";
import { uploadImages } from "../release/upload.js";
import type { Releasable, UploadResult } from "../release/upload.js";
import { verifyImages } from "../release/verify.js";
import { parsePartSize } from "../release/part-size.js";
import { artifactsOf, choiceOf } from "./artifacts.js";
import type { ArtifactFlags } from "./artifacts.js";
import type { ReleaseFlags } from "./commands/release-options.js";
import type { OutputFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { namesOrAll, releaseWork } from "./release-work.js";
import { countOf } from "./table.js";

/** Flags of `release upload`. */
export interface UploadFlags extends ArtifactFlags, ReleaseFlags, OutputFlags {
  readonly execute?: boolean;
  readonly force?: boolean;
  readonly metadata?: boolean;
  readonly prerelease?: boolean;
  readonly partSize?: string;
  readonly compression?: string;
  readonly json?: boolean;
}

/** Flags of the other subcommands. */
export interface NamedFlags extends ReleaseFlags, OutputFlags {
  readonly all?: boolean;
  readonly execute?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

function releasable({ template, folder, manifest }: Publishable, source: SourceFile): Releasable {
  const { path, sha256 } = source;
  return { name: template.name, path, sha256, folder, manifest };
}

/** Opens each image as qcow2 and uploads it. Images that cannot be converted fail alone. */
async function uploadAll(
  artifacts: readonly Publishable[],
  flags: UploadFlags,
  form: { readonly compression: Compression | undefined },
  context: ReleaseContext,
): Promise<UploadResult[]> {
  const { execute = false, force = false, metadata = false, store, tag, prerelease } = flags;
  const place = { store, tag, prerelease: prerelease === true ? true : undefined };
  const partSize = parsePartSize(flags.partSize);
  const options = { ...place, ...context, execute: execute || force, force, metadata };
  const results: UploadResult[] = [];
  for (const artifact of artifacts) {
    try {
      await using source = await openSource(artifact, { format: "qcow2", ...form }, context);
      results.push(
        ...(await uploadImages([releasable(artifact, source)], {
          ...options,
          ...(partSize === undefined ? {} : { partSize }),
        })),
      );
    } catch (thrown) {
      context.signal.throwIfAborted();
      const { name } = artifact.template;
      const none = { uploaded: [], removed: [], sha256: "" };
      results.push({ name, outcome: "failed", ...none, error: asVmbuildError(thrown) });
    }
  }
  return results;
}

const WORDS = {
  created: ["uploaded", "would be uploaded"],
  replaced: ["replaced", "would be replaced"],
  unchanged: ["unchanged", "is unchanged"],
} as const;

function showUpload(result: UploadResult, isDry: boolean, output: Output): void {
  const { name, outcome, error, size = 0, uploaded, removed } = result;
  if (outcome === "failed") return output.printError(error);
  output.print(`${name}: ${WORDS[outcome][isDry ? 1 : 0]} (${formatBytes(size)})`);
  for (const file of uploaded) output.print(`  + ${file}`);
  for (const file of removed) output.print(`  - ${file}`);
}

function withReport({ error, ...result }: UploadResult): unknown {
  return { ...result, ...(error ? { error: reportError(error) } : {}) };
}

const firstFailure = (results: readonly { readonly error?: VmbuildError }[]): number =>
  results.find(({ error }) => error)?.error?.exitCode ?? 0;

/**
 * Runs `release upload`; returns 0, 1 when `--all` found no image, or the exit code of the first
 * image that could not be uploaded.
 */
export async function uploadNamed(names: readonly string[], flags: UploadFlags): Promise<number> {
  const output = createOutput(flags);
  const compression = choiceOf("--compression", flags.compression, COMPRESSIONS);
  const artifacts = await artifactsOf(names, flags, output);
  const results = await releaseWork(output, (context) =>
    uploadAll(artifacts, flags, { compression }, context),
  );
  const isDry = flags.execute !== true && flags.force !== true;
  const updated = results.filter(({ outcome }) => outcome === "created" || outcome === "replaced");
  if (flags.json) {
    const images = results.map(withReport);
    output.printJson({ execute: !isDry, updated: updated.length, total: results.length, images });
  } else {
    for (const result of results) showUpload(result, isDry, output);
    const verb = isDry ? "Would update" : "Updated";
    output.print(`${verb} ${updated.length} of ${results.length} image(s)`);
    if (isDry && updated.length > 0) output.print("Nothing was changed; use --execute to do it.");
  }
  return results.length === 0 ? 1 : firstFailure(results);
}

/** Runs `release remove`; returns 0. */
export async function removeNamed(names: readonly string[], flags: NamedFlags): Promise<number> {
  const output = createOutput(flags);
  const execute = flags.execute === true || flags.force === true;
  const { store, tag } = flags;
  const wanted = namesOrAll(names, flags.all);
  const results = await releaseWork(output, (context) =>
    removeImages({ store, tag, names: wanted, execute, ...context }),
  );
  if (flags.json) {
    output.printJson({ execute, images: results });
    return 0;
  }
  for (const { name, removed } of results) {
    const verb = execute ? "removed" : "would be removed";
    output.print(`${name}: ${countOf(removed.length, "file")} ${verb}`);
    for (const file of removed) output.print(`  - ${file}`);
  }
  if (!execute && results.length > 0) {
    output.print("Nothing was changed; use --execute to do it.");
  }
  return 0;
}

type Inspect = (options: CatalogOptions) => Promise<CatalogEntry[]>;

async function inspectNamed(names: readonly string[], flags: NamedFlags, inspect: Inspect) {
  const output = createOutput(flags);
  const { store, tag } = flags;
  const wanted = namesOrAll(names, flags.all);
  const entries = await releaseWork(output, (context) =>
    inspect({ store, tag, names: wanted, ...context }),
  );
  if (flags.json) {
    const images = entries.map(({ name, image, error }) => ({
      ...{ name, ok: error === undefined, size: image?.size, sha256: image?.sha256 },
      ...{ parts: image?.parts.length, error: error && reportError(error) },
    }));
    output.printJson({ images });
  } else {
    for (const { name, image, error } of entries) {
      if (error) output.printError(error);
      else output.print(`${name}: ok (${formatBytes(image?.size ?? 0)})`);
    }
  }
  return firstFailure(entries);
}

/** Runs `release check`; returns 0, or the exit code of the first image that is incomplete. */
export function checkNamed(names: readonly string[], flags: NamedFlags): Promise<number> {
  return inspectNamed(names, flags, checkImages);
}

/** Runs `release verify`; returns 0, or the exit code of the first image that is not as it should be. */
export function verifyNamed(names: readonly string[], flags: NamedFlags): Promise<number> {
  return inspectNamed(names, flags, verifyImages);
}
