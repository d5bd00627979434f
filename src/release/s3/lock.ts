/** Lets one upload at a time change an image's objects, with conditional writes of a lock object. */
import { randomBytes } from "node:crypto";
import { lockName, thisOwner } from "../names.js";
import { LOCK_MAX_AGE_MS, LOCK_POLL_MS, formatOwner, hasEnded, parseOwner } from "../owner.js";
import type { ReleaseLock } from "../owner.js";
import { isStatus } from "./bucket.js";
import type { Bucket } from "./bucket.js";

interface FoundLock {
  readonly text: string;
  readonly etag: string;
  readonly modified: Date | undefined;
}

async function readLock(bucket: Bucket, name: string): Promise<FoundLock | undefined> {
  try {
    return await bucket.request(`Cannot read ${bucket.address(name)}`, async (abortSignal) => {
      const { library, client } = bucket;
      const command = new library.GetObjectCommand(bucket.at(name));
      const { Body, ETag, LastModified } = await client.send(command, { abortSignal });
      const text = (await Body?.transformToString()) ?? "";
      return { text, etag: ETag ?? "", modified: LastModified };
    });
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

/** Writes the lock where none is, or in place of the given one; returns whether that succeeded. */
async function writeLock(bucket: Bucket, name: string, text: string, over?: FoundLock) {
  const condition = over ? { IfMatch: over.etag } : { IfNoneMatch: "*" };
  const input = { ...bucket.at(name), Body: text, ...condition };
  try {
    await bucket.request(`Cannot write ${bucket.address(name)}`, (abortSignal) =>
      bucket.client.send(new bucket.library.PutObjectCommand(input), { abortSignal }),
    );
    return true;
  } catch (error) {
    if (isStatus(error, 409, 412)) return false;
    // The lock that was to be replaced has been removed.
    if (over && isStatus(error, 404)) return false;
    if (!isStatus(error, 501)) throw error;
    const message = `The server has no conditional writes, so that uploads of ${name.replace(/\.lock$/, "")} at the same time are not noticed`;
    bucket.context.emit({ type: "warning", message });
    return true;
  }
}

function isAbandoned({ text, modified }: FoundLock, now: number): boolean {
  const owner = parseOwner(text);
  return (owner && hasEnded(owner)) || now - (modified?.getTime() ?? now) > LOCK_MAX_AGE_MS;
}

/**
 * Waits until no other upload holds the lock of an image, and takes it. A lock of a process that was
 * killed is replaced: at once on the same host, otherwise after half an hour.
 * @param signal ends the wait.
 */
export async function lockObject(
  bucket: Bucket,
  image: string,
  signal: AbortSignal,
): Promise<ReleaseLock> {
  const { context } = bucket;
  const name = lockName(image);
  const text = `${formatOwner(thisOwner())} ${randomBytes(4).toString("hex")}`;
  const held = {
    async release() {
      // After half an hour, another upload may have taken it.
      if ((await readLock(bucket, name))?.text === text) await bucket.delete(name);
    },
  };
  for (let attempt = 0; ; attempt++) {
    if (await writeLock(bucket, name, text)) return held;
    const found = await readLock(bucket, name);
    if (!found) continue;
    // The answer to an earlier attempt of the same request may have been lost.
    if (found.text === text) return held;
    if (isAbandoned(found, context.clock.now())) {
      if (await writeLock(bucket, name, text, found)) return held;
      continue;
    }
    if (attempt === 0) {
      const message = `Waiting for another upload of ${image}, which holds ${bucket.address(name)}`;
      context.emit({ type: "note", message });
    }
    await context.clock.sleep(LOCK_POLL_MS, signal);
  }
}
