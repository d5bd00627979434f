/** Reads zip archives with yauzl. Their directory is at the end, so they are opened in place. */
import type { Readable } from "node:stream";
import type { Entry, ZipFile } from "yauzl";
import { VmbuildError, messageOf } from "../errors.js";
import { memberIn } from "./archive.js";
import type { Archive, Member } from "./archive.js";
import { writeProgramOutput } from "./program-output.js";

const ENCRYPTED = 1;
/** Supported compression methods: stored and deflated. yauzl supports no others, which are rare. */
const METHODS: readonly number[] = [0, 8];

function broken(what: string, cause: unknown): VmbuildError {
  if (cause instanceof VmbuildError) return cause;
  const message = `${what} could not be unpacked: ${messageOf(cause)}`;
  return new VmbuildError("INPUT_UNPACK", message, { cause });
}

async function open(path: string): Promise<ZipFile> {
  const { openPromise } = await import("yauzl");
  // Names are only compared. As bytes they are not rejected for what they would mean as paths.
  return openPromise(path, { autoClose: false, decodeStrings: false });
}

const nameOf = (entry: Entry): string => entry.fileNameRaw.toString("utf8");

async function list(path: string): Promise<Member[]> {
  const members: Member[] = [];
  const zip = await open(path);
  try {
    for await (const entry of zip.eachEntry()) {
      const name = nameOf(entry);
      if (!name.endsWith("/")) members.push({ name, size: entry.uncompressedSize });
    }
    return members;
  } finally {
    zip.close();
  }
}

/** Opens the content of a member; undefined when there is no such member. */
async function openMember(zip: ZipFile, name: string, what: string): Promise<Readable | undefined> {
  for await (const entry of zip.eachEntry()) {
    if (nameOf(entry) !== name) continue;
    const { generalPurposeBitFlag: flags, compressionMethod: method } = entry;
    const isEncrypted = (flags & ENCRYPTED) !== 0;
    if (!isEncrypted && METHODS.includes(method)) return zip.openReadStreamPromise(entry);
    const reason = isEncrypted ? "it is encrypted" : `its compression method is ${method}`;
    throw new VmbuildError("INPUT_UNPACK", `${what} cannot be unpacked: ${reason}`, {
      hint: "Unpack the archive with unzip or 7z first.",
    });
  }
  return undefined;
}

/**
 * Opens a zip archive.
 * @throws {VmbuildError} INPUT_UNPACK.
 */
export async function openZip(path: string, what: string): Promise<Archive> {
  const members = await list(path).catch((error: unknown) => {
    throw broken(what, error);
  });
  return {
    members,
    async extract({ member, ...job }) {
      const label = memberIn(member.name, what);
      let zip: ZipFile | undefined;
      let input: Readable | undefined;
      let damage: unknown;
      try {
        zip = await open(path);
        input = await openMember(zip, member.name, label);
        input?.on("error", (error) => (damage = error));
        const poured = await writeProgramOutput({
          ...job,
          command: ["cat"],
          what: label,
          ...(input ? { input } : {}),
        });
        if (damage !== undefined && poured === "whole") throw broken(label, damage);
        return poured;
      } catch (error) {
        job.signal.throwIfAborted();
        throw broken(label, damage ?? error);
      } finally {
        input?.destroy();
        zip?.close();
      }
    },
  };
}
