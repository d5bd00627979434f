/** Disk of a build and its conversion, for tests of output formats with real programs. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { CompactOptions } from "../../src/artifact/compact.js";
import type { EventBody } from "../../src/events/types.js";
import { createOverlay } from "../../src/machine/disk.js";
import { MIB } from "./images.js";

/** Size of the disk: not a whole number of MiB, which Azure requires. */
export const DISK = 9 * MIB + 512;

/** Runs a program and returns its output. */
export const run = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: "utf8" });

/** Returns the progress events of a task. */
export const progressOf = (events: readonly EventBody[], task: string): EventBody[] =>
  events.filter((event) => event.type === "progress" && event.task === task);

/** Disk of a build, and a folder for its images. */
export interface FormatTest {
  /** Empty folder of each test. */
  readonly folder: string;
  /** Returns options with a destination in the folder. */
  options(changes: Partial<CompactOptions>): CompactOptions;
  /** Requires that an image has the disk's content. */
  requireSame(path: string, driver: string): void;
}

/** Creates an overlay on a base, as a build's disk is one, with data at both ends. */
export function useFormatTest(): FormatTest {
  let shared: string;
  let folder: string;
  let source: string;
  beforeAll(async () => {
    shared = await mkdtemp(join(tmpdir(), "vmbuild-formats-source-"));
    const base = join(shared, "base.raw");
    await writeFile(base, randomBytes(MIB));
    source = join(shared, "disk.qcow2");
    await createOverlay({ path: source, backing: base, backingFormat: "raw", size: DISK });
    run("qemu-io", "-c", "write -P 7 3M 4M", "-c", "write -P 9 9M 512", source);
  });
  afterAll(() => rm(shared, { recursive: true }));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "vmbuild-formats-"));
  });
  afterEach(() => rm(folder, { recursive: true }));
  return {
    get folder() {
      return folder;
    },
    options(changes) {
      const filename = changes.filename ?? "image";
      return {
        source,
        destination: join(folder, `.${filename}.0123abcd.part`),
        filename,
        format: "qcow2",
        compression: "none",
        reproducible: false,
        machine: { name: "demo", version: "1.2", cpus: 3, memory: 1536 * MIB, firmware: "uefi" },
        emit: () => {},
        signal: new AbortController().signal,
        ...changes,
      };
    },
    requireSame(path, driver) {
      const args = ["compare", "-f", "qcow2", "-F", driver, source, path];
      expect(run("qemu-img", ...args)).toContain("identical");
    },
  };
}
