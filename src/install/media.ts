/**
 * Prepares the media of an installer: its ISO image or disk image, kernel and initrd, further CDs, a
 * floppy.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";
import { resolveInput } from "../inputs/inputs.js";
import type { InputContext, InputSpec, ResolvedInput } from "../inputs/inputs.js";
import { urlSpec } from "../inputs/url-source.js";
import { writeIso } from "../seed/iso.js";
import { writeFiles } from "./files.js";
import type { LoadedFiles } from "./files.js";
import type { InstallValues } from "./references.js";
import { IN_ISO } from "./schema.js";
import type { BootFile, InstallDefinition, InstallSource } from "./schema.js";

/** Name of a file that an installer is started from. */
export type MediumName = "image" | "iso" | "kernel" | "initrd";

/** Fetched files. Those inside the ISO image are not extracted yet. */
export type FetchedMedia = ReadonlyMap<MediumName, ResolvedInput>;

/** Returns the sources of a definition, without the files inside the ISO image. */
export function sourcesOf(definition: InstallDefinition): Map<MediumName, InstallSource> {
  const named: [MediumName, BootFile | undefined][] = [
    ["image", definition.image],
    ["iso", definition.iso],
    ["kernel", definition.kernel],
    ["initrd", definition.initrd],
  ];
  return new Map(
    named.flatMap(([name, file]) =>
      file === undefined || typeof file === "string" ? [] : [[name, file] as const],
    ),
  );
}

/** Converts a source to the spec of an input. */
export function sourceSpec(source: InstallSource, templateFolder: string): InputSpec {
  if ("url" in source) return urlSpec(source, templateFolder);
  return { kind: "path", path: resolve(templateFolder, source.path) };
}

/**
 * Fetches the files of an installer in parallel.
 * @throws {VmbuildError} codes of inputs; INPUT_MISSING for a folder.
 */
export async function fetchMedia(
  definition: InstallDefinition,
  context: InputContext & { readonly templateFolder: string },
): Promise<FetchedMedia> {
  const fetched = await Promise.all(
    [...sourcesOf(definition)].map(async ([name, source]) => {
      const input = await resolveInput(name, sourceSpec(source, context.templateFolder), context);
      if (input.digest === undefined) {
        throw new VmbuildError("INPUT_MISSING", `base.install.${name}: ${input.path} is a folder`);
      }
      return [name, input] as const;
    }),
  );
  return new Map(fetched);
}

/**
 * Extracts a file of an ISO image.
 * @param path the path in the image, beginning with a slash.
 * @throws {VmbuildError} BASE_INSTALL when the image has no such file, or is no ISO image.
 */
async function extractFromIso(
  { iso, path }: { readonly iso: string; readonly path: string },
  destination: string,
  signal: AbortSignal,
): Promise<void> {
  const args = ["-osirrox", "on", "-indev", iso, "-extract", path, destination];
  const result = await runProgram("xorriso", args, { signal });
  if (result.exitCode === 0) return;
  throw new VmbuildError(
    "BASE_INSTALL",
    `${path} could not be read from ${iso}: xorriso ${describeExit(result)}`,
    {
      lines: result.lastLines,
      hint: `List the files of the image: xorriso -indev ${iso} -find / -name 'vmlinuz*' -o -name 'initrd*'`,
    },
  );
}

/** Returns the path of the kernel or initrd, extracted from the ISO image where it is in there. */
export async function provideBootFile(
  name: "kernel" | "initrd",
  { definition, fetched }: { definition: InstallDefinition; fetched: FetchedMedia },
  folder: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const file = definition[name];
  if (typeof file !== "string") return fetched.get(name)?.path;
  const destination = join(folder, name);
  const iso = fetched.get("iso")?.path ?? "";
  await extractFromIso({ iso, path: file.slice(IN_ISO.length - 1) }, destination, signal);
  return destination;
}

/** Written media. Paths are absolute. */
export interface WrittenMedia {
  /** ISO images of the further CDs. */
  readonly cds: readonly string[];
  /** Folder with the content of the floppy. */
  readonly floppy?: { readonly folder: string; readonly label?: string };
}

/** Content of a medium, with the label that the guest finds it by. */
export interface LoadedMedium {
  readonly label: string | undefined;
  readonly isFloppy: boolean;
  readonly files: LoadedFiles;
}

/** Capacity of a floppy disk for files. Bytes. */
const FLOPPY_BYTES = 1440 * 1024;

function requireFloppySize(files: LoadedFiles): void {
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  if (bytes <= FLOPPY_BYTES) return;
  throw new VmbuildError(
    "TEMPLATE_INVALID",
    `base.install.media: the files of the floppy have ${bytes} bytes, but it holds ${FLOPPY_BYTES}`,
    { hint: "Use a CD instead: {label, files}." },
  );
}

/**
 * Writes the further media into a folder.
 * @throws {VmbuildError} TEMPLATE_INVALID for files that a floppy cannot hold.
 */
export async function writeMedia(
  media: readonly LoadedMedium[],
  values: InstallValues,
  folder: string,
  signal: AbortSignal,
): Promise<WrittenMedia> {
  const cds: string[] = [];
  let floppy: WrittenMedia["floppy"];
  for (const [index, { label, isFloppy, files }] of media.entries()) {
    const content = join(folder, `medium${index}`);
    await mkdir(content, { mode: 0o700 });
    await writeFiles(files, content, values);
    if (isFloppy) {
      requireFloppySize(files);
      floppy = { folder: content, ...(label === undefined ? {} : { label }) };
      continue;
    }
    const path = join(folder, `medium${index}.iso`);
    await writeIso(content, label ?? "", path, signal);
    cds.push(path);
  }
  return { cds, ...(floppy === undefined ? {} : { floppy }) };
}
