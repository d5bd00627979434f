import { mkdtemp, mkdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { VmbuildError, asVmbuildError } from "../../../src/errors.js";
import { makeFolder } from "../../../src/host/files.js";
import { tryLock } from "../../../src/host/lock.js";
import { hostPaths, likelyRuntimeFolder, runtimeFolder } from "../../../src/host/paths.js";
import { errorOf } from "../../support/inputs.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-folders-"));
  for (const name of ["XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "TMPDIR"]) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv("HOME", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Returns vmbuild's error for a failed system call. */
async function asError(work: Promise<unknown>): Promise<VmbuildError> {
  return work.then(
    () => expect.unreachable("it went well"),
    (error: unknown) => asVmbuildError(error),
  );
}

describe("the folders of a user", () => {
  it("are below HOME, or where the variables say", () => {
    expect(hostPaths().builds).toBe(`${folder}/.local/state/vmbuild/builds`);
    expect(hostPaths().inputs).toBe(`${folder}/.cache/vmbuild/inputs`);
    vi.stubEnv("XDG_STATE_HOME", "/s");
    vi.stubEnv("XDG_CACHE_HOME", "/c");
    expect(hostPaths().builds).toBe("/s/vmbuild/builds");
    expect(hostPaths().bases).toBe("/c/vmbuild/bases");
  });

  it.each(["relative", "", "./x"])("do not follow the relative path %j", (value) => {
    vi.stubEnv("XDG_STATE_HOME", value);
    expect(hostPaths().builds).toBe(`${folder}/.local/state/vmbuild/builds`);
    vi.stubEnv("HOME", value);
    expect(hostPaths().builds).toMatch(/^\/.*\.local\/state\/vmbuild\/builds$/);
    expect(hostPaths().builds).not.toContain(folder);
  });
});

describe("the folder of sockets", () => {
  it("is in XDG_RUNTIME_DIR, and private", async () => {
    vi.stubEnv("XDG_RUNTIME_DIR", folder);
    expect(await runtimeFolder()).toBe(join(folder, "vmbuild"));
    expect((await stat(join(folder, "vmbuild"))).mode & 0o777).toBe(0o700);
    expect(await likelyRuntimeFolder()).toBe(join(folder, "vmbuild"));
  });

  it.each([
    ["is too long for a socket", "l".repeat(100)],
    ["does not exist", "missing"],
    ["is a file", "file"],
    ["is a circle of links", "loop"],
    ["is open to others", "open"],
  ])("is another one where the folder %s", async (_, name) => {
    await writeFile(join(folder, "file"), "");
    await symlink("loop", join(folder, "loop"));
    for (const own of ["vmbuild", `vmbuild-${process.getuid?.()}`]) {
      await mkdir(join(folder, "open", own), { recursive: true, mode: 0o755 });
    }
    await mkdir(join(folder, "l".repeat(100)));
    for (const variable of ["XDG_RUNTIME_DIR", "TMPDIR"]) {
      vi.stubEnv(variable, join(folder, name));
      const found = await runtimeFolder();
      expect(found).not.toContain("l".repeat(100));
      expect(found).not.toMatch(/missing|file|loop|open/);
      expect(Buffer.byteLength(join(found, "20260214-170400-3f9a1c.qmp"))).toBeLessThan(108);
    }
  });
});

describe("an error of the file system", () => {
  it("names the variable that moves a folder of vmbuild's own", async () => {
    vi.stubEnv("XDG_STATE_HOME", "/proc/nope");
    const state = await asError(makeFolder(hostPaths().builds));
    expect(state).toMatchObject({ code: "HOST_FOLDER", exitCode: 3 });
    expect(state.message).toBe("/proc/nope cannot be used: it does not exist (mkdir)");
    expect(state.hint).toContain("XDG_STATE_HOME=/another/folder");

    await writeFile(join(folder, "file"), "");
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "file"));
    const cache = await asError(makeFolder(hostPaths().inputs));
    expect(cache.message).toContain("a component of the path is not a folder");
    expect(cache.hint).toContain("XDG_CACHE_HOME=/another/folder");

    await symlink("loop", join(folder, "loop"));
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "loop"));
    const loop = await asError(tryLock(join(hostPaths().inputs, "lock")));
    expect(loop.message).toContain("the path contains a loop of symbolic links");
  });

  it("stays a defect for a file that should be there", async () => {
    expect((await asError(stat("/nonexistent/file"))).code).toBe("DEFECT");
  });

  it.each([
    ["EACCES", "HOST_FOLDER", "permission is denied"],
    ["EROFS", "HOST_FOLDER", "the file system is read-only"],
    ["ELOOP", "HOST_FOLDER", "the path contains a loop of symbolic links"],
    ["ENOSPC", "HOST_SPACE", "No space is left on the disk that holds /srv/x"],
    ["EDQUOT", "HOST_SPACE", "This user's quota is exhausted on the disk that holds /srv/x"],
  ])("%s is of the host anywhere", (code, ours, words) => {
    const error = Object.assign(new Error(code), { code, syscall: "open", path: "/srv/x" });
    expect(asVmbuildError(error)).toMatchObject({
      code: ours,
      exitCode: 3,
      message: expect.stringContaining(words) as string,
    });
  });

  it("is not hidden by a failed clean-up", () => {
    const first = new VmbuildError("STEP_FAILED", "first");
    const pair = Object.assign(new Error("An error was suppressed during disposal."), {
      name: "SuppressedError",
      error: new Error("later"),
      suppressed: first,
    });
    expect(asVmbuildError(pair)).toBe(first);
  });
});

describe("a folder", () => {
  it("is created with its parents, also where it exists", async () => {
    await makeFolder(join(folder, "a", "b", "c"), 0o700);
    await makeFolder(join(folder, "a", "b", "c"));
    expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o700);
  });

  it("is created once by several at a time", async () => {
    await Promise.all(Array.from({ length: 10 }, () => makeFolder(join(folder, "x", "y", "z"))));
    expect((await stat(join(folder, "x", "y", "z"))).isDirectory()).toBe(true);
  });

  it("does not replace a file", async () => {
    await writeFile(join(folder, "file"), "");
    expect(await errorOf(makeFolder(join(folder, "file")).catch(rethrow))).toMatchObject({
      message: expect.stringContaining("a file of another kind exists at the path") as string,
    });
  });
});

/** Rethrows an error as one of the state folder. */
function rethrow(error: unknown): never {
  vi.stubEnv("XDG_STATE_HOME", join(folder, "file"));
  throw asVmbuildError(error);
}
