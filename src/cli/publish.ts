/** Implements `vmbuild publish`: places finished images in a folder of this host or of another. */
import { posix } from "node:path";
import { createBus } from "../events/bus.js";
import { reportError } from "../events/report.js";
import { Secrets } from "../events/secrets.js";
import { formatBytes } from "../host/format.js";
import { formatEntries } from "../bundle/manifest.js";
import type { ReleaseEntry } from "../bundle/manifest.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { publishPatches } from "../publish/patches.js";
import { publishImages } from "../publish/publish.js";
import type { PublishResult } from "../publish/publish.js";
import type { Publishable } from "../publish/source.js";
import { parseTarget } from "../publish/target.js";
import { COMPRESSIONS, IMAGE_FORMATS } from "../artifact/registry.js";
import { artifactsOf, choiceOf } from "./artifacts.js";
import type { ArtifactFlags } from "./artifacts.js";
import { interruptible } from "./interrupt.js";
import type { OutputFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";

/** Flags of the command. */
export interface PublishFlags extends ArtifactFlags, OutputFlags {
  readonly to: string;
  readonly patches?: string;
  readonly entries?: boolean;
  readonly root?: string;
  readonly format?: string;
  readonly compression?: string;
  readonly identity?: string;
  readonly metadata?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const WORDS = {
  created: ["created", "would be created"],
  replaced: ["replaced", "would be replaced"],
  unchanged: ["unchanged", "is unchanged"],
} as const;

function show(result: PublishResult, flags: PublishFlags, output: Output): void {
  const { name, kind, outcome, error, address, size = 0 } = result;
  if (outcome === "failed") return output.printError(error);
  const word = WORDS[outcome][flags.dryRun === true ? 1 : 0];
  // With entries, stdout is for the manifest of a release.
  const say = (line: string): void => (flags.entries ? output.log(line) : output.print(line));
  const what = kind === undefined ? name : `${name} (${kind})`;
  say(`${what}: ${address} ${word} (${formatBytes(size)})`);
}

const isUpdate = ({ outcome }: PublishResult): boolean =>
  outcome === "created" || outcome === "replaced";

/** Returns a path as the release's manifest has it: relative to the root of the server, if given. */
function pathBelow(path: string, root: string | undefined): string {
  if (root === undefined) return path;
  const relative = posix.relative(root, path);
  if (relative !== "" && relative !== ".." && !relative.startsWith("../")) return relative;
  throw new VmbuildError("USAGE", `--root ${root}: ${path} is not below it`, {
    hint: "Name a folder of the server that contains the targets of --to and --patches.",
  });
}

/** Returns the lines of a release's manifest for what is in place. */
function entriesOf(results: readonly PublishResult[], root: string | undefined): ReleaseEntry[] {
  return results.flatMap(({ name, kind = "image", path, sha256 }) =>
    path === undefined || sha256 === undefined
      ? []
      : [{ kind, name, path: pathBelow(path, root), sha256 }],
  );
}

/** Returns the results of archives whose target could not be used. */
function failed(
  images: readonly Publishable[],
  thrown: unknown,
  signal: AbortSignal,
): PublishResult[] {
  signal.throwIfAborted();
  const error = asVmbuildError(thrown);
  const outcome = "failed";
  return images.map(({ template: { name } }) => ({ name, kind: "patches", outcome, error }));
}

function jsonOf({ error, ...result }: PublishResult): unknown {
  return { ...result, ...(error ? { error: reportError(error) } : {}) };
}

function print(results: readonly PublishResult[], flags: PublishFlags, output: Output): void {
  const { dryRun = false, entries: wantsEntries, root } = flags;
  const ofImages = results.filter(({ kind }) => kind === undefined);
  const updated = ofImages.filter(isUpdate).length;
  const entries = wantsEntries ? entriesOf(results, root) : [];
  if (flags.json) {
    const archives = results.filter(({ kind }) => kind !== undefined);
    output.printJson({
      ...{ dryRun, updated, total: ofImages.length, images: ofImages.map(jsonOf) },
      ...(flags.patches === undefined ? {} : { patches: archives.map(jsonOf) }),
      ...(wantsEntries ? { entries } : {}),
    });
    return;
  }
  for (const result of results) show(result, flags, output);
  const verb = dryRun ? "Would update" : "Updated";
  const count = `${verb} ${updated} of ${ofImages.length} image(s)`;
  if (!wantsEntries) return output.print(count);
  output.log(count);
  if (entries.length > 0) output.print(formatEntries(entries).trimEnd());
}

/**
 * Runs the command; returns 0, 1 when `--all` found no image, or the exit code of the first image
 * that could not be published.
 */
export async function publish(names: readonly string[], flags: PublishFlags): Promise<number> {
  const output = createOutput(flags);
  if (flags.root !== undefined && !flags.entries) {
    throw new VmbuildError("USAGE", "--root has an effect only with --entries");
  }
  const format = choiceOf("--format", flags.format, IMAGE_FORMATS);
  // Before anything is sent.
  for (const to of [flags.to, flags.patches]) {
    if (to !== undefined) pathBelow(posix.join(parseTarget(to).path, "file"), flags.root);
  }
  const compression = choiceOf("--compression", flags.compression, COMPRESSIONS);
  const images = await artifactsOf(names, flags, output);
  const secrets = new Secrets();
  for (const { template } of images) for (const secret of template.secrets) secrets.add(secret);
  const bus = createBus("", secrets, [await output.createSink()]);
  const { to: target, patches, identity, metadata = false, dryRun = false } = flags;
  const how = { images, format, compression, identity, metadata, dryRun, emit: bus.emit };
  const results: PublishResult[] = [];
  try {
    if (images.length > 0) {
      await interruptible(async (signal) => {
        results.push(...(await publishImages({ ...how, target, signal })));
        if (patches === undefined) return;
        const published = publishPatches({ ...how, target: patches, signal });
        // The images are in place, and their results are printed in any case.
        results.push(
          ...(await published.catch((thrown: unknown) => failed(images, thrown, signal))),
        );
      });
    }
  } finally {
    await bus.close();
  }
  print(results, flags, output);
  if (results.length === 0) return 1;
  return results.find(({ error }) => error)?.error?.exitCode ?? 0;
}
