/** Parses addresses of the form `ssh://user@host:port/path`. */
import { userInfo } from "node:os";
import { VmbuildError } from "../../errors.js";

/** Server, user and path. */
export interface SshAddress {
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** Absolute, or relative to the user's home folder (`/~/`). */
  readonly path: string;
}

const DEFAULT_PORT = 22;

function malformed(target: string, problem: string): VmbuildError {
  return new VmbuildError("USAGE", `--to ${target}: ${problem}`, {
    hint: "Write for example --to ssh://root@pve.example.org/var/lib/vz/template/iso/",
  });
}

function decoded(target: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed(target, "a percent sign must be written as %25");
  }
}

/**
 * Parses an address. Percent-encoded characters are decoded.
 * @throws {VmbuildError} USAGE.
 */
export function parseSshAddress(target: string): SshAddress {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (!url || url.hostname === "") throw malformed(target, "it is not a valid address");
  if (url.password !== "") {
    throw malformed(target, "a password in an address is visible to other users; use a key");
  }
  if (url.search !== "" || url.hash !== "") throw malformed(target, "? and # must be encoded");
  const path = decoded(target, url.pathname);
  if (path === "" || path === "/") throw malformed(target, "it names no folder or file");
  // Brackets belong to the notation of an IPv6 address.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const user = url.username === "" ? userInfo().username : decoded(target, url.username);
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  return { user, host, port, path: path.startsWith("/~/") ? path.slice(3) || "." : path };
}

/** Returns the address of a path, as a user writes it. */
export function formatSshAddress({ user, host, port }: SshAddress, path: string): string {
  const place = host.includes(":") ? `[${host}]` : host;
  const absolute = path.startsWith("/") ? path : `/~/${path}`;
  return `ssh://${user}@${place}${port === DEFAULT_PORT ? "" : `:${port}`}${absolute}`;
}
