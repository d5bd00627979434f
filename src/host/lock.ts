/**
 * Locks that the kernel holds for us. A `flock` child keeps the lock for as long as its standard
 * input is open, so the lock goes when this process goes, however it ends; nothing stale is left.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, writeFile } from "node:fs/promises";
import { VmbuildError, systemCode } from "../errors.js";
import { Tail } from "./lines.js";
import { missingProgram } from "./programs.js";

/** A lock that is held. `release` is idempotent. */
export interface HeldLock extends AsyncDisposable {
  release(): Promise<void>;
}

/** `flock --conflict-exit-code`: the lock is somebody else's. */
const TAKEN = 75;

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
      String(TAKEN),
      "--no-fork",
      path,
      "sh",
      "-c",
      "echo held; exec cat",
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  const words = new Tail();
  child.stderr.setEncoding("utf8").on("data", (text: string) => words.push(text.trim()));
  // The holder may be gone before its input is closed; that is what closing it is for.
  child.stdin.on("error", () => {});
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("exit", (code) => resolve(code));
    child.once("error", (error) => {
      reject(systemCode(error) === "ENOENT" ? missingProgram("flock", error) : error);
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
    if (first === TAKEN) return undefined;
    if (first !== "held") {
      throw new VmbuildError("HOST_FOLDER", `${path} cannot be locked`, { lines: words.lines });
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

/** Makes the file, so that a folder that cannot be written to is told by the kernel's own error. */
async function makeLockFile(path: string): Promise<void> {
  const handle = await open(path, "a", 0o600);
  await handle.close();
}

/**
 * Takes the lock on `path` at once, or returns undefined when somebody holds it.
 * A holder that was just killed is given half a second to be gone. The file holds the pid of
 * its last taker, for messages.
 */
export async function tryLock(path: string): Promise<HeldLock | undefined> {
  await makeLockFile(path);
  const lock = await acquire(path, ["--timeout", "0.5"]);
  try {
    if (lock) await writeFile(path, `${process.pid}\n`, { mode: 0o600 });
    return lock;
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

/**
 * Takes the lock on a folder that is there, without a file in it.
 * @returns `taken` when another process holds it; undefined where the file system knows no locks
 *   on folders, such as NFS.
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

/** Waits for the lock on `path`, for as long as it takes or until the signal aborts. */
export async function waitForLock(path: string, signal?: AbortSignal): Promise<HeldLock> {
  await makeLockFile(path);
  const lock = await acquire(path, [], signal);
  if (!lock) throw new Error(`flock ${path} timed out`);
  return lock;
}

/** Whether a lock is held now, by anybody. */
export async function isLocked(path: string): Promise<boolean> {
  const lock = await acquire(path, ["--nonblock"]);
  await lock?.release();
  return lock === undefined;
}

/** The pid that last took the lock, if it says one. */
export async function lockHolder(path: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
  return Number.isNaN(pid) ? undefined : pid;
}
