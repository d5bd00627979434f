/**
 * Gives an artifact's files their final names, all of them or as if none.
 *
 * Everything is written under temporary names beside the final ones and fsynced. Then, in this
 * order, with the folder fsynced where the order must survive a power loss:
 *
 * 1. the old manifest goes, and with it the old sums for which there are no new ones
 * 2. the images are renamed into place, each replacing its elder in one move
 * 3. their checksum files are, then the files that steps made
 * 4. the manifest is, last
 *
 * Before 1 all is old, after 4 all is new. A crash in between leaves no manifest, which every
 * reader of ours takes for "nothing there" ({@link readPublished}); sums may then be those of
 * the image before, so that `sha256sum -c` fails, but never those of an image that is not there.
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

/** What a file is to the artifact; it decides when its final name appears. */
export type StagedRole = "image" | "checksums" | "companion" | "manifest";

interface StagedFile {
  readonly role: StagedRole;
  readonly temporary: string;
  readonly path: string;
}

/** The files of one artifact on their way. Dispose of it: what was not published is removed. */
export class Staging implements AsyncDisposable {
  /** Where the final names will be; it must exist. */
  readonly folder: string;
  readonly #files = new Map<string, StagedFile>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Returns the temporary name to write `name` under. A name that was reserved before gives the
   * same answer, where it is meant for the same file.
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

  /** Files that steps made may differ in case alone: they were made on this host. */
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
   * Makes everything durable and renames it into place. Not to be cancelled half-way: it takes
   * no signal. Not atomic against other writers: the build's lock keeps them out.
   * @throws {VmbuildError} ARTIFACT_SPACE or ARTIFACT_CONVERT; see above for what is left then.
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

  /** The old manifest, and the old sums of these images that nothing new replaces. */
  async #removeOutdated(images: readonly StagedFile[]): Promise<void> {
    const sums = images.flatMap(({ path }) => ALGORITHMS.map((name) => checksumPath(path, name)));
    const unreplaced = sums.filter((path) => !this.#files.has(basename(path)));
    await rm(join(this.folder, MANIFEST_NAME), { force: true });
    await Promise.all(unreplaced.map((path) => rm(path, { force: true })));
    await syncToDisk(this.folder);
  }

  async #moveIntoPlace(files: readonly StagedFile[]): Promise<void> {
    for (const file of files) {
      // A folder takes the place of another only when that is empty.
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
 * Removes the temporary files and folders that a killed run left for these final paths. Only for the holder
 * of the build's lock.
 * @returns what was removed, with sizes in bytes.
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
      // Whatever follows the start is eight digits and the ending, or the name is another file's.
      if (!name.startsWith(start) || name.length !== start.length + ENDING_LENGTH) continue;
      if (!isTemporaryName(name)) continue;
      const abandoned = join(folder, name);
      removed.push({ path: abandoned, size: Number((await statIfThere(abandoned))?.size ?? 0) });
      await rm(abandoned, { recursive: true, force: true });
    }
  }
  return removed;
}
