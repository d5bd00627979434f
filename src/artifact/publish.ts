/**
 * Publishes the files of an artifact under their final names, all of them or none.
 *
 * Everything is written under temporary names beside the final ones and fsynced. Then, in this
 * order, with the folder fsynced where the order must survive a power failure:
 *
 * 1. the old manifest is removed, and with it the old checksum files that are not replaced
 * 2. the images are renamed, each replacing its predecessor atomically
 * 3. their checksum files are renamed, then the files that steps created
 * 4. the manifest is renamed, last
 *
 * Before 1 everything is old, and after 4 everything is new. A crash in between leaves no manifest,
 * so {@link readPublished} reports that there is no artifact. Checksum files may then belong to the
 * previous image, so that `sha256sum -c` fails, but never to an image that does not exist.
 */
import { lstat, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isTemporaryName, statIfThere, syncToDisk, temporaryBeside } from "../host/files.js";
import { VmbuildError } from "../errors.js";
import { checksumPath } from "./checksum-files.js";
import { ALGORITHMS } from "./digest.js";
import { artifactError } from "./failures.js";
import { MANIFEST_NAME } from "./manifest.js";
import { sameName } from "./names.js";

/** Role of a file in the artifact, which determines when it is renamed. */
export type StagedRole = "image" | "checksums" | "companion" | "manifest";

interface StagedFile {
  readonly role: StagedRole;
  readonly temporary: string;
  readonly path: string;
}

/** Files of one artifact before publication. Disposing of it removes what was not published. */
export class Staging implements AsyncDisposable {
  /** Folder of the final names; it must exist. */
  readonly folder: string;
  readonly #files = new Map<string, StagedFile>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Returns the temporary name for writing `name`. A repeated call for the same file gives the same
   * result.
   * @param name a file name without folders.
   * @throws {VmbuildError} ARTIFACT_NAMES when another file of the artifact has that name.
   */
  reserve(name: string, role: StagedRole): string {
    if (basename(name) !== name) throw new VmbuildError("DEFECT", `${name} is not a file name`);
    const known = this.#files.get(name);
    if (known?.role === role) return known.temporary;
    this.#requireFree(name, role);
    const path = join(this.folder, name);
    const temporary = temporaryBeside(path);
    this.#files.set(name, { role, temporary, path });
    return temporary;
  }

  /**
   * Requires an unused name. Files that steps created may differ in case alone, because this host's
   * file system already accepted them.
   */
  #requireFree(name: string, role: StagedRole): void {
    for (const [other, file] of this.#files) {
      const both = role === "companion" && file.role === "companion";
      if (both ? other !== name : !sameName(other, name)) continue;
      throw new VmbuildError("ARTIFACT_NAMES", `Two files of the artifact have the name ${name}`);
    }
  }

  /**
   * Writes a small file under its temporary name.
   * @throws {VmbuildError} ARTIFACT_SPACE, ARTIFACT_DIGEST or ARTIFACT_NAMES.
   */
  async write(name: string, role: StagedRole, content: string): Promise<void> {
    const temporary = this.reserve(name, role);
    try {
      await writeFile(temporary, content);
    } catch (error) {
      throw artifactError("ARTIFACT_DIGEST", `Cannot write ${name} to ${this.folder}`, error);
    }
  }

  /**
   * Flushes all files to disk and renames them. It takes no signal, because it must not be
   * cancelled halfway. It is not atomic against other writers, which the build's lock prevents.
   * @throws {VmbuildError} ARTIFACT_SPACE or ARTIFACT_CONVERT; the header of this file describes
   *   the state afterwards.
   */
  async publish(): Promise<void> {
    const files = [...this.#files.values()];
    const ofRole = (role: StagedRole): StagedFile[] => files.filter((file) => file.role === role);
    try {
      await Promise.all(files.map((file) => syncToDisk(file.temporary)));
      await this.#removeOutdated(ofRole("image"));
      await this.#moveIntoPlace(ofRole("image"));
      await this.#moveIntoPlace(ofRole("checksums"));
      await this.#moveIntoPlace(ofRole("companion"));
      await this.#moveIntoPlace(ofRole("manifest"));
    } catch (error) {
      throw artifactError("ARTIFACT_CONVERT", `Cannot publish to ${this.folder}`, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#files.values()];
    this.#files.clear();
    const gone = { recursive: true, force: true };
    await Promise.all(left.map((file) => rm(file.temporary, gone)));
  }

  /** Removes the old manifest, and the old checksum files of these images that are not replaced. */
  async #removeOutdated(images: readonly StagedFile[]): Promise<void> {
    const sums = images.flatMap(({ path }) => ALGORITHMS.map((name) => checksumPath(path, name)));
    const unreplaced = sums.filter((path) => !this.#files.has(basename(path)));
    await rm(join(this.folder, MANIFEST_NAME), { force: true });
    await Promise.all(unreplaced.map((path) => rm(path, { force: true })));
    await syncToDisk(this.folder);
  }

  async #moveIntoPlace(files: readonly StagedFile[]): Promise<void> {
    for (const file of files) {
      // A rename replaces a folder only when that is empty.
      if ((await lstat(file.temporary)).isDirectory()) {
        await rm(file.path, { recursive: true, force: true });
      }
      await rename(file.temporary, file.path);
      this.#files.delete(basename(file.path));
    }
    await syncToDisk(this.folder);
  }
}

const ENDING_LENGTH = "01234567.part".length;

/**
 * Removes the temporary files and folders that a killed run left for these final paths. Only for
 * the holder of the build's lock.
 * @returns the removed paths, with sizes in bytes.
 */
export async function removeAbandoned(
  paths: readonly string[],
): Promise<{ path: string; size: number }[]> {
  const removed: { path: string; size: number }[] = [];
  for (const path of paths) {
    const folder = dirname(path);
    const start = `.${basename(path)}.`;
    const names = (await statIfThere(folder)) ? await readdir(folder) : [];
    for (const name of names) {
      // After the prefix there must be eight characters and the extension; otherwise the name
      // belongs to another file.
      if (!name.startsWith(start) || name.length !== start.length + ENDING_LENGTH) continue;
      if (!isTemporaryName(name)) continue;
      const abandoned = join(folder, name);
      removed.push({ path: abandoned, size: Number((await statIfThere(abandoned))?.size ?? 0) });
      await rm(abandoned, { recursive: true, force: true });
    }
  }
  return removed;
}
