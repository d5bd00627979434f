/**
 * Verifies host keys by the known_hosts files of OpenSSH (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), and
 * adds new ones. `ssh-keygen -F` finds the entries: hashed names, patterns and ports are its matter.
 */
import { createHmac, randomBytes } from "node:crypto";
import { appendFile, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServerHostKeyAlgorithm } from "ssh2";
import { VmbuildError } from "../../errors.js";
import type { HostKeyVerifier } from "../../guest/host-key.js";
import { makeFolder, readIfThere, statIfThere } from "../../host/files.js";
import { runProgram } from "../../host/programs.js";
import { describeKey, keyType } from "../../seed/public-key.js";
import type { SshSettings } from "./config.js";

/** Entry of a known_hosts file for a machine. */
interface KnownKey {
  readonly marker: "@cert-authority" | "@revoked" | undefined;
  readonly key: Buffer;
  /** `FILE:LINE`. */
  readonly place: string;
}

/** Parses the output of `ssh-keygen -F`: a comment with the line's number before each entry. */
function parseFound(text: string, file: string): KnownKey[] {
  let place = file;
  return text.split("\n").flatMap((line): KnownKey[] => {
    const number = /^# Host .* found: line (\d+)/.exec(line)?.[1];
    if (number !== undefined) place = `${file}:${number}`;
    if (line.startsWith("#")) return [];
    const words = line.trim().split(/\s+/);
    const [first] = words;
    const marker = first === "@cert-authority" || first === "@revoked" ? first : undefined;
    const blob = words[marker === undefined ? 2 : 3];
    return blob === undefined ? [] : [{ marker, key: Buffer.from(blob, "base64"), place }];
  });
}

/**
 * Finds the entries for a machine in all known_hosts files.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING without ssh-keygen; HOST_FOLDER for a file that cannot
 *   be read.
 */
export async function findKnownKeys(
  { hostKeyName, userKnownHosts, globalKnownHosts }: SshSettings,
  signal: AbortSignal,
): Promise<KnownKey[]> {
  const found: KnownKey[] = [];
  for (const file of [...userKnownHosts, ...globalKnownHosts]) {
    if (!(await statIfThere(file))?.isFile()) continue;
    // ssh-keygen does not tell an unreadable file from one without the entry.
    await readFile(file);
    const args = ["-F", hostKeyName, "-f", file];
    const { stdout } = await runProgram("ssh-keygen", args, { captureOutput: true, signal });
    found.push(...parseFound(stdout, file));
  }
  return found;
}

/** Algorithms of host keys that ssh2 supports, in its order; those of RSA share a type of key. */
const ALGORITHMS: readonly (readonly [ServerHostKeyAlgorithm, string])[] = [
  ["ssh-ed25519", "ssh-ed25519"],
  ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"],
  ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"],
  ["ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"],
  ["rsa-sha2-512", "ssh-rsa"],
  ["rsa-sha2-256", "ssh-rsa"],
  ["ssh-rsa", "ssh-rsa"],
];

/**
 * Returns the algorithms to ask a server for: those of known keys first, so that a server with
 * several keys shows one that can be compared. Pure.
 */
export function preferredAlgorithms(known: readonly KnownKey[]): ServerHostKeyAlgorithm[] {
  const types = new Set(known.filter(({ marker }) => !marker).map(({ key }) => keyType(key)));
  const isKnown = ([, type]: readonly [ServerHostKeyAlgorithm, string]): boolean => types.has(type);
  const order = [...ALGORITHMS.filter(isKnown), ...ALGORITHMS.filter((one) => !isKnown(one))];
  return order.map(([algorithm]) => algorithm);
}

function refusal(message: string, lines: readonly string[], hint: string): VmbuildError {
  return new VmbuildError("GUEST_HOST_KEY", message, { lines, hint });
}

/** Verifies the host key of a machine by its entries in known_hosts. */
export class KnownHostKey implements HostKeyVerifier {
  readonly #settings: SshSettings;
  readonly #known: readonly KnownKey[];
  readonly #acceptNew: boolean;
  /** Key that the first connection accepted without an entry. */
  #accepted: Buffer | undefined;

