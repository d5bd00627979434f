/** Chooses the file of an artifact that is published, and converts it where none has the format. */
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PublishedArtifact } from "../builds/find-artifact.js";
import { compact } from "../artifact/compact.js";
import { digestFile } from "../artifact/digest.js";
import { startableFile } from "../artifact/manifest.js";
import type { ManifestFile } from "../artifact/manifest.js";
import { formatNamed } from "../artifact/registry.js";
import type { Compression, ImageFormat } from "../artifact/registry.js";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { sizeOnDisk, temporaryBeside } from "../host/files.js";
import { planMachine } from "../requirements/plan.js";
import type { Template } from "../template/load.js";

/** Requested form of the published file; the artifact's own unless given. */
export interface Form {
  readonly format?: ImageFormat | undefined;
  readonly compression?: Compression | undefined;
}

/** Artifact with its template. */
export interface Publishable extends PublishedArtifact {
  readonly template: Template;
}

/** File to publish. Disposing of it removes it when it was converted. */
export interface SourceFile extends AsyncDisposable {
  readonly path: string;
  /** Name at a target that is a folder. */
  readonly filename: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes that it takes on disk, where holes take none. */
  readonly allocated: number;
  /** sha256 in hexadecimal. */
  readonly sha256: string;
}

/** Where conversions report to, and what ends them. */
export interface SourceContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Returns whether a file has the requested form. Without one, it can start a machine. */
function hasForm(file: ManifestFile, { format, compression }: Form): boolean {
  if (format !== undefined && (file.format !== format || file.pack !== undefined)) return false;
  return compression === undefined || (file.compression ?? "none") === compression;
}

function requireCompression({ format, compression }: Form, fallback: ImageFormat): void {
  const name = format ?? fallback;
  const { compressions } = formatNamed(name);
  if (compression === undefined || compressions.includes(compression)) return;
  const message = `--compression ${compression}: the format ${name} supports ${compressions.join(", ")}`;
  throw new VmbuildError("USAGE", message);
}

/** Requires that a format can describe the guest, as an OVA describes a whole machine. */
function requireArchitecture({ format }: Form, { manifest }: PublishedArtifact): void {
  const { arch } = manifest;
  const { architectures } = format ? formatNamed(format) : {};
  if (arch === undefined || architectures?.includes(arch) !== false) return;
  const described = architectures.join(" or ");
  const message = `--format ${format}: the format describes a machine with arch ${described}, but ${manifest.name} is for ${arch}`;
  throw new VmbuildError("USAGE", message, {
    hint: "Leave out --format, or name a format of the disk alone, such as qcow2 or raw.",
  });
}

/** Returns the images of the root disk. */
const rootFiles = ({ manifest }: PublishedArtifact): readonly ManifestFile[] =>
  manifest.files.filter(({ disk }) => disk === undefined);

/** Returns the file that is published as it is; undefined when one has to be converted. */
export function presentFile(artifact: PublishedArtifact, form: Form): ManifestFile | undefined {
  const files = rootFiles(artifact);
  const isAsBuilt = form.format === undefined && form.compression === undefined;
  if (isAsBuilt) return startableFile(artifact.manifest) ?? files[0];
  // With only a compression, the format is that of the first image.
  const format =
    form.format ?? (startableFile(artifact.manifest)?.format as ImageFormat | undefined);
  return files.find((file) => hasForm(file, { ...form, format }));
}

async function present({ folder }: PublishedArtifact, file: ManifestFile, context: SourceContext) {
  const path = join(folder, file.name);
  const sha256 = file.checksums.sha256 ?? (await digestFile(path, ["sha256"], context)).sha256;
  return {
    ...{ path, filename: file.name, size: file.size, allocated: await sizeOnDisk(path), sha256 },
    async [Symbol.asyncDispose]() {},
  };
}

/** Returns the qcow2 image of an artifact, from which other formats are converted. */
function convertible(artifact: PublishedArtifact): ManifestFile {
  const { manifest } = artifact;
  const found = rootFiles(artifact).find(
    ({ format, pack }) => format === "qcow2" && pack === undefined,
  );
  if (found) return found;
  throw new VmbuildError("INPUT_MISSING", `${manifest.name} has no qcow2 image to convert`, {
    hint: "Add the requested format to output.formats in the template, and build the image again.",
  });
}

async function convert(artifact: Publishable, form: Form, context: SourceContext) {
  const { folder, template } = artifact;
  const original = convertible(artifact);
  const format = form.format ?? (original.format as ImageFormat);
  const { extension } = formatNamed(format);
  const filename = `${original.name.replace(/\.qcow2$/, "")}${extension}`;
  const path = temporaryBeside(join(folder, filename));
  const { cpus, memory, firmware } = planMachine(template);
  const machine = { name: template.name, version: template.version, cpus, memory, firmware };
  const { compression } = form;
  const { emit, signal } = context;
  await compact({
    ...{ source: join(folder, original.name), destination: path, filename, format, compression },
    // The same image gives the same file, which is then skipped at the target.
    ...{ reproducible: true, machine, emit, signal },
  });
  const remove = { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
  try {
    const { size } = await stat(path);
    const { sha256 } = await digestFile(path, ["sha256"], context);
    return { path, filename, size, allocated: await sizeOnDisk(path), sha256, ...remove };
  } catch (error) {
    await remove[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Returns the file to publish. A conversion is written to a temporary file beside the artifact.
 * @throws {VmbuildError} USAGE for a compression that the format does not have, and for a format
 *   that cannot describe the guest; INPUT_MISSING when nothing can be converted, ARTIFACT_SPACE and ARTIFACT_CONVERT.
 */
export async function openSource(
  artifact: Publishable,
  form: Form,
  context: SourceContext,
): Promise<SourceFile> {
  requireArchitecture(form, artifact);
  requireCompression(form, (artifact.manifest.files[0]?.format ?? "qcow2") as ImageFormat);
  const file = presentFile(artifact, form);
  return file ? present(artifact, file, context) : convert(artifact, form, context);
}
