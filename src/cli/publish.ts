/** Implements `vmbuild publish`: places finished images in a folder of this host or of another. */
import { findPublished } from "../builds/find-artifact.js";
import { VmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import { reportError } from "../events/report.js";
import { Secrets } from "../events/secrets.js";
import { formatBytes } from "../host/format.js";
import { publishImages } from "../publish/publish.js";
import type { PublishResult } from "../publish/publish.js";
import type { Publishable } from "../publish/source.js";
import { COMPRESSIONS, IMAGE_FORMATS } from "../artifact/registry.js";
import { interruptible } from "./interrupt.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";

/** Flags of the command. */
export interface PublishFlags extends TemplateFlags, OutputFlags {
  readonly to: string;
  readonly all?: boolean;
  readonly format?: string;
  readonly compression?: string;
  readonly image?: string;
  readonly identity?: string;
  readonly metadata?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Returns the value of an option with fixed choices. */
function choiceOf<T extends string>(
  flag: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  const found = choices.find((choice) => choice === value);
  if (value === undefined || found !== undefined) return found;
  const hint = `Use one of: ${choices.join(", ")}.`;
  throw new VmbuildError("USAGE", `${flag} ${value} is not supported`, { hint });
}

async function artifactOf(name: string, flags: PublishFlags): Promise<Publishable> {
  const template = await loadFromFlags(name, flags);
  return { template, ...(await findPublished(template, flags.image)) };
}

/** Returns the artifacts of all templates that are given by name and were built. */
async function allArtifacts(flags: PublishFlags, output: Output): Promise<Publishable[]> {
  const { listAppliances } = await import("../template/find.js");
  const places = { currentFolder: process.cwd(), appliances: flags.appliances };
  const found: Publishable[] = [];
  for (const name of (await listAppliances(places)).keys()) {
    try {
      found.push(await artifactOf(name, flags));
    } catch (error) {
      const isUnbuilt = error instanceof VmbuildError && error.code === "INPUT_MISSING";
      if (!isUnbuilt) throw error;
      output.log(`note: ${error.message}`);
    }
  }
  return found;
}

async function artifactsOf(names: readonly string[], flags: PublishFlags, output: Output) {
  if (flags.all === true) {
    if (names.length === 0) return allArtifacts(flags, output);
    throw new VmbuildError("USAGE", "--all publishes every image, and takes no names");
  }
  if (names.length === 0) {
    throw new VmbuildError("USAGE", "No image is named", { hint: "Give names, or --all." });
  }
  const artifacts: Publishable[] = [];
  for (const name of names) artifacts.push(await artifactOf(name, flags));
  return artifacts;
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