  /** @param acceptNew accepts a key if there is no entry for the machine. */
  constructor(settings: SshSettings, known: readonly KnownKey[], acceptNew: boolean) {
    this.#settings = settings;
    this.#known = known;
    this.#acceptNew = acceptNew;
  }

  /** Key that was accepted without an entry, which should be added. */
  get accepted(): Buffer | undefined {
    return this.#accepted;
  }

  refuse(key: Buffer): VmbuildError | undefined {
    const name = this.#settings.spec.text;
    const found = `found     ${describeKey(key)}`;
    const revoked = this.#known.find((one) => one.marker === "@revoked" && one.key.equals(key));
    if (revoked) {
      const message = `The host key of ${name} is marked as revoked in ${revoked.place}`;
      return refusal(message, [found], "Do not use this machine until its host key is replaced.");
    }
    const keys = this.#known.filter(({ marker }) => marker === undefined);
    if (keys.some((one) => one.key.equals(key))) return undefined;
    if (this.#accepted?.equals(key) === true) return undefined;
    if (keys.length > 0 || this.#accepted) return this.#changed(keys, found);
    if (this.#acceptNew) {
      this.#accepted = Buffer.from(key);
      return undefined;
    }
    return this.#unknown(found);
  }

  #changed(keys: readonly KnownKey[], found: string): VmbuildError {
    const { spec, hostKeyName } = this.#settings;
    const known = keys.map(({ key, place }) => `expected  ${describeKey(key)}  (${place})`);
    const own = this.#accepted
      ? [`expected  ${describeKey(this.#accepted)}  (earlier in this run)`]
      : [];
    const [file] = keys.map(({ place }) => place.replace(/:\d+$/, ""));
    return refusal(
      `${spec.text} presented a host key other than the one that is known`,
      [...known, ...own, found],
      "Somebody may be listening in. If the machine was installed again, remove its old key: " +
        `ssh-keygen -R '${hostKeyName}'${file === undefined ? "" : ` -f ${file}`}`,
    );
  }

  #unknown(found: string): VmbuildError {
    const { spec, hostKeyName, userKnownHosts } = this.#settings;
    const authority = this.#known.find(({ marker }) => marker === "@cert-authority");
    if (authority) {
      return refusal(
        `${spec.text} is known by a certificate authority only, and vmbuild does not verify host certificates`,
        [`authority ${describeKey(authority.key)}  (${authority.place})`, found],
        `Add the machine's own key to ${userKnownHosts[0] ?? "a known_hosts file"}, under the name ${hostKeyName}.`,
      );
    }
    return refusal(
      `The host key of ${spec.text} is not known`,
      [`name      ${hostKeyName}`, found],
      "Compare the fingerprint with that of `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on " +
        "the machine, and add the key with --accept-new.",
    );
  }
}

/** Returns a name as OpenSSH hashes it: `|1|salt|HMAC-SHA1` (ssh-keygen(1), -H). */
function hashName(name: string): string {
  const salt = randomBytes(20);
  const hash = createHmac("sha1", salt).update(name).digest("base64");
  return `|1|${salt.toString("base64")}|${hash}`;
}

/**
 * Adds a host key to the user's first known_hosts file, hashed where HashKnownHosts asks for it.
 * @returns the path of the file; undefined where the configuration names none.
 * @throws the system's error when the file cannot be written.
 */
export async function addKnownKey(
  { hostKeyName, hashKnownHosts, userKnownHosts: [file] }: SshSettings,
  key: Buffer,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  await makeFolder(dirname(file), 0o700);
  const before = await readIfThere(file);
  const start = before === undefined || before === "" || before.endsWith("\n") ? "" : "\n";
  const name = hashKnownHosts ? hashName(hostKeyName) : hostKeyName;
  const line = `${name} ${keyType(key)} ${key.toString("base64")}\n`;
  await appendFile(file, start + line, { mode: 0o600 });
  return file;
}
