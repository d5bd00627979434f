/** Generates the keys of one build: a client key for logging in, and a host key for the guest. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import ssh2 from "ssh2";
import { makePrivateFolder, readIfThere, statIfThere, writeFileAtomic } from "../host/files.js";

/** Key pair in OpenSSH's formats. */
export interface KeyPair {
  readonly private: string;
  /** One line: type, base64, comment. */
  readonly public: string;
}

/** Key pairs of a build. The seed contains the host key pair and the public client key. */
export interface BuildKeys {
  readonly client: KeyPair;
  readonly host: KeyPair;
  /**
   * Blob, in base64, of the host key that the guest's own server presented at the first connection,
   * for a base that has a host key of its own.
   */
  readonly learnedHost?: string;
  /** Key pair that the base's installer has authorized, for a base that was installed. */
  readonly base?: KeyPair;
}

/** Comment of the client key, by which leftovers are recognized. */
const CLIENT_KEY_COMMENT = "vmbuild-build-key";
const HOST_KEY_COMMENT = "vmbuild-host-key";
const BASE_KEY_COMMENT = "vmbuild-base-key";

/** Length of a key blob: string "ssh-ed25519", string of 32 bytes (RFC 8709). */
const BLOB_BYTES = 4 + 11 + 4 + 32;

/**
 * Generates a key pair. ssh2 1.17 drops leading zero bytes of a public key (lib/keygen.js), so one
 * key in 256 is malformed: OpenSSH refuses to load it and the guest has no host key. Such a pair is
 * discarded and generated again.
 */
function makePair(comment: string): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    if (Buffer.from(publicBlob(pair), "base64").length === BLOB_BYTES) {
      return { private: pair.private, public: pair.public };
    }
  }
}

/** Generates new keys; an ed25519 key takes a millisecond. */
export function makeBuildKeys(): BuildKeys {
  return { client: makePair(CLIENT_KEY_COMMENT), host: makePair(HOST_KEY_COMMENT) };
}

/** Generates the key pair that an installer authorizes in the system that it installs. */
export function makeBaseKey(): KeyPair {
  return makePair(BASE_KEY_COMMENT);
}

/** Returns the base64 part of a public key, which SSH calls the key blob. */
export function publicBlob(pair: Pick<KeyPair, "public">): string {
  return pair.public.split(" ")[1] ?? "";
}

/** Number of characters in a full line of a key file that is long enough to be unique. */
const WHOLE_LINE = 60;

/**
 * Returns the traces of the keys in the guest as texts without line breaks: both public blobs, and
 * each line of the private host key. The private client key never leaves this host.
 */
export function tracesOf(keys: BuildKeys): string[] {
  const secret = keys.host.private
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.length >= WHOLE_LINE && !line.startsWith("-----"));
  // The first line is the same in every key, and so is the end of a comment.
  const base = keys.base === undefined ? [] : [publicBlob(keys.base)];
  return [publicBlob(keys.client), publicBlob(keys.host), ...base, ...secret.slice(1)];
}

const NAMES = { client: "id_ed25519", host: "host_ed25519", base: "base_ed25519" } as const;
const LEARNED = "learned_host_key";

/** Saves the learned host key beside the build's keys. */
export async function saveLearnedHost(blob: string, folder: string): Promise<void> {
  await writeFileAtomic(join(folder, LEARNED), `${blob}\n`, 0o600);
}

async function loadLearnedHost(folder: string): Promise<string | undefined> {
  return (await readIfThere(join(folder, LEARNED)))?.trim();
}

/**
 * Saves the keys in a private folder with mode 0600 each, for `vmbuild ssh`. Returns the path of
 * the client key.
 */
export async function saveKeys(keys: BuildKeys, folder: string): Promise<string> {
  await makePrivateFolder(folder);
  for (const role of ["client", "host", "base"] as const) {
    const pair = keys[role];
    if (pair !== undefined) await saveKeyPair(pair, join(folder, NAMES[role]));
  }
  return join(folder, NAMES.client);
}

/** Saves a key pair with mode 0600: the private key at `path`, the public key beside it. */
export async function saveKeyPair(pair: KeyPair, path: string): Promise<void> {
  await writeFileAtomic(path, pair.private, 0o600);
  await writeFileAtomic(`${path}.pub`, `${pair.public}\n`, 0o600);
}

/** Loads the key pair whose private key is at `path`. */
export async function loadKeyPair(path: string): Promise<KeyPair> {
  return {
    private: await readFile(path, "utf8"),
    public: (await readFile(`${path}.pub`, "utf8")).trim(),
  };
}

/** Loads the keys that {@link saveKeys} saved. */
export async function loadKeys(folder: string): Promise<BuildKeys> {
  const path = (role: keyof typeof NAMES): string => join(folder, NAMES[role]);
  const learnedHost = await loadLearnedHost(folder);
  const hasBase = (await statIfThere(path("base"))) !== undefined;
  return {
    client: await loadKeyPair(path("client")),
    host: await loadKeyPair(path("host")),
    ...(hasBase ? { base: await loadKeyPair(path("base")) } : {}),
    ...(learnedHost === undefined ? {} : { learnedHost }),
  };
}
