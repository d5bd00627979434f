/** Wraps ssh2's SFTP requests in promises, and transfers files with many requests at once. */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { SFTPWrapper, Stats } from "ssh2";

/** Status codes of SFTP (draft-ietf-secsh-filexfer-02, 7). */
export const STATUS = { noSuchFile: 2, permissionDenied: 3, failure: 4, unsupported: 8 } as const;

/** Returns the status code of a failed request; undefined when the server did not answer. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "number" ? error.code : undefined;
}

type Done<T> = (error: Error | null | undefined, value?: T) => void;

/** SFTP on a connection. */
export interface SftpLink {
  readonly sftp: SFTPWrapper;
  /** Aborts when the connection ends; ssh2 does not answer the requests that wait then. */
  readonly lost: AbortSignal;
}

/** Converts a request with a callback to a promise, which is rejected when the connection ends. */
export function request<T = void>(
  { sftp, lost }: SftpLink,
  start: (sftp: SFTPWrapper, done: Done<T>) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    lost.throwIfAborted();
    const onLost = (): void => reject(lost.reason as Error);
    lost.addEventListener("abort", onLost, { once: true });
    start(sftp, (error, value) => {
      lost.removeEventListener("abort", onLost);
      if (error) reject(error);
      else resolve(value as T);
    });
  });
}

/** Returns the status of a path, or undefined when it does not exist. */
export async function statOf(link: SftpLink, path: string): Promise<Stats | undefined> {
  try {
    return await request<Stats>(link, (sftp, done) => sftp.stat(path, done));
  } catch (error) {
    if (statusOf(error) === STATUS.noSuchFile) return undefined;
    throw error;
  }
}

/** Bytes of one request, and requests without an answer. Together they fill a fast, distant link. */
const CHUNK = 64 * 1024;
const PARALLEL = 32;
const ZEROS = Buffer.alloc(CHUNK);

/** State of a transfer, from which it goes on after a lost connection. */
export interface Transfer {
  /** Bytes from the start that the server has confirmed without a gap. */
  done: number;
}

/** File that is transferred. */
export interface Sending {
  readonly link: SftpLink;
  readonly handle: Buffer;
  readonly input: FileHandle;
  /** Bytes. */
  readonly size: number;
  readonly transfer: Transfer;
  readonly signal: AbortSignal;
  readonly onDone: () => void;
}

/** Sends the rest of a file. Blocks of zeros are left out; the file has holes there. */
async function sendChunks({ link, handle, input, size, transfer, signal, onDone }: Sending) {
  const open = new Set<number>();
  let next = transfer.done;
  const state = { failed: false };
  const worker = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(CHUNK);
    while (next < size && !state.failed) {
      signal.throwIfAborted();
      const at = next;
      next += CHUNK;
      open.add(at);
      const { bytesRead } = await input.read(buffer, 0, CHUNK, at);
      const data = buffer.subarray(0, bytesRead);
      if (!data.equals(ZEROS.subarray(0, bytesRead))) {
        await request(link, (sftp, done) => sftp.write(handle, data, 0, bytesRead, at, done));
      }
      open.delete(at);
      transfer.done = Math.min(size, open.size === 0 ? next : Math.min(...open));
      onDone();
    }
  };
  const all = Array.from({ length: PARALLEL }, async () => {
    try {
      await worker();
    } catch (error) {
      state.failed = true;
      throw error;
    }
  });
  // All of them have ended before the file is closed.
  const results = await Promise.allSettled(all);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** Flushes a file to disk where the server can. */
async function sync(link: SftpLink, handle: Buffer): Promise<void> {
  try {
    await request(link, (sftp, done) => sftp.ext_openssh_fsync(handle, done));
  } catch (error) {
    // Servers other than OpenSSH have no such request. A full disk would be reported here.
    if (statusOf(error) === STATUS.failure) throw error;
  }
}

/** File of this host that is sent. */
export interface SendOptions {
  readonly source: string;
  readonly size: number;
  readonly transfer: Transfer;
  /** Whether the file is new; otherwise an earlier attempt has created it. */
  readonly isFirst: boolean;
  readonly signal: AbortSignal;
  readonly onDone: () => void;
}

/** Sends a file, or the rest of it, and flushes it to disk. */
export async function sendFile(
  link: SftpLink,
  path: string,
  { source, isFirst, ...more }: SendOptions,
): Promise<void> {
  await using input = await open(source, "r");
  const flags = isFirst ? "wx" : more.transfer.done > 0 ? "r+" : "w";
  const handle = await request<Buffer>(link, (sftp, done) =>
    sftp.open(path, flags, { mode: 0o644 }, done),
  );
  try {
    await sendChunks({ link, handle, input, ...more });
    await request(link, (sftp, done) => sftp.fsetstat(handle, { size: more.size }, done));
    await sync(link, handle);
  } finally {
    // The file is complete, or is removed or continued; closing adds nothing to that.
    await request(link, (sftp, done) => sftp.close(handle, done)).catch(() => {});
  }
}

/** Reads a file in order, and passes its parts on. */
export async function readFileParts(
  { sftp, lost }: SftpLink,
  path: string,
  onPart: (part: Buffer) => void,
  signal: AbortSignal,
): Promise<void> {
  const stream = sftp.createReadStream(path, { highWaterMark: 4 * CHUNK });
  const onLost = (): void => void stream.destroy(lost.reason as Error);
  lost.addEventListener("abort", onLost, { once: true });
  try {
    for await (const part of stream) {
      signal.throwIfAborted();
      onPart(part as Buffer);
    }
  } finally {
    lost.removeEventListener("abort", onLost);
  }
}
