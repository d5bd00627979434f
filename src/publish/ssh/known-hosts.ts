/** Reads the host keys that the user accepted (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
import { createHmac } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { readIfThere } from "../../host/files.js";

/** Line of a known_hosts file for a host. */
export interface KnownKey {
  /** `file:line`. */
  readonly place: string;
  /** Type of the key, such as `ssh-ed25519`. */
  readonly type: string;
  /** Blob of the key in base64. */
  readonly key: string;
  readonly isRevoked: boolean;
}

/** Files of OpenSSH's client, in its order. */
function knownHostsFiles(): string[] {
  const own = join(homedir(), ".ssh");
  return [
    ...[join(own, "known_hosts"), join(own, "known_hosts2")],
    ...["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
  ];
}

/** Returns a host with its port as known_hosts files write it. */
export function knownName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function matchesPattern(pattern: string, name: string): boolean {
  const hashed = /^\|1\|([^|]+)\|(.+)$/.exec(pattern);
  if (hashed) {
    const [, salt = "", hash = ""] = hashed;
    return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
  }
  const escaped = pattern.toLowerCase().replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
}

/** Returns whether a list of patterns matches. A pattern with `!` in front excludes names. */
function matchesHosts(patterns: string, name: string): boolean {
  const list = patterns.split(",");
  const isExcluded = list.some((one) => one.startsWith("!") && matchesPattern(one.slice(1), name));
  return !isExcluded && list.some((one) => matchesPattern(one, name));
}

/** Parses the lines of a file that apply to a host. Authorities for certificates are left out. */
export function parseKnownHosts(text: string, file: string, name: string): KnownKey[] {
  return text.split("\n").flatMap((line, index): KnownKey[] => {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith("@") ? words.shift() : undefined;
    const [hosts = "", type = "", key = ""] = words;
    if (hosts.startsWith("#") || key === "" || marker === "@cert-authority") return [];
    if (!matchesHosts(hosts, name)) return [];
    return [{ place: `${file}:${index + 1}`, type, key, isRevoked: marker === "@revoked" }];
  });
}

/** Returns the known keys of a host, in the order of OpenSSH's client. */
export async function knownKeysOf(host: string, port: number): Promise<KnownKey[]> {
  const name = knownName(host, port);
  const files = knownHostsFiles();
  const texts = await Promise.all(files.map((file) => readIfThere(file)));
  return texts.flatMap((text, index) => parseKnownHosts(text ?? "", files[index] ?? "", name));
}
