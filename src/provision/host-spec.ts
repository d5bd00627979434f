/** Parses the names by which users give machines: `user@host:port`, as ssh and scp take them. */
import { VmbuildError } from "../errors.js";

/** Machine as the user named it. */
export interface HostSpec {
  /** The user's own text, for messages. */
  readonly text: string;
  /** Name or address, without brackets: may be an alias of ssh_config. */
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

/**
 * Characters that a shell interprets, which OpenSSH refuses in names too (since 9.6), and those that
 * no name contains.
 */
// eslint-disable-next-line no-control-regex -- Control characters are what is looked for.
const UNSAFE = /[\s'"`$\\;&<>|(){}\u0000-\u001f\u007f]/;

/** Parts of a name after the user: an address in brackets, a bare IPv6 address, or `host[:port]`. */
function splitPort(text: string): { host: string; port: string | undefined } | undefined {
  const bracketed = /^\[([^[\]]+)\](?::(.*))?$/.exec(text);
  if (bracketed) return { host: bracketed[1] ?? "", port: bracketed[2] };
  if (text.split(":").length > 2) return { host: text, port: undefined };
  const [host = "", port] = text.split(":");
  return { host, port };
}

function problemOf(user: string | undefined, host: string, port: string | undefined) {
  if (host === "") return "has no host";
  if (host.startsWith("-") || user?.startsWith("-") === true)
    return 'has a part that begins with "-"';
  if (UNSAFE.test(host) || /[[\]/]/.test(host))
    return "has a host with a character that no host has";
  if (user === "") return "has an empty user";
  if (user !== undefined && UNSAFE.test(user))
    return "has a user with a character that no user has";
  if (port === undefined) return undefined;
  const isPort = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65535;
  return isPort ? undefined : "has a port that is not a number from 1 to 65535";
}

/**
 * Parses `[user@]host[:port]`, `[user@][address]:port` for IPv6, or the same with `ssh://` before it.
 * @param source of the text, for messages: `--host`.
 * @throws {VmbuildError} USAGE.
 */
export function parseHostSpec(text: string, source: string): HostSpec {
  const bare = /^ssh:\/\/(.*?)\/?$/.exec(text)?.[1] ?? text;
  const at = bare.lastIndexOf("@");
  const user = at === -1 ? undefined : bare.slice(0, at);
  const parts = splitPort(bare.slice(at + 1)) ?? { host: "", port: undefined };
  const problem = problemOf(user, parts.host, parts.port);
  if (problem !== undefined) {
    throw new VmbuildError("USAGE", `${source} ${text}: the text ${problem}`, {
      hint: "Use for example admin@web1.example.org, admin@10.0.0.1:2222, [2001:db8::1]:2222, or a Host of ssh_config.",
    });
  }
  const port = parts.port === undefined ? undefined : Number(parts.port);
  return { text, host: parts.host, user, port };
}

/** Returns the command by which a person logs in to a machine, for messages. */
export function sshCommand({ host, user, port }: HostSpec, configFile?: string): string {
  const file = configFile === undefined ? [] : ["-F", configFile];
  const ownPort = port === undefined ? [] : ["-p", String(port)];
  return ["ssh", ...file, ...ownPort, user === undefined ? host : `${user}@${host}`].join(" ");
}

/**
 * Returns the name under which the runs of a template on a machine are recorded:
 * `demo@web1.example.org`. The user does not count, because two runs on one machine exclude each
 * other whoever logs in.
 */
export function recordName(template: string, { host, port }: HostSpec): string {
  const name = host.toLowerCase().replaceAll(/[^a-z0-9._:-]/g, "_");
  return `${template}@${name}${port === undefined ? "" : `:${port}`}`;
}

/** Returns whether a name is one of {@link recordName}. No template has such a name. */
export function isRecordName(name: string): boolean {
  return name.includes("@");
}
