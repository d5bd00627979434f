/** Writes images for releases, and provides a context whose clock does not wait. */
import { createHash, randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventBody } from "../../src/events/types.js";
import type { ReleaseContext } from "../../src/release/store.js";
import type { Releasable } from "../../src/release/upload.js";
import { exampleManifest } from "../unit/artifact/example.js";

/** Folder of a test, with images and recorded events. */
export interface ReleaseSandbox extends AsyncDisposable {
  readonly folder: string;
  readonly context: ReleaseContext & { readonly pauses: number[] };
  /** Notes and warnings so far. */
  notes(): string[];
  /** Writes an image and returns it as the result of a build. */
  image(name: string, content: Buffer): Promise<Releasable>;
  /** Reads a file of the folder. */
  read(name: string): Promise<Buffer>;
}

/** Creates a sandbox in a new temporary folder. */
export async function createReleaseSandbox(): Promise<ReleaseSandbox> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-release-"));
  const events: EventBody[] = [];
  const pauses: number[] = [];
  const clock = {
    now: Date.now,
    random: () => 0,
    // Other work goes on meanwhile, as in a real pause.
    async sleep(ms: number, signal: AbortSignal) {
      pauses.push(ms);
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    },
  };
  const emit = (event: EventBody): void => void events.push(event);
  const { signal } = new AbortController();
  // As for commands, which have many listeners.
  setMaxListeners(0, signal);
  return {
    folder,
    context: { emit, signal, clock, pauses },
    notes: () =>
      events.flatMap((event) =>
        event.type === "note" || event.type === "warning" ? event.message : [],
      ),
    async image(name, content) {
      const output = join(folder, "output", name);
      const path = join(output, `${name}.qcow2`);
      await mkdir(output, { recursive: true });
      await writeFile(path, content);
      const sha256 = hexOf(content);
      const { length: size } = content;
      const file = { name: `${name}.qcow2`, format: "qcow2", size, virtualSize: 2 ** 30 };
      const manifest = {
        ...exampleManifest(),
        ...{ name, version: "1.2.3", files: [{ ...file, checksums: { sha256 } }] },
      };
      return { name, path, sha256, folder: output, manifest };
    },
    read: (name) => readFile(join(folder, name)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Returns the sha256 of bytes in hexadecimal. */
export function hexOf(content: Buffer | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Returns random content, with a block of zeros. */
export function randomContent(size: number): Buffer {
  const content = randomBytes(size);
  return content.fill(0, Math.floor(size / 3), Math.floor(size / 2));
}
