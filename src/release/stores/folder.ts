/** Keeps releases in folders of this host: `FOLDER/TAG/ASSET`. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { VmbuildError } from "../../errors.js";
import {
  isTemporaryName,
  makeFolder,
  requireSpace,
  statIfThere,
  syncToDisk,
  temporaryBeside,
} from "../../host/files.js";
import { tryLockFolder, waitForFolder } from "../../host/lock.js";
import { AddressFailure, asAddressFailure } from "../../inputs/failure.js";
import { releaseError } from "../errors.js";
import { replaceFiles } from "../folder/replace.js";
import { belongsTo, imageOf, indexLast } from "../names.js";
import { sameAsset } from "../same.js";
import { ReleaseChanged } from "../store.js";
import type {
  Change,
  Content,
  OnSent,
  Staged,
  StoreContext,
  StoreKind,
  StoredAsset,
} from "../store.js";
import type { ReleaseStore } from "../store.js";
import { writeSparse } from "../sparse.js";

/** Age after which a temporary file is a remainder of an upload that was killed. */
const ABANDONED_MS = 24 * 3_600_000;

/** Release in a folder. */
class FolderStore implements ReleaseStore {
  readonly address: string;
  readonly parallel = 2;
  readonly #folder: string;
  readonly #context: StoreContext;

  constructor(folder: string, context: StoreContext) {
    this.#folder = join(folder, context.tag);
    this.address = this.#folder;
    this.#context = context;
  }

  /** Adds what was done to errors. The reason of the signal is not one of them. */
  async #doing<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#context.signal.throwIfAborted();
      if (error instanceof ReleaseChanged) throw error;
      throw releaseError(doing, error);
    }
  }

  async list(): Promise<readonly StoredAsset[] | undefined> {
    if (!(await statIfThere(this.#folder))?.isDirectory()) return undefined;
    return this.#doing(`Cannot list ${this.#folder}`, async () => {
      const assets: StoredAsset[] = [];
      for (const name of (await readdir(this.#folder)).toSorted()) {
        const status = isTemporaryName(name)
          ? undefined
          : await stat(join(this.#folder, name), { bigint: true });
        if (!status?.isFile()) continue;
        const id = `${status.ino}-${status.size}-${status.mtimeNs}`;
        const created = new Date(Number(status.mtimeMs)).toISOString();
        assets.push({ id, name, size: Number(status.size), created });
      }
      return assets;
    });
  }

  digest({ name, size }: StoredAsset): Promise<string> {
    return this.#doing(`Cannot read ${join(this.#folder, name)}`, async () => {
      const hash = createHash("sha256");
      if (size === 0) return hash.digest("hex");
      for await (const chunk of createReadStream(join(this.#folder, name), {
        highWaterMark: 2 ** 20,
      })) {
        this.#context.signal.throwIfAborted();
        hash.update(chunk as Buffer);
      }
      return hash.digest("hex");
    });
  }

  async open({ name, id }: StoredAsset, { from }: { readonly from: number }) {
    try {
      const path = join(this.#folder, name);
      const { size, ino, mtimeNs } = await stat(path, { bigint: true });
      const etag = `${ino}-${size}-${mtimeNs}`;
      if (etag !== id) {
        throw new AddressFailure("the file was replaced meanwhile", { retryable: false });
      }
      const body = createReadStream(path, { start: from, highWaterMark: 2 ** 20 });
      return { from, total: Number(size), etag, body };
    } catch (error) {
      throw asAddressFailure(error, this.#context.limits);
    }
  }

  async prepare(): Promise<void> {
    await this.#doing(`Cannot create ${this.#folder}`, () => makeFolder(this.#folder));
  }

  async stage(content: Content, onSent: OnSent): Promise<Staged> {
    const { name, size } = content;
    const path = temporaryBeside(join(this.#folder, name));
    return this.#doing(`Cannot write ${join(this.#folder, name)}`, async () => {
      await requireSpace(path, size, name);
      try {
        await using output = await open(path, "wx+", 0o644);
        let at = 0;
        for await (const chunk of content.read(0, size)) {
          this.#context.signal.throwIfAborted();
          await writeSparse(output, chunk as Buffer, at);
          at += (chunk as Buffer).length;
          onSent((chunk as Buffer).length);
        }
        await output.truncate(at);
        await output.sync();
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
      return { name, id: path };
    });
  }

  async commit(change: Change): Promise<void> {
    const { emit, signal } = this.#context;
    let lock = await tryLockFolder(this.#folder);
    if (lock === "taken") {
      emit({ type: "note", message: `Waiting for another upload to ${this.#folder}` });
      lock = await waitForFolder(this.#folder, signal);
    }
    try {
      await this.#doing(`Cannot change ${this.#folder}`, () => this.#apply(change));
    } finally {
      await lock?.[Symbol.asyncDispose]();
    }
  }

  async #apply({ image, add, keep }: Change): Promise<void> {
    const there = (await this.list()) ?? [];
    if (!keep.every((asset) => there.some((other) => sameAsset(asset, other)))) {
      throw new ReleaseChanged(image);
    }
    const staying = new Set(keep.map(({ name }) => name));
    // What is replaced goes first, so that no reader finds a mixture. What replaces it is complete
    // and on this disk.
    const old = there.filter(({ name }) => belongsTo(image, name) && !staying.has(name));
    const remove = indexLast(image, old).map(({ name }) => name);
    const added = indexLast(image, add).toReversed();
    await replaceFiles({ folder: this.#folder, remove, add: added });
    await syncToDisk(this.#folder);
    await this.#removeAbandoned(image);
  }

  async #removeAbandoned(image: string): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (!isTemporaryName(name) || imageOf(name.slice(1, -".01234567.part".length)) !== image)
        continue;
      const path = join(this.#folder, name);
      const modified = Number((await statIfThere(path))?.mtimeMs ?? Infinity);
      if (Date.now() - modified > ABANDONED_MS) await rm(path, { force: true });
    }
  }

  async discard(staged: readonly Staged[]): Promise<void> {
    for (const { id } of staged) await rm(id, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Any address that is a path. */
export const folder: StoreKind = {
  form: "a path, with a slash in it",
  matches: (address) => /^[./~]|\//.test(address) && !/^[a-z0-9+]+:/i.test(address),
  async open(address, context) {
    if (address.startsWith("~")) {
      throw new VmbuildError("USAGE", `--store ${address} begins with ~, which only shells expand`);
    }
    return new FolderStore(resolve(address), context);
  },
};
