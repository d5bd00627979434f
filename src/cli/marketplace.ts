/**
 * Implements `vmbuild marketplace`: completes an appliance's entry for OpenNebula's marketplace,
 * with the files beside it in the community's repository.
 */
import { randomUUID } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { findArtifact } from "../builds/find-artifact.js";
import { VmbuildError, messageOf } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { writeCommunityFiles } from "../marketplace/community-folder.js";
import type { CommunityFile } from "../marketplace/community-folder.js";
import { composeEntry } from "../marketplace/entry.js";
import { checkEntries } from "./marketplace-check.js";
import { requireOptionFile, writeOptionFile } from "./option-file.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";

/** Flags of the command. */
export interface MarketplaceFlags extends TemplateFlags, OutputFlags {
  readonly url?: string;
  /** `true` generates a new one. */
  readonly uuid?: string | true;
  readonly output?: string;
  readonly image?: string;
  readonly entryOnly?: boolean;
  /** Files and folders to check, in place of writing an entry. */
  readonly check?: string[];
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

/** Writes the other files of the community's repository, where the entry is a file in a folder. */
async function writeOthers(
  entryPath: string,
  source: string,
  facts: { name: string; entry: unknown },
): Promise<CommunityFile[]> {
  const isFile = (await statIfThere(entryPath))?.isFile() ?? false;
  if (!isFile || /^\/(dev|proc)\//.test(entryPath)) return [];
  const folder = dirname(entryPath);
  try {
    return await writeCommunityFiles(source, folder, facts);
  } catch (cause) {
    const message = `The files beside the entry cannot be written to ${folder}: ${messageOf(cause)}`;
    throw new VmbuildError("HOST_OUTPUT", message, { cause });
  }
}

function report(
  output: Output,
  warnings: readonly string[],
  files: readonly CommunityFile[],
): void {
  for (const warning of warnings) output.log(`warning: ${warning}`);
  for (const { path, state } of files) {
    if (state === "kept") output.log(`note: ${path} was kept; vmbuild did not write it`);
  }
}

async function writeEntry(name: string, flags: MarketplaceFlags, url: string): Promise<number> {
  const output = createOutput(flags);
  const template = await loadFromFlags(name, flags);
  const { path: image, manifest } = await findArtifact(template, flags.image);
  const address = parseUrl(url, basename(image));
  const uuid = parseUuid(flags.uuid);
  const source = join(template.folder, DEVELOPMENT_NAME);
  const entry = await composeEntry(source, { manifest, url: address, uuid });
  const filename = uuid === undefined ? DEVELOPMENT_NAME : `${uuid}.yaml`;
  const path = resolve(flags.output ?? join(dirname(image), filename));
  await requireOptionFile("--output", path, image);
  await writeOptionFile("--output", path, entry.text);
  const facts = { name: template.name, entry: entry.value };
  const files = flags.entryOnly ? [] : await writeOthers(path, template.folder, facts);
  report(output, entry.warnings, files);
  const { warnings } = entry;
  const withUuid = uuid === undefined ? {} : { uuid };
  if (flags.json) output.printJson({ path, url: address, ...withUuid, files, warnings });
  else output.print(path);
  if (flags.uuid === true) {
    output.log(`Use the same UUID for the next version: --uuid ${uuid}`);
  }
  return 0;
}

/** Runs the command; returns the exit code. */
export async function marketplace(
  name: string | undefined,
  flags: MarketplaceFlags,
): Promise<number> {
  if (flags.check !== undefined) {
    if (name === undefined) return checkEntries(flags.check, flags);
    throw new VmbuildError("USAGE", `--check writes no entry, and takes no template: ${name}`);
  }
  if (name === undefined) {
    throw new VmbuildError("USAGE", "The name of a template is missing", {
      hint: "Name a template, or check entries with --check FILE.",
    });
  }
  if (flags.url === undefined) {
    throw new VmbuildError("USAGE", "The required option '--url <url>' is missing", {
      hint: "Give the image's public address: --url https://images.example.org/",
    });
  }
  return writeEntry(name, flags, flags.url);
}
