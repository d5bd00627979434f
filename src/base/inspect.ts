/** A look at a file as a base that unpacks no more than the beginnings of what is inside. */
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
import { readBaseImage } from "./base.js";
import { findConvertedImage } from "./disk-image.js";
import { checkForeign } from "./foreign.js";
import { chooseMember } from "./member.js";
import { foreignFormat, isUsableAsIs, recognizeBase, refuseOtherContent } from "./recognize.js";
import type { BaseFile } from "./recognize.js";

/** What a look tells. */
export interface BaseFileFacts {
  /** Bytes that the guest would see; undefined where the image is packed. */
  readonly virtualSize?: number;
  /** Why no more is known. */
  readonly note?: string;
}

/** Names in a compressed archive are read only up to its end, which takes a while. */
const MAX_LISTED_BYTES = 256 * 2 ** 20;

interface InspectContext {
  readonly what: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** The beginning of a compressed file's content; a file that is itself a beginning will do. */
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
    refuseOtherContent(content, `The content of ${what.replace(/^The /, "the ")}`);
    return {};
  }
  // tar knows the other forms by itself.
  const { size } = await stat(path);
  if (content.form === "tar" && by !== "lz4" && size <= MAX_LISTED_BYTES) {
    await inspectArchive(path, "tar", context);
    return {};
  }
  return { note: `${what} is ${content.what}: its content is checked when it is unpacked` };
}

/**
 * Looks at a file that should be a base.
 * @throws {VmbuildError} BASE_INVALID with what the file is instead, INPUT_UNPACK,
 *   HOST_PROGRAM_MISSING; the signal's own reason when it was aborted.
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
