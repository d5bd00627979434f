/** Reads SSH public keys: their type, their fingerprint, and how a template gives a host key. */
import { createHash } from "node:crypto";
import ssh2 from "ssh2";

/** Returns the type of a key blob, such as `ssh-ed25519`. */
export function keyType(blob: Buffer): string {
  const length = blob.length < 4 ? 0 : blob.readUInt32BE(0);
  return blob.subarray(4, 4 + length).toString("latin1");
}

/** Returns the fingerprint of a key blob as `ssh-keygen -l` prints it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** Describes a key blob in a message: its type and its fingerprint. */
export function describeKey(blob: Buffer): string {
  return `${keyType(blob)} ${fingerprintOf(blob)}`;
}

/**
 * Returns the fingerprint of a host key that a template gives: `SHA256:…` as `ssh-keygen -l` prints
 * it, or a public key as in `/etc/ssh/ssh_host_ed25519_key.pub`.
 * @returns undefined for any other text.
 */
export function hostKeyFingerprint(text: string): string | undefined {
  const trimmed = text.trim();
  const fingerprint = /^SHA256:([A-Za-z0-9+/]{43})=?$/.exec(trimmed)?.[1];
  if (fingerprint !== undefined) return `SHA256:${fingerprint}`;
  const key = ssh2.utils.parseKey(trimmed);
  if (key instanceof Error || key.isPrivateKey()) return undefined;
  return fingerprintOf(key.getPublicSSH());
}

/**
 * Checks a private key for logging in.
 * @returns what is wrong with it, as the end of a sentence; undefined for a usable key.
 */
export function privateKeyProblem(text: string | Buffer): string | undefined {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) {
    return /encrypted|passphrase/i.test(key.message)
      ? "is encrypted, and vmbuild has no passphrase for it"
      : `is not a private key that ssh2 can read: ${key.message}`;
  }
  return key.isPrivateKey() ? undefined : "is a public key";
}
