/** What tests of inputs share: a cache folder, recorded events, and a clock that does not wait. */
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

/** A cache of its own, and what was told while it was used. */
export interface InputsSandbox extends AsyncDisposable {
  /** A folder for the test's own files. */
  readonly folder: string;
  readonly cacheFolder: string;
  readonly events: EventBody[];
  /** The pauses that were asked for, in milliseconds; none of them was waited for. */
  readonly pauses: number[];
  /** A context, as a new run would have it. */
  context(changes?: Partial<InputContext>): InputContext;
  /** Every file and folder in the cache, relative, without lock files; sorted. */
  cached(): Promise<string[]>;
  messages(type: "warning" | "note"): string[];
}

/** Makes a bench in a new temporary folder. */
export async function createInputsSandbox(): Promise<InputsSandbox> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-inputs-"));
  const cacheFolder = join(folder, "cache");
  const events: EventBody[] = [];
  const pauses: number[] = [];
  // A second passes between any two looks at the clock, so every bit of progress is told.
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
 * Gives each test of a file a server and a bench of its own, and takes both away after it.
 * @param use is handed the new ones before each test.
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

/** Makes inputs of files with this content, by their address. */
export function specsOf(content: Buffer): (url: string, more?: Partial<UrlSpec>) => UrlSpec {
  return (url, more = {}) => ({ kind: "url", url, checksum: sha256Of(content), ...more });
}

/** A digest in hex. */
export function hexOf(algorithm: string, content: Buffer | string): string {
  return createHash(algorithm).update(content).digest("hex");
}

/** `sha256:<hex>` of some bytes. */
export function sha256Of(content: Buffer): string {
  return `sha256:${hexOf("sha256", content)}`;
}

/** The same of a file; toEqual takes minutes over megabytes. */
export async function sha256OfFile(path: string): Promise<string> {
  return sha256Of(await readFile(path));
}

/** The VmbuildError that a promise ends with; fails the test for anything else. */
export async function errorOf(promise: Promise<unknown>): Promise<VmbuildError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof VmbuildError) return error;
    throw error;
  }
  throw new Error("it succeeded, and should have failed");
}
