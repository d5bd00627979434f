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
import { madeImage } from "./disk-image.js";
import { checkForeign } from "./foreign.js";
import { chooseMember } from "./member.js";
import { foreignFormat, isReady, openFile, refuseOther } from "./requirements.js";
import type { ImageFile } from "./requirements.js";

/** What a look tells. */
export interface Peeked {
  /** Bytes that the guest would see; undefined where the image is packed. */
  readonly virtualSize?: number;
  /** Why no more is known. */
  readonly note?: string;
}

/** Names in a compressed archive are read only up to its end, which takes a while. */
const LARGEST_LISTED = 256 * 2 ** 20;

interface Look {
  readonly what: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** The beginning of a compressed file's content; a file that is itself a beginning will do. */
async function beginning(path: string, by: Compression, look: Look): Promise<Content> {
  const { what, scratch, signal } = look;
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

async function peekArchive(path: string, form: "tar" | "zip", look: Look): Promise<void> {
  const { what, scratch, signal } = look;
  const archive = await openArchive(path, form, what, signal);
  const { member, content } = await chooseMember(archive, { what, scratch, signal });
  refuseOther(content, memberIn(member.name, what));
}

async function peekCompressed(path: string, by: Compression, look: Look): Promise<Peeked> {
  const { what } = look;
  const content = await beginning(path, by, look);
  if (content.kind !== "archive") {
    refuseOther(content, `The content of ${what.replace(/^The /, "the ")}`);
    return {};
  }
  // tar knows the other forms by itself.
  const { size } = await stat(path);
  if (content.form === "tar" && by !== "lz4" && size <= LARGEST_LISTED) {
    await peekArchive(path, "tar", look);
    return {};
  }
  return { note: `${what} is ${content.what}: its content is checked when it is unpacked` };
}

/**
 * Looks at a file that should be a base.
 * @throws {VmbuildError} BASE_INVALID with what the file is instead, INPUT_UNPACK,
 *   HOST_PROGRAM_MISSING; the signal's own reason when it was aborted.
 */
export async function peekBase(file: ImageFile, signal: AbortSignal): Promise<Peeked> {
  const { layer, extents } = await openFile(file);
  const { path, what, content } = layer;
  if (isReady(content)) {
    const options = { mayUseOtherFiles: file.isLocal, signal };
    return { virtualSize: (await readBaseImage(path, options)).virtualSize };
  }
  if (content.kind === "image" || content.kind === "descriptor") {
    const image = { path, format: foreignFormat(content), what, extents };
    return { virtualSize: await checkForeign(image, signal) };
  }
  const made = await madeImage(file, extents, signal);
  if (made !== undefined) return { virtualSize: (await imageInfo(made, signal)).virtualSize };
  const scratch = await mkdtemp(join(tmpdir(), "vmbuild-peek-"));
  try {
    const look = { what, scratch, signal };
    const note = `${layer.name} is ${content.what}: the size of the image in it is not checked`;
    if (content.kind === "archive") await peekArchive(path, content.form, look);
    else if (content.kind === "compressed") {
      return { note, ...(await peekCompressed(path, content.by, look)) };
    }
    return { note };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
