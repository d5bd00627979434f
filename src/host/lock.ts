/**
 * Holds kernel locks on files. A `flock` child process keeps the lock while its standard input is
 * open, so the lock is released when this process ends for any reason, and no stale lock can
 * remain.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { VmbuildError, systemCode } from "../errors.js";
import { statIfThere } from "./files.js";
import { Tail } from "./lines.js";
import { missingProgramError } from "./programs.js";

/** Lock that is held. `release` is idempotent. */
export interface HeldLock extends AsyncDisposable {
  release(): Promise<void>;
}

/** Exit code of `flock --conflict-exit-code` when another process holds the lock. */
const CONFLICT_EXIT = 75;

async function acquire(
  path: string,
  wait: readonly string[],
  signal?: AbortSignal,
): Promise<HeldLock | undefined> {
  signal?.throwIfAborted();
  const child = spawn(
    "flock",
    [
      ...wait,
      "--conflict-exit-code",
      String(CONFLICT_EXIT),
      "--no-fork",
      path,
      "sh",
      "-c",
      "echo held; exec cat",
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  const tail = new Tail();
  child.stderr.setEncoding("utf8").on("data", (text: string) => tail.push(text.trim()));
  // The child may exit before its input is closed, which is harmless here.
  child.stdin.on("error", () => {});
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("exit", (code) => resolve(code));
    child.once("error", (error) => {
      reject(systemCode(error) === "ENOENT" ? missingProgramError("flock", error) : error);
    });
  });
  const onAbort = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const first = await Promise.race([
      once(child.stdout, "data").then(() => "held" as const),
      ended,
    ]);
    signal?.throwIfAborted();
    if (first === CONFLICT_EXIT) return undefined;
    if (first !== "held") {
      throw new VmbuildError("HOST_FOLDER", `${path} cannot be locked`, { lines: tail.lines });
    }
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
  const release = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { release, [Symbol.asyncDispose]: release };
}

/**
 * Opens the lock file and creates it if needed, so that an unwritable folder is reported with the
 * kernel's own error. While it is open, no other file gets its inode number.
 */
async function openLockFile(path: string): Promise<FileHandle> {
  return open(path, "a", 0o600);
}

/** Returns whether the path still leads to an open file, which its holder may have removed. */
async function isStillAt(path: string, file: FileHandle): Promise<boolean> {
  return (await statIfThere(path))?.ino === (await file.stat()).ino;
}

/**
 * Takes the lock on `path` without waiting; undefined when another process holds it. A holder that
 * was just killed gets half a second to exit. The file contains the pid of the process that last
 * took the lock, for messages.
 */
export async function tryLock(path: string): Promise<HeldLock | undefined> {
  await using file = await openLockFile(path);
  const lock = await acquire(path, ["--timeout", "0.5"]);
  try {
    if (lock && !(await isStillAt(path, file))) {
      // The previous holder has removed the file with its folder, and another one may be there.
      await lock.release();
      return undefined;
    }
    if (lock) await writeFile(path, `${process.pid}\n`, { mode: 0o600 });
    return lock;
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

/**
 * Takes the lock on an existing folder, without creating a file in it.
 * @returns `taken` when another process holds it; undefined where the file system does not
 *   support locks on folders, such as NFS.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING without flock.
 */
export async function tryLockFolder(path: string): Promise<HeldLock | "taken" | undefined> {
  try {
    return (await acquire(path, ["--timeout", "0.5"])) ?? "taken";
  } catch (error) {
    if (error instanceof VmbuildError) throw error;
    return undefined;
  }
}

/** Waits for the lock on `path` until it is free or the signal aborts. */
export async function waitForLock(path: string, signal?: AbortSignal): Promise<HeldLock> {
  await (await openLockFile(path)).close();
  const lock = await acquire(path, [], signal);
  if (!lock) throw new Error(`flock ${path} timed out`);
  return lock;
}

/**
 * Waits for the lock on a file that exists only while it is held: `release` removes the file.
 * @throws the reason of the signal.
 */
export async function holdLockFile(path: string, signal?: AbortSignal): Promise<HeldLock> {
  for (;;) {
    await using file = await openLockFile(path);
    const lock = await acquire(path, [], signal);
    if (!lock) throw new Error(`flock ${path} timed out`);
    // The previous holder has removed the file, and another one may be there.
    if (!(await isStillAt(path, file))) {
      await lock.release();
      continue;
    }
    const release = async (): Promise<void> => {
      try {
        await rm(path, { force: true });
      } finally {
        await lock.release();
      }
    };
    return { release, [Symbol.asyncDispose]: release };
  }
}

/** Waits for the lock on an existing folder until it is free or the signal aborts. */
export async function waitForFolder(path: string, signal: AbortSignal): Promise<HeldLock> {
  const lock = await acquire(path, [], signal);
  if (!lock) throw new Error(`flock ${path} timed out`);
  return lock;
}

/** Returns whether any process holds the lock now. */
export async function isLocked(path: string): Promise<boolean> {
  const lock = await acquire(path, ["--nonblock"]);
  await lock?.release();
  return lock === undefined;
}

/** Returns the pid of the process that last took the lock, if the file contains one. */
export async function lockHolder(path: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
  return Number.isNaN(pid) ? undefined : pid;
}
