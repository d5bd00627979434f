/** Inspects a file as a base without unpacking more than the beginning of its content. */
import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageInfo } from "../machine/disk.js";
import { memberIn } from "../inputs/archive.js";
import { recognizeFile } from "../inputs/content.js";
import type { Compression, Content } from "../inputs/content-kind.js";
import { openArchive } from "../inputs/open-archive.js";
import { writeProgramOutput, UNPACKERS } from "../inputs/program-output.js";
import { HEAD_BYTES } from "../inputs/read-at.js";
import { readBaseImage } from "./base-image.js";
import { findConvertedImage } from "./disk-image.js";
import { checkForeign } from "./foreign.js";
import { contentOf } from "./layer.js";
import { chooseMember } from "./member.js";
import { foreignFormat, isUsableAsIs, recognizeBase, refuseOtherContent } from "./recognize.js";
import type { BaseFile } from "./recognize.js";

/** Result of an inspection. */
export interface BaseFileFacts {
  /** Virtual size in bytes; undefined where the image is packed. */
  readonly virtualSize?: number;
  /** Reason why not everything was checked. */
  readonly note?: string;
}

/** Size up to which a compressed archive is read completely to list its names. */
const MAX_LISTED_BYTES = 256 * 2 ** 20;

interface InspectContext {
  readonly what: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** Unpacks the beginning of a compressed file. The file itself may be incomplete. */
async function readBeginning(
  path: string,
  by: Compression,
  context: InspectContext,
): Promise<Content> {
  const { what, scratch, signal } = context;
  const target = join(scratch, "content");
  const input = createReadStream(path);
  try {
    const command = UNPACKERS[by];
    await writeProgramOutput({
      target,
      command,
      input,
      limit: HEAD_BYTES,
      beginning: true,
      what,
      signal,
    });
  } finally {
    input.destroy();
  }
  return recognizeFile(target, false);
}

async function inspectArchive(
  path: string,
  form: "tar" | "zip",
  context: InspectContext,
): Promise<void> {
  const { what, scratch, signal } = context;
  const archive = await openArchive(path, form, what, signal);
  const { member, content } = await chooseMember(archive, { what, scratch, signal });
  refuseOtherContent(content, memberIn(member.name, what));
}

async function inspectCompressed(
  path: string,
  by: Compression,
  context: InspectContext,
): Promise<BaseFileFacts> {
  const { what } = context;
  const content = await readBeginning(path, by, context);
  if (content.kind !== "archive") {
    refuseOtherContent(content, contentOf(what));
    return {};
  }
  // tar recognizes the other compressions itself.
  const { size } = await stat(path);
  if (content.form === "tar" && by !== "lz4" && size <= MAX_LISTED_BYTES) {
    await inspectArchive(path, "tar", context);
    return {};
  }
  return { note: `${what} is ${content.what}: its content is checked when it is unpacked` };
}

/**
 * Inspects a file that is used as a base.
 * @throws {VmbuildError} BASE_INVALID with a description of the file, INPUT_UNPACK,
 *   HOST_PROGRAM_MISSING; the signal's reason when it was aborted.
 */
export async function inspectBaseFile(file: BaseFile, signal: AbortSignal): Promise<BaseFileFacts> {
  const { layer, extents } = await recognizeBase(file);
  const { path, what, content } = layer;
  if (isUsableAsIs(content)) {
    const options = { mayUseOtherFiles: file.isLocal, signal };
    return { virtualSize: (await readBaseImage(path, options)).virtualSize };
  }
  if (content.kind === "image" || content.kind === "descriptor") {
    const image = { path, format: foreignFormat(content), what, extents };
    return { virtualSize: await checkForeign(image, signal) };
  }
  const converted = await findConvertedImage(file, extents, signal);
  if (converted !== undefined)
    return { virtualSize: (await imageInfo(converted, signal)).virtualSize };
  const scratch = await mkdtemp(join(tmpdir(), "vmbuild-peek-"));
  try {
    const context = { what, scratch, signal };
    const note = `${layer.name} is ${content.what}: the size of the image in it is not checked`;
    if (content.kind === "archive") await inspectArchive(path, content.form, context);
    else if (content.kind === "compressed") {
      return { note, ...(await inspectCompressed(path, content.by, context)) };
    }
    return { note };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
