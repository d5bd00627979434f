/** The keys of one build: one pair that opens the guest, one that the guest proves itself with. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import ssh2 from "ssh2";
import { makePrivateFolder, writeFileAtomic } from "../host/files.js";

/** A key pair in OpenSSH's formats. */
export interface KeyPair {
  readonly private: string;
  /** One line: type, base64, comment. */
  readonly public: string;
}

/** Both pairs of a build. The seed carries the host's pair and the client's public half. */
export interface BuildKeys {
  readonly client: KeyPair;
  readonly host: KeyPair;
}

/** The comment of the client's key, by which a leftover is recognised. */
const CLIENT_KEY_COMMENT = "vmbuild-build-key";
const HOST_KEY_COMMENT = "vmbuild-host-key";

/** string "ssh-ed25519", string of 32 bytes (RFC 8709). */
const BLOB_BYTES = 4 + 11 + 4 + 32;

/**
 * ssh2 1.17 drops a public key's leading zero bytes (lib/keygen.js): one key in 256 is malformed,
 * OpenSSH refuses to load it, and the guest is left without a host key. Such a key is thrown away.
 */
function makePair(comment: string): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    if (Buffer.from(publicBlob(pair), "base64").length === BLOB_BYTES) {
      return { private: pair.private, public: pair.public };
    }
  }
}

/** Makes new keys; ed25519 takes a millisecond. */
export function makeBuildKeys(): BuildKeys {
  return { client: makePair(CLIENT_KEY_COMMENT), host: makePair(HOST_KEY_COMMENT) };
}

/** The base64 part of a public key: what SSH calls the key blob. */
export function publicBlob(pair: Pick<KeyPair, "public">): string {
  return pair.public.split(" ")[1] ?? "";
}

/** Characters of a line that is full of a key. */
const WHOLE_LINE = 60;

/**
 * What of the keys reaches the guest, as texts without line breaks: both public blobs, and each
 * line of the host's private key. The client's private half never leaves this host.
 */
export function tracesOf(keys: BuildKeys): string[] {
  const secret = keys.host.private
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.length >= WHOLE_LINE && !line.startsWith("-----"));
  // The first line is the format's own, the same in every key; so is what ends a comment.
  return [publicBlob(keys.client), publicBlob(keys.host), ...secret.slice(1)];
}

const NAMES = { client: "id_ed25519", host: "host_ed25519" } as const;

/** Keeps the keys in a private folder, 0600 each, for `vmbuild ssh`. Returns the client key's path. */
export async function saveKeys(keys: BuildKeys, folder: string): Promise<string> {
  await makePrivateFolder(folder);
  for (const role of ["client", "host"] as const) {
    await writeFileAtomic(join(folder, NAMES[role]), keys[role].private, 0o600);
    await writeFileAtomic(join(folder, `${NAMES[role]}.pub`), `${keys[role].public}\n`, 0o600);
  }
  return join(folder, NAMES.client);
}

/** Reads what {@link saveKeys} kept. */
export async function loadKeys(folder: string): Promise<BuildKeys> {
  const read = async (name: string): Promise<KeyPair> => ({
    private: await readFile(join(folder, name), "utf8"),
    public: (await readFile(join(folder, `${name}.pub`), "utf8")).trim(),
  });
  return { client: await read(NAMES.client), host: await read(NAMES.host) };
}
