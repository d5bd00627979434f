/**
 * Provides tests of inputs with a cache folder, recorded events, and a clock that does not wait.
 */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { EventBody } from "../../src/events/types.js";
import { VmbuildError } from "../../src/errors.js";
import type { InputContext, UrlSpec } from "../../src/inputs/inputs.js";
import { startFileServer } from "./http-server.js";
import type { FileServer } from "./http-server.js";

/** Cache folder of a test, and the events emitted while it was used. */
export interface InputsSandbox extends AsyncDisposable {
  /** Folder for the test's own files. */
  readonly folder: string;
  readonly cacheFolder: string;
  readonly events: EventBody[];
  /** Requested pauses, which are not waited for. Milliseconds. */
  readonly pauses: number[];
  /** Creates a context like that of a new run. */
  context(changes?: Partial<InputContext>): InputContext;
  /** Returns the relative paths of all files and folders in the cache except locks, sorted. */
  cached(): Promise<string[]>;
  messages(type: "warning" | "note"): string[];
}

/** Creates a sandbox in a new temporary folder. */
export async function createInputsSandbox(): Promise<InputsSandbox> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-inputs-"));
  const cacheFolder = join(folder, "cache");
  const events: EventBody[] = [];
  const pauses: number[] = [];
  // The clock advances by a second at each reading, so that all progress is reported.
  let now = Date.UTC(2025, 0, 1);
  return {
    folder,
    cacheFolder,
    events,
    pauses,
    context: (changes = {}) => ({
      emit: (event) => events.push(event),
      signal: new AbortController().signal,
      offline: false,
      cacheFolder,
      clock: {
        now: () => (now += 1000),
        random: () => 0,
        sleep: (ms, signal) => {
          pauses.push(ms);
          signal.throwIfAborted();
          return Promise.resolve();
        },
      },
      ...changes,
    }),
    async cached() {
      const all = await readdir(cacheFolder, { recursive: true }).catch(() => []);
      return all.filter((path) => path.includes("/") && !path.endsWith("/lock")).toSorted();
    },
    messages: (type) => events.flatMap((event) => (event.type === type ? event.message : [])),
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Gives each test of a file its own server and sandbox, and disposes of both afterwards.
 * @param use called with the new ones before each test.
 */
export function useDownloads(use: (server: FileServer, sandbox: InputsSandbox) => void): void {
  let server: FileServer;
  let sandbox: InputsSandbox;
  beforeEach(async () => {
    [server, sandbox] = await Promise.all([startFileServer(), createInputsSandbox()]);
    use(server, sandbox);
  });
  afterEach(async () => {
    await server.close();
    await sandbox[Symbol.asyncDispose]();
  });
}

/** Returns a function that creates an input spec for an address with this content. */
export function specsOf(content: Buffer): (url: string, more?: Partial<UrlSpec>) => UrlSpec {
  return (url, more = {}) => ({ kind: "url", url, checksum: sha256Of(content), ...more });
}

/** Returns a digest in hex. */
export function hexOf(algorithm: string, content: Buffer | string): string {
  return createHash(algorithm).update(content).digest("hex");
}

/** Returns `sha256:<hex>` of some bytes. */
export function sha256Of(content: Buffer): string {
  return `sha256:${hexOf("sha256", content)}`;
}

/** Returns `sha256:<hex>` of a file. Comparing megabytes with toEqual takes minutes. */
export async function sha256OfFile(path: string): Promise<string> {
  return sha256Of(await readFile(path));
}

/** Returns the VmbuildError that a promise rejects with. Any other result fails the test. */
export async function errorOf(promise: Promise<unknown>): Promise<VmbuildError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof VmbuildError) return error;
    throw error;
  }
  throw new Error("it succeeded, and should have failed");
}
