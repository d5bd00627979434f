/** Implements `vmbuild publish`: places finished images in a folder of this host or of another. */
import { createBus } from "../events/bus.js";
import { reportError } from "../events/report.js";
import { Secrets } from "../events/secrets.js";
import { formatBytes } from "../host/format.js";
import { publishImages } from "../publish/publish.js";
import type { PublishResult } from "../publish/publish.js";
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
  const { name, outcome, error, address, size = 0 } = result;
  if (outcome === "failed") return output.printError(error);
  const word = WORDS[outcome][flags.dryRun === true ? 1 : 0];
  output.print(`${name}: ${address} ${word} (${formatBytes(size)})`);
}

const isUpdate = ({ outcome }: PublishResult): boolean =>
  outcome === "created" || outcome === "replaced";

function jsonOf({ error, ...result }: PublishResult): unknown {
  return { ...result, ...(error ? { error: reportError(error) } : {}) };
}

/**
 * Runs the command; returns 0, 1 when `--all` found no image, or the exit code of the first image
 * that could not be published.
 */
export async function publish(names: readonly string[], flags: PublishFlags): Promise<number> {
  const output = createOutput(flags);
  const format = choiceOf("--format", flags.format, IMAGE_FORMATS);
  const compression = choiceOf("--compression", flags.compression, COMPRESSIONS);
  const images = await artifactsOf(names, flags, output);
  const secrets = new Secrets();
  for (const { template } of images) for (const secret of template.secrets) secrets.add(secret);
  const bus = createBus("", secrets, [await output.createSink()]);
  const { to: target, identity, metadata = false, dryRun = false } = flags;
  const how = { format, compression, identity, metadata, dryRun };
  let results: PublishResult[] = [];
  try {
    if (images.length > 0) {
      const { emit } = bus;
      results = await interruptible((signal) =>
        publishImages({ images, target, ...how, emit, signal }),
      );
    }
  } finally {
    await bus.close();
  }
  const updated = results.filter(isUpdate).length;
  if (flags.json) {
    output.printJson({ dryRun, updated, total: results.length, images: results.map(jsonOf) });
  } else {
    for (const result of results) show(result, flags, output);
    const verb = dryRun ? "Would update" : "Updated";
    output.print(`${verb} ${updated} of ${results.length} image(s)`);
  }
  if (results.length === 0) return 1;
  return results.find(({ error }) => error)?.error?.exitCode ?? 0;
}
