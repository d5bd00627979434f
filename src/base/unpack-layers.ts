/** Unpacks compressed files and archives layer by layer until the disk image inside is reached. */
import { createReadStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { statIfThere } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import { systemClock } from "../inputs/clock.js";
import { memberIn } from "../inputs/archive.js";
import { recognizeFile } from "../inputs/content.js";
import type { Compression } from "../inputs/content-kind.js";
import { openArchive } from "../inputs/open-archive.js";
import { writeProgramOutput, UNPACKERS } from "../inputs/program-output.js";
import type { WrittenExtent } from "../inputs/program-output.js";
import { createProgress } from "../inputs/progress.js";
import { contentOf } from "./layer.js";
import type { Layer } from "./layer.js";
import { chooseMember } from "./member.js";

/** Inputs of {@link unpackLayers} besides the file. */
export interface UnpackContext {
  /** Absolute path of a folder for intermediate files. The caller removes it. */
  readonly scratch: string;
  /** Maximum size of a file inside. Bytes. */
  readonly limit: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Number of layers that are unpacked. A file that unpacks to itself would never end. */
const MAX_LAYERS = 6;

const COMPRESSED_NAME = /\.(gz|xz|zst|zstd|bz2|lz4|lzma|z)$/i;

/** Returns a name without the extension of its compression. */
function innerName(name: string): string {
  const tar = /^(.+)\.(tgz|txz|tbz2?|tzst)$/i.exec(name)?.[1];
  return tar === undefined ? name.replace(COMPRESSED_NAME, "") : `${tar}.tar`;
}

function requireLimit(written: WrittenExtent, what: string, limit: number): void {
  if (written === "whole") return;
  throw new VmbuildError(
    "BASE_TOO_LARGE",
    `${what} unpacks to more than ${formatBytes(limit)}, which exceeds machine.disk`,
    { hint: "Set machine.disk to at least the virtual size of the disk image inside." },
  );
}

async function decompress(
  layer: Layer,
  by: Compression,
  target: string,
  { emit, signal, limit }: UnpackContext,
): Promise<void> {
  const total = Number((await statIfThere(layer.path))?.size ?? 0);
  const progress = createProgress(emit, systemClock, "unpack:base", `unpack ${layer.name}`);
  let done = 0;
  const input = createReadStream(layer.path, { highWaterMark: 1024 * 1024 });
  input.on("data", (chunk) => progress.at((done += chunk.length), total));
  try {
    const command = UNPACKERS[by];
    const written = await writeProgramOutput({
      target,
      command,
      input,
      limit,
      what: layer.what,
      signal,
    });
    requireLimit(written, layer.what, limit);
    progress.finish(total);
  } finally {
    input.destroy();
  }
}

/** Extracts the disk image from an archive into its own folder. */
async function extractImage(
  layer: Layer,
  form: "tar" | "zip",
  folder: string,
  context: UnpackContext,
): Promise<Pick<Layer, "path" | "name" | "what" | "extents">> {
  const { signal, limit, scratch, emit } = context;
  const archive = await openArchive(layer.path, form, layer.what, signal);
  const { member, extents } = await chooseMember(archive, {
    what: layer.what,
    scratch,
    signal,
  });
  emit({ type: "note", message: `${layer.what}: using ${member.name} as the disk image` });
  await mkdir(folder);
  // An extent must have the name that its descriptor uses. Only the last part of a path is used.
  const target = (name: string): string => join(folder, basename(name) || "image");
  for (const one of [member, ...extents]) {
    const written = await archive.extract({ member: one, target: target(one.name), limit, signal });
    requireLimit(written, memberIn(one.name, layer.what), limit);
  }
  return {
    path: target(member.name),
    name: basename(member.name),
    what: memberIn(member.name, layer.what),
    extents: extents.map(({ name }) => target(name)),
  };
}

async function unpackLayer(layer: Layer, number: number, context: UnpackContext): Promise<Layer> {
  const { content } = layer;
  const folder = join(context.scratch, `layer-${number}`);
  if (content.kind === "archive") {
    const extracted = await extractImage(layer, content.form, folder, context);
    return { ...extracted, content: await recognizeFile(extracted.path), isTemporary: true };
  }
  if (content.kind !== "compressed") return layer;
  await decompress(layer, content.by, folder, context);
  const name = innerName(layer.name);
  const inner = await recognizeFile(folder);
  // A tar.xz file is named as the archive itself; for other content the message says that it is
  // inside.
  const what = inner.kind === "archive" ? layer.what : contentOf(layer.what);
  return { path: folder, name, what, content: inner, isTemporary: true, extents: [] };
}

/**
 * Unpacks until the content is neither compressed nor an archive.
 * @throws {VmbuildError} INPUT_UNPACK, BASE_INVALID, BASE_TOO_LARGE, HOST_SPACE,
 *   HOST_PROGRAM_MISSING; the signal's reason when it was aborted.
 */
export async function unpackLayers(outermost: Layer, context: UnpackContext): Promise<Layer> {
  let layer = outermost;
  for (let number = 1; number <= MAX_LAYERS; number += 1) {
    const inner = await unpackLayer(layer, number, context);
    if (inner === layer) return layer;
    // The packed file is removed to save space.
    if (layer.isTemporary) await rm(layer.path, { recursive: true, force: true });
    layer = inner;
  }
  if (layer.content.kind !== "compressed" && layer.content.kind !== "archive") return layer;
  throw new VmbuildError(
    "BASE_INVALID",
    `${outermost.what} has more than ${MAX_LAYERS} layers of compression and archives`,
    {
      hint: "Unpack it manually, and use the disk image as the base.",
    },
  );
}
