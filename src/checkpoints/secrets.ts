/** Lets secrets count for a key without being in it: each stands there as its keyed hash. */
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

/** This host's own key, made at its first use. A lost one makes states with secrets unknown, no more. */
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
    // Two first runs at once: one of them makes it.
    if (systemCode(error) !== "EEXIST") throw error;
  }
  const made = await readKey(path);
  if (made) return made;
  // Cut short by a power loss.
  await rm(path, { force: true });
  return hostKey();
}

/** Replaces each secret in a text by what only this host can make of it. */
export type Redact = (text: string) => string;

/** Makes the function that takes secrets out of what is written down. */
export async function createRedact(secrets: readonly string[]): Promise<Redact> {
  const present = [...new Set(secrets)].filter((secret) => secret !== "");
  if (present.length === 0) return (text) => text;
  const key = await hostKey();
  // A secret that holds another one goes first.
  const tokens = present
    .toSorted((one, other) => other.length - one.length)
    .map((secret): [string, string] => {
      const hash = createHmac("sha256", key).update(secret).digest("hex").slice(0, 24);
      return [secret, `<secret ${hash}>`];
    });
  return (text) => tokens.reduce((rest, [secret, token]) => rest.replaceAll(secret, token), text);
}
