/** Finds the disk image in an archive. */
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { imageCandidates } from "../inputs/archive.js";
import type { Archive, Member } from "../inputs/archive.js";
import { recognizeFile } from "../inputs/content.js";
import type { Content } from "../inputs/content-kind.js";
import { HEAD_BYTES } from "../inputs/read-at.js";
import { extentNames } from "./vmdk.js";

/** Inputs of {@link chooseMember} besides the archive. */
export interface ChooseContext {
  /** Subject of a message about the archive. */
  readonly what: string;
  /** Absolute path of a folder for the beginnings of files. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** Member that is the disk image, and the files that belong to it. */
export interface ChosenMember {
  readonly member: Member;
  /** Content, recognized from the beginning of the file. */
  readonly content: Content;
  /** Extents of a VMDK descriptor. */
  readonly extents: readonly Member[];
}

interface RecognizedMember {
  readonly member: Member;
  readonly content: Content;
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** Recognizes the content of a member from its beginning. */
async function recognizeMember(
  archive: Archive,
  member: Member,
  { scratch, signal }: ChooseContext,
): Promise<Content> {
  const target = join(scratch, "beginning");
  await archive.extract({ member, target, limit: HEAD_BYTES, beginning: true, signal });
  return recognizeFile(target, member.size <= HEAD_BYTES);
}

function invalidBase(what: string, hint: string): VmbuildError {
  return new VmbuildError("BASE_INVALID", what, { hint });
}

/** Number of members that are examined. An archive with so many images is not a base. */
const MAX_EXAMINED = 64;
const MAX_NAMED = 10;

async function recognizeMembers(
  archive: Archive,
  members: readonly Member[],
  context: ChooseContext,
): Promise<RecognizedMember[]> {
  const recognized: RecognizedMember[] = [];
  for (const member of members.slice(0, MAX_EXAMINED)) {
    recognized.push({ member, content: await recognizeMember(archive, member, context) });
  }
  return recognized;
}

/** Returns a descriptor whose extents are exactly the other images. */
function findDescriptor(recognized: readonly RecognizedMember[]): ChosenMember | undefined {
  const described = recognized.flatMap(({ member, content }) =>
    content.kind === "descriptor" ? [{ member, content, names: extentNames(content.text) }] : [],
  );
  const [first, ...more] = described;
  if (!first || more.length > 0) return undefined;
  const others = recognized
    .filter(({ member }) => member !== first.member)
    .map((one) => one.member);
  const names = others.map(({ name }) => baseName(name));
  const fits =
    first.names.length === names.length && names.every((name) => first.names.includes(name));
  return fits ? { member: first.member, content: first.content, extents: others } : undefined;
}

/**
 * Finds the disk image among an archive's files: by name, and by content where several have such a
 * name.
 * @throws {VmbuildError} BASE_INVALID when there is none, or more than one.
 */
export async function chooseMember(
  archive: Archive,
  context: ChooseContext,
): Promise<ChosenMember> {
  const { what } = context;
  const isImage = ({ content }: RecognizedMember): boolean => content.kind !== "other";
  const { named, others } = imageCandidates(archive.members);
  const first = await recognizeMembers(archive, named, context);
  let recognized = first.filter(isImage);
  if (recognized.length === 0)
    recognized = (await recognizeMembers(archive, others, context)).filter(isImage);
  // A single file that is named like a disk image is used, so that the error describes its content.
  if (recognized.length === 0 && first.length === 1) recognized = first;
  const [found, ...more] = recognized;
  if (!found) {
    throw invalidBase(
      `${what} is an archive with no disk image`,
      "A base is a disk image, or an archive with one; root file systems and other sets of files are not supported.",
    );
  }
  if (more.length === 0) return { ...found, extents: [] };
  const described = findDescriptor(recognized);
  if (described) return described;
  const names = recognized.map(({ member }) => member.name);
  const shown = names.length > MAX_NAMED ? [...names.slice(0, MAX_NAMED), "…"] : names;
  throw invalidBase(
    `${what} is an archive with several disk images: ${shown.join(", ")}`,
    'Unpack the right one, and use it as the base: {"path": "FILE"}.',
  );
}
