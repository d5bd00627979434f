/** Whose artifact an output folder holds. */
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { VmbuildError, systemCode } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { checksumPath } from "./checksum-files.js";
import { ALGORITHMS } from "./digest.js";
import { folderError } from "./failures.js";
import { MANIFEST_NAME } from "./manifest.js";

/** Where an artifact goes, and whose it is. */
export interface OutputTarget {
  /** The template's name. */
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** The image's file name. */
  readonly filename: string;
}

const HINT =
  'Give each template its own output folder: "output": { "directory": "output/${name}" }, or --output DIR.';

/** As much of a manifest as tells whose it is, in this version of vmbuild and later ones. */
const ownedManifest = z.looseObject({ manifestVersion: z.number(), name: z.string() });

/**
 * Reads the name of the template whose artifact is in a folder.
 * @returns undefined where there is no manifest, or one of which only a part is there.
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

/** The error for a folder that holds the artifact of another template. */
function otherOwner({ name, folder }: OutputTarget, owner: string): VmbuildError {
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
 * Requires that an output folder holds nothing that the artifact would replace, except an older
 * artifact of the same template. Writes nothing.
 * @throws {VmbuildError} OUTPUT_TAKEN; OUTPUT_UNWRITABLE when it cannot be looked into.
 */
export async function requireOwnFolder(target: OutputTarget): Promise<void> {
  const { name, folder, filename } = target;
  const sums = ALGORITHMS.map((algorithm) => checksumPath(filename, algorithm));
  for (const own of [MANIFEST_NAME, filename, ...sums]) {
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
  if (owner !== undefined && owner !== name) throw otherOwner(target, owner);
}

/** A symbolic link to a folder is not one: a file that is renamed there takes the link's place. */
async function isFolder(folder: string, path: string): Promise<boolean> {
  try {
    return (await statIfThere(path)) !== undefined && (await lstat(path)).isDirectory();
  } catch (error) {
    throw folderError(folder, error);
  }
}
