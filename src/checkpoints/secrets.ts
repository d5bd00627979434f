/**
 * Replaces secrets in manifests by keyed hashes: a changed secret changes the key, but cannot be
 * read from it.
 */
import { createHmac, randomBytes } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode } from "../errors.js";
import { makePrivateFolder } from "../host/files.js";
import { hostPaths } from "../host/paths.js";

const KEY_BYTES = 32;

const keyPath = (): string => join(dirname(hostPaths().builds), "secret.key");

async function readKey(path: string): Promise<Buffer | undefined> {
  try {
    const key = await readFile(path);
    return key.length === KEY_BYTES ? key : undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Returns this host's own key, which is created at its first use. If it is lost, only checkpoints
 * that depend on secrets become invalid.
 */
async function hostKey(): Promise<Buffer> {
  const path = keyPath();
  const existing = await readKey(path);
  if (existing) return existing;
  await makePrivateFolder(dirname(path));
  try {
    await using handle = await open(path, "wx", 0o600);
    await handle.writeFile(randomBytes(KEY_BYTES));
    await handle.sync();
  } catch (error) {
    // Another run has created the key at the same time.
    if (systemCode(error) !== "EEXIST") throw error;
  }
  const made = await readKey(path);
  if (made) return made;
  // The file is incomplete after a power failure.
  await rm(path, { force: true });
  return hostKey();
}

/** Replaces each secret in a text by its keyed hash. */
export type Redact = (text: string) => string;

/** Creates the function that replaces secrets. */
export async function createRedact(secrets: readonly string[]): Promise<Redact> {
  const present = [...new Set(secrets)].filter((secret) => secret !== "");
  if (present.length === 0) return (text) => text;
  const key = await hostKey();
  // A secret that contains another one must be replaced first.
  const tokens = present
    .toSorted((one, other) => other.length - one.length)
    .map((secret): [string, string] => {
      const hash = createHmac("sha256", key).update(secret).digest("hex").slice(0, 24);
      return [secret, `<secret ${hash}>`];
    });
  return (text) => tokens.reduce((rest, [secret, token]) => rest.replaceAll(secret, token), text);
}
