/** Parses the addresses of other hosts: `ssh://user@host:port/path`. */
import { VmbuildError } from "../errors.js";
import { shellQuote } from "../host/programs.js";

/** Other host. */
export interface HostAddress {
  /** The user's own text, for messages. */
  readonly text: string;
  /** Name or address, without brackets; may be a `Host` of ssh_config. */
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /**
   * Folder there for everything that vmbuild stores: absolute, or relative to the home folder.
   * Undefined for the usual folders.
   */
  readonly folder: string | undefined;
}

const FORM = "Use ssh://USER@HOST:PORT/PATH; only the host is required.";

function invalid(text: string, problem: string): VmbuildError {
  return new VmbuildError("USAGE", `${text} is not the address of a host: ${problem}`, {
    hint: FORM,
  });
}

/** Returns a part of an address without percent-encoding. */
function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(text, "its percent-encoding is not valid");
  }
}

/** Parts of the address: user, host in brackets or without, port, path. */
const PATTERN = /^ssh:\/\/(?:([^@/]*)@)?(?:\[([^\]/]+)\]|([^:/@[\]]+))(?::(\d+))?(\/.*)?$/i;

/** Characters of names that a shell, or ssh itself, would interpret. */
const UNSAFE = /^-|[\s'"`$\\;&<>|(){}\p{Cc}]/u;

/** Returns the folder of a path of an address: `/~/x` is `x` below the home folder. */
function folderOf(text: string, path: string): string | undefined {
  const folder = decoded(text, path).replace(/\/+$/, "");
  if (folder === "" || folder === "/~") return undefined;
  if (/[\n\0]/.test(folder)) throw invalid(text, "its path has a line break or a NUL byte");
  return folder.startsWith("/~/") ? folder.slice(3) : folder;
}

/**
 * Parses the address of a host.
 * @throws {VmbuildError} USAGE.
 */
export function parseHostAddress(text: string): HostAddress {
  const match = PATTERN.exec(text);
  if (!match) throw invalid(text, "it does not have the form ssh://USER@HOST:PORT/PATH");
  const [, rawUser, bracketed, plain = "", rawPort, path = ""] = match;
  const user = rawUser === undefined ? undefined : decoded(text, rawUser);
  const host = bracketed ?? decoded(text, plain);
  if (user === "") throw invalid(text, "its user is empty");
  if (user?.includes(":") === true) throw invalid(text, "it must not contain a password");
  if (UNSAFE.test(host) || (user !== undefined && UNSAFE.test(user))) {
    throw invalid(text, "its user or host has a character that no name has");
  }
  const port = rawPort === undefined ? undefined : Number(rawPort);
  if (port !== undefined && (port < 1 || port > 65535)) {
    throw invalid(text, "its port is not a number from 1 to 65535");
  }
  return { text, host, user, port, folder: folderOf(text, path) };
}

/** Returns whether a text is an address, and not the name of a context. */
export function isHostAddress(text: string): boolean {
  return text.includes("://");
}

/** Returns the arguments with which OpenSSH's ssh reaches a host, without the command. Pure. */
export function sshArguments({ host, user, port }: HostAddress, terminal: boolean): string[] {
  return [
    // A connection that is lost without a word is noticed after a minute.
    ...["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"],
    // Otherwise ssh says when the terminal is closed.
    ...(terminal ? ["-t", "-o", "LogLevel=ERROR"] : ["-T"]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...["--", host],
  ];
}

/** Returns the expression of a shell for the folder of vmbuild on a host. Pure. */
export function folderExpression({ folder }: HostAddress): string {
  if (folder === undefined) return '"${XDG_DATA_HOME:-$HOME/.local/share}/vmbuild"';
  return folder.startsWith("/") ? shellQuote(folder) : `"$HOME"/${shellQuote(folder)}`;
}
