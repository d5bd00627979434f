import { link, mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cachedDigest, keepDigest } from "../../../src/inputs/digest-cache.js";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-digest-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  file = join(folder, "base.qcow2");
  await writeFile(file, "one");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Returns the digest, and whether the file was read for it. */
async function digest(): Promise<{ sha256: string; isRead: boolean }> {
  let isRead = false;
  const status = await stat(file, { bigint: true });
  const onBytes = (): void => void (isRead = true);
  const { signal } = new AbortController();
  return { sha256: await cachedDigest(file, status, signal, { onBytes }), isRead };
}

describe("keepDigest", () => {
  const linkIt = (): Promise<void> => link(file, join(folder, "pin"));

  it("keeps the digest of a file that gets another link", async () => {
    const { sha256, isRead } = await digest();
    expect(isRead).toBe(true);
    await keepDigest(file, linkIt);
    expect(await digest()).toEqual({ sha256, isRead: false });
    await keepDigest(file, () => rm(join(folder, "pin")));
    expect(await digest()).toEqual({ sha256, isRead: false });
  });

  it("returns what the work returns, with and without a known digest", async () => {
    expect(await keepDigest(file, () => Promise.resolve("unknown"))).toBe("unknown");
    await digest();
    expect(await keepDigest(file, () => Promise.resolve("known"))).toBe("known");
  });

  it("does not keep the digest of content that changed meanwhile", async () => {
    const { sha256 } = await digest();
    await keepDigest(file, () => writeFile(file, "two"));
    const { sha256: changed, isRead } = await digest();
    expect(isRead).toBe(true);
    expect(changed).not.toBe(sha256);
  });

  it("does not take over a digest that was out of date before", async () => {
    const { mtime } = await stat(file);
    await digest();
    // Same size and modification time as before; only the status time tells.
    await writeFile(file, "two");
    await utimes(file, mtime, mtime);
    await keepDigest(file, linkIt);
    expect((await digest()).isRead).toBe(true);
  });
});
