/** Determines which template's artifact an output folder contains. */
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { VmbuildError, systemCode } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { checksumPath } from "./checksum-files.js";
import { ALGORITHMS } from "./digest.js";
import { folderError } from "./failures.js";
import { MANIFEST_NAME } from "./manifest.js";

/** Destination of an artifact, and the template that it belongs to. */
export interface OutputTarget {
  /** Name of the template. */
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** File names of the images. */
  readonly filenames: readonly string[];
}

const HINT =
  'Give each template its own output folder: "output": { "directory": "output/${name}" }, or --output DIR.';

/** Fields of a manifest that identify its template, in this version of vmbuild and later ones. */
const ownedManifest = z.looseObject({ manifestVersion: z.number(), name: z.string() });

/**
 * Reads the name of the template whose artifact is in a folder.
 * @returns undefined where there is no manifest, or only part of one.
 * @throws {VmbuildError} OUTPUT_TAKEN when `manifest.json` is JSON of another program.
 */
export async function readOwner(folder: string): Promise<string | undefined> {
  const path = join(folder, MANIFEST_NAME);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return undefined;
    if (systemCode(error) === "ENOTDIR") return undefined;
    throw folderError(folder, error);
  }
  const manifest = ownedManifest.safeParse(content);
  if (manifest.success) return manifest.data.name;
  throw new VmbuildError("OUTPUT_TAKEN", `${path} is not a vmbuild manifest`, {
    hint: "The image's manifest would overwrite it. Move the file, or use another folder with --output DIR.",
  });
}

/** Returns the error for a folder that contains the artifact of another template. */
function otherOwnerError({ name, folder }: OutputTarget, owner: string): VmbuildError {
  return new VmbuildError(
    "OUTPUT_TAKEN",
    `${folder} holds the image of another template, "${owner}", whose manifest would be overwritten by that of "${name}"`,
    {
      hint: `${HINT} If the image of "${owner}" is no longer needed, remove ${join(folder, MANIFEST_NAME)}.`,
      details: { folder, owner },
    },
  );
}

/**
 * Requires that an output folder contains nothing that the artifact would replace, except an older
 * artifact of the same template. Writes nothing.
 * @throws {VmbuildError} OUTPUT_TAKEN; OUTPUT_UNWRITABLE when it cannot be read.
 */
export async function requireOwnFolder(target: OutputTarget): Promise<void> {
  const { name, folder, filenames } = target;
  const sums = filenames.flatMap((filename) =>
    ALGORITHMS.map((algorithm) => checksumPath(filename, algorithm)),
  );
  for (const own of [MANIFEST_NAME, ...filenames, ...sums]) {
    const path = join(folder, own);
    if (!(await isFolder(folder, path))) continue;
    throw new VmbuildError(
      "OUTPUT_TAKEN",
      `${path} is a folder, but the artifact has a file of that name`,
      {
        hint: "Move it, or use another folder with --output DIR.",
      },
    );
  }
  const owner = await readOwner(folder);
  if (owner !== undefined && owner !== name) throw otherOwnerError(target, owner);
}

/**
 * Returns whether a path is a folder. A symbolic link to a folder does not count, because a rename
 * replaces the link.
 */
async function isFolder(folder: string, path: string): Promise<boolean> {
  try {
    return (await statIfThere(path)) !== undefined && (await lstat(path)).isDirectory();
  } catch (error) {
    throw folderError(folder, error);
  }
}
