/** Stores the contents of bundles by their SHA-256, on the host where the builds run. */
import { open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../../errors.js";
import { makePrivateFolder, statIfThere, syncToDisk } from "../../host/files.js";
import { formatBytes } from "../../host/format.js";
import { hashFile } from "../../inputs/digest.js";

/** Content of a file. */
export interface Content {
  /** In hexadecimal. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** Contents below a folder. */
export class ContentStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, "content");
  }

  /** Returns the path of a content, which need not be there. */
  pathOf({ sha256 }: Pick<Content, "sha256">): string {
    return join(this.#folder, sha256);
  }

  /** Returns the bytes that are there of a content; undefined where all are. */
  async have(content: Content): Promise<number | undefined> {
    const path = this.pathOf(content);
    const whole = await statIfThere(path);
    if (whole?.isFile() === true && Number(whole.size) === content.size) {
      const now = new Date();
      await utimes(path, now, now);
      return undefined;
    }
    const part = await statIfThere(`${path}.part`);
    const size = Number(part?.size ?? 0);
    return size <= content.size ? size : 0;
  }

  /**
   * Stores bytes of a content. It is complete, and verified, once all have arrived.
   * @param from number of the first of these bytes in the content.
   * @throws {VmbuildError} REMOTE_BUNDLE when the content is another one.
   */
  async put(content: Content, from: number, parts: AsyncIterable<Buffer>): Promise<void> {
    await makePrivateFolder(this.#folder);
    const path = this.pathOf(content);
    const part = `${path}.part`;
    const handle = await open(part, from === 0 ? "w" : "r+", 0o600);
    let at = from;
    try {
      for await (const data of parts) {
        await handle.write(data, 0, data.length, at);
        at += data.length;
      }
      await handle.truncate(at);
    } finally {
      await handle.close();
    }
    if (at < content.size) return;
    const { sha256 } = await hashFile(part, [], new AbortController().signal);
    if (sha256 === content.sha256) {
      await syncToDisk(part);
      await rename(part, path);
      return;
    }
    await rm(part, { force: true });
    const message = `A file of ${formatBytes(content.size)} arrived with another content than it was announced with`;
    throw new VmbuildError("REMOTE_BUNDLE", message, {
      hint: "The file was changed while it was sent, or a disk or the network is faulty. Run the command again.",
    });
  }

  /** Removes contents that were not used since a time. Milliseconds since the epoch. */
  async prune(before: number): Promise<void> {
    if (!(await statIfThere(this.#folder))) return;
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if ((await stat(path)).mtimeMs < before) await rm(path, { force: true });
    }
  }
}
