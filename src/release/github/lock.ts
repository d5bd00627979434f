/**
 * Lets one upload at a time change an image's assets. The lock is an asset: GitHub creates one of
 * each name only.
 */
import { randomBytes } from "node:crypto";
import type { StoreContext } from "../store.js";
import { lockName, thisOwner } from "../names.js";
import { LOCK_MAX_AGE_MS, LOCK_POLL_MS, formatOwner, hasEnded, parseOwner } from "../owner.js";
import type { ReleaseLock } from "../owner.js";
import type { GithubAsset, Release, Releases } from "./assets.js";

/** Creates an asset with a small text. Returns undefined when the name is taken. */
export type CreateText = (name: string, label: string) => Promise<GithubAsset | undefined>;

/** What the lock needs. */
export interface LockOptions {
  readonly releases: Releases;
  readonly release: Release;
  readonly create: CreateText;
  readonly context: StoreContext;
}

function isAbandoned({ label, created_at: created }: GithubAsset, now: number): boolean {
  const owner = parseOwner(label ?? "");
  return (owner && hasEnded(owner)) || now - Date.parse(created) > LOCK_MAX_AGE_MS;
}

/**
 * Waits until no other upload holds the lock of an image, and takes it. A lock of a process that was
 * killed is removed: at once on the same host, otherwise after half an hour.
 */
export async function lockImage(image: string, options: LockOptions): Promise<ReleaseLock> {
  const { releases, release, create, context } = options;
  const name = lockName(image);
  const label = `${formatOwner(thisOwner())} ${randomBytes(4).toString("hex")}`;
  for (let attempt = 0; ; attempt++) {
    const made = await create(name, label);
    const { assets, now } = made ? { assets: [made], now: 0 } : await releases.assets(release);
    const held = assets.find((asset) => asset.name === name);
    // The answer to an earlier attempt of the same request may have been lost.
    if (held && held.label === label && held.state === "uploaded") {
      return { release: () => releases.delete(held) };
    }
    if (!held) continue;
    if (isAbandoned(held, now)) {
      await releases.delete(held);
      continue;
    }
    if (attempt === 0) {
      const message = `Waiting for another upload of ${image}, which holds ${name}`;
      context.emit({ type: "note", message });
    }
    await context.clock.sleep(LOCK_POLL_MS, context.signal);
  }
}
