/** The one disk image in an archive. */
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { imageCandidates } from "../inputs/archive.js";
import type { Archive, Member } from "../inputs/archive.js";
import { recognizeFile } from "../inputs/content.js";
import type { Content } from "../inputs/content-kind.js";
import { HEAD_BYTES } from "../inputs/read-at.js";
import { extentNames } from "./vmdk.js";

/** What choosing is given. */
export interface ChooseContext {
  /** The archive, as the subject of a message. */
  readonly what: string;
  /** A folder for the beginnings of files; absolute. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** The member that is the disk image, with the files that belong to it. */
export interface Chosen {
  readonly member: Member;
  /** By its beginning. */
  readonly content: Content;
  /** The extents of a VMDK descriptor. */
  readonly beside: readonly Member[];
}

interface Looked {
  readonly member: Member;
  readonly content: Content;
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** Recognises a member by its beginning. */
async function lookAt(
  archive: Archive,
  member: Member,
  { scratch, signal }: ChooseContext,
): Promise<Content> {
  const target = join(scratch, "beginning");
  await archive.extract({ member, target, limit: HEAD_BYTES, beginning: true, signal });
  return recognizeFile(target, member.size <= HEAD_BYTES);
}

function refuse(what: string, hint: string): VmbuildError {
  return new VmbuildError("BASE_INVALID", what, { hint });
}

/** An archive of a hundred images is none that is meant. */
const MOST_LOOKED_AT = 64;
const MOST_SHOWN = 10;

async function lookAtAll(
  archive: Archive,
  members: readonly Member[],
  context: ChooseContext,
): Promise<Looked[]> {
  const looked: Looked[] = [];
  for (const member of members.slice(0, MOST_LOOKED_AT)) {
    looked.push({ member, content: await lookAt(archive, member, context) });
  }
  return looked;
}

/** A descriptor whose extents are all the other images there are. */
function asDescribed(looked: readonly Looked[]): Chosen | undefined {
  const described = looked.flatMap(({ member, content }) =>
    content.kind === "descriptor" ? [{ member, content, names: extentNames(content.text) }] : [],
  );
  const [first, ...more] = described;
  if (!first || more.length > 0) return undefined;
  const others = looked.filter(({ member }) => member !== first.member).map((one) => one.member);
  const names = others.map(({ name }) => baseName(name));
  const fits =
    first.names.length === names.length && names.every((name) => first.names.includes(name));
  return fits ? { member: first.member, content: first.content, beside: others } : undefined;
}

/**
 * Finds the disk image among an archive's files: by its name, and by its content where several
 * are named like one.
 * @throws {VmbuildError} BASE_INVALID when there is none, or more than one.
 */
export async function chooseMember(archive: Archive, context: ChooseContext): Promise<Chosen> {
  const { what } = context;
  const isImage = ({ content }: Looked): boolean => content.kind !== "other";
  const { named, others } = imageCandidates(archive.members);
  const first = await lookAtAll(archive, named, context);
  let looked = first.filter(isImage);
  if (looked.length === 0) looked = (await lookAtAll(archive, others, context)).filter(isImage);
  // The one that is named like a disk image is said to be what it is.
  if (looked.length === 0 && first.length === 1) looked = first;
  const [found, ...more] = looked;
  if (!found) {
    throw refuse(
      `${what} is an archive with no disk image`,
      "A base is a disk image, or an archive with one; root file systems and other sets of files are not supported.",
    );
  }
  if (more.length === 0) return { ...found, beside: [] };
  const described = asDescribed(looked);
  if (described) return described;
  const names = looked.map(({ member }) => member.name);
  const shown = names.length > MOST_SHOWN ? [...names.slice(0, MOST_SHOWN), "…"] : names;
  throw refuse(
    `${what} is an archive with several disk images: ${shown.join(", ")}`,
    'Unpack the right one, and use it as the base: {"path": "FILE"}.',
  );
}
