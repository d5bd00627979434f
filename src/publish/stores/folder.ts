/** Publishes to folders of this host. */
import { createHash } from "node:crypto";
import { open, readdir, rename, rm } from "node:fs/promises";
import { dirname, isAbsolute, resolve } from "node:path";
import { freeSpace, readIfThere, statIfThere, syncToDisk, writeAll } from "../../host/files.js";
import { tryLockFolder, waitForFolder } from "../../host/lock.js";
import { storeError } from "../errors.js";
import type { OnBytes, Store, StoreContext, StoreKind, Upload } from "../store.js";

/** Bytes that are read and written at once. */
const CHUNK = 4 * 2 ** 20;
const ZEROS = Buffer.alloc(CHUNK);

/** Copies a file. Blocks of zeros become holes, so that raw images stay sparse. */
async function copy(path: string, { source, size, onBytes }: Upload, signal: AbortSignal) {
  await using input = await open(source, "r");
  await using output = await open(path, "wx", 0o644);
  const buffer = Buffer.allocUnsafe(CHUNK);
  let at = 0;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await input.read(buffer, 0, CHUNK, at);
    if (bytesRead === 0) break;
    const part = buffer.subarray(0, bytesRead);
    if (!part.equals(ZEROS.subarray(0, bytesRead))) await writeAll(output, part, at);
    at += bytesRead;
    onBytes(at, Math.max(at, size));
  }
  await output.truncate(at);
  await output.sync();
}

async function digestOf(path: string, onBytes: OnBytes, signal: AbortSignal): Promise<string> {
  await using input = await open(path, "r");
  const { size } = await input.stat();
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let at = 0; ;) {
    signal.throwIfAborted();
    const { bytesRead } = await input.read(buffer, 0, CHUNK, at);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
    onBytes(at, Math.max(at, size));
  }
}

function createFolderStore({ signal }: StoreContext): Store {
  /** Adds the path to errors. The reason of the signal is not one of them. */
  const attempt = async <T>(doing: string, path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      throw storeError(doing, path, error);
    }
  };
  return {
    address: (path) => path,
    stat: (path) =>
      attempt("Cannot examine", path, async () => {
        const status = await statIfThere(path);
        if (!status) return undefined;
        const [size, modified] = [Number(status.size), Number(status.mtimeMs)];
        return { isFolder: status.isDirectory(), size, modified };
      }),
    list: (folder) => attempt("Cannot list", folder, () => readdir(folder)),
    digest: (path, onBytes) => attempt("Cannot read", path, () => digestOf(path, onBytes, signal)),
    readText: (path) => attempt("Cannot read", path, () => readIfThere(path)),
    write: (path, upload) => attempt("Cannot write", path, () => copy(path, upload, signal)),
    writeText: (path, text) =>
      attempt("Cannot write", path, async () => {
        await using output = await open(path, "wx", 0o644);
        await output.writeFile(text);
        await output.sync();
      }),
    rename: (from, to) =>
      attempt("Cannot write", to, async () => {
        await rename(from, to);
        await syncToDisk(dirname(to));
      }),
    remove: (path) => attempt("Cannot remove", path, () => rm(path, { force: true })),
    freeSpace: (folder) => attempt("Cannot examine", folder, () => freeSpace(folder)),
    async lock(folder, onWait) {
      const held = await tryLockFolder(folder);
      if (held !== "taken") return held;
      onWait();
      return waitForFolder(folder, signal);
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Any target that is a path: a folder, or a file in a folder. */
export const folder: StoreKind = {
  matches: () => true,
  parse(target) {
    const isFolder = target.endsWith("/");
    const path = isAbsolute(target) ? target : resolve(target) + (isFolder ? "/" : "");
    return { path, open: (context) => Promise.resolve(createFolderStore(context)) };
  },
};
