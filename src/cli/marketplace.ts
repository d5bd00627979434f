/**
 * Implements `vmbuild marketplace`: completes an appliance's entry for OpenNebula's community
 * marketplace.
 */
import { randomUUID } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { composeEntry } from "../marketplace/entry.js";
import { findArtifact } from "../builds/find-artifact.js";
import { VmbuildError } from "../errors.js";
import { requireOptionFile, writeOptionFile } from "./option-file.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface MarketplaceFlags extends TemplateFlags, OutputFlags {
  readonly url: string;
  /** `true` generates a new one. */
  readonly uuid?: string | true;
  readonly output?: string;
  readonly image?: string;
  readonly json?: boolean;
}

/** Name of the entry's file in the appliance's folder, also used during development. */
const DEVELOPMENT_NAME = "marketplace.yaml";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function parseUrl(text: string, filename: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new VmbuildError("USAGE", `--url ${text} is not an http(s) URL`);
  }
  // The URL is used as given except for the file name, so that it can be compared with the place of
  // upload.
  return text.endsWith("/") ? text + encodeURIComponent(filename) : text;
}

function parseUuid(flag: string | true | undefined): string | undefined {
  if (flag === undefined || flag === true) return flag && randomUUID();
  const uuid = flag.toLowerCase();
  if (UUID.test(uuid)) return uuid;
  throw new VmbuildError("USAGE", `--uuid ${flag} is not a UUID`);
}

/** Runs the command; returns the exit code. */
export async function marketplace(name: string, flags: MarketplaceFlags): Promise<number> {
  const output = createOutput(flags);
  const template = await loadFromFlags(name, flags);
  const { path: image, manifest } = await findArtifact(template, flags.image);
  const url = parseUrl(flags.url, basename(image));
  const uuid = parseUuid(flags.uuid);
  const text = await composeEntry(join(template.folder, DEVELOPMENT_NAME), { manifest, url });
  const filename = uuid === undefined ? DEVELOPMENT_NAME : `${uuid}.yaml`;
  const path = resolve(flags.output ?? join(dirname(image), filename));
  await requireOptionFile("--output", path, image);
  await writeOptionFile("--output", path, text);
  if (flags.json) output.printJson({ path, url, ...(uuid === undefined ? {} : { uuid }) });
  else output.print(path);
  if (flags.uuid === true) {
    output.log(`Use the same UUID for the next version: --uuid ${uuid}`);
  }
  return 0;
}
