/** Defines how messages reach a syslog server: by UDP, TCP, or the socket of this host. */
import { z } from "zod";

/** Address of a syslog server. */
export type SyslogAddress =
  | { readonly scheme: "udp" | "tcp"; readonly host: string; readonly port: number }
  | { readonly scheme: "unix"; readonly path: string };

/** Numbers of messages so far. */
export interface MessageCounts {
  readonly delivered: number;
  readonly lost: number;
}

/** Open connection to a server. No function throws. */
export interface Transport {
  send(message: Buffer): void;
  /** Sends what is left, in a bounded time. */
  close(): Promise<MessageCounts>;
}

/** Default ports: RFC 5426 for UDP, and the one that is in use for plain TCP (RFC 6587). */
const PORTS = { udp: 514, tcp: 601 } as const;

/** Parses `udp://HOST[:PORT]`, `tcp://HOST[:PORT]` or `unix:PATH`; undefined for anything else. */
export function parseSyslogAddress(text: string): SyslogAddress | undefined {
  const path = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return { scheme: "unix", path };
  const [, scheme, rest] = /^(udp|tcp):\/\/([^/?#@\s]+)\/?$/.exec(text) ?? [];
  if (scheme === undefined || !URL.canParse(`http://${rest}`)) return undefined;
  const known = scheme === "udp" ? "udp" : "tcp";
  const { hostname } = new URL(`http://${rest}`);
  // URL leaves out the default port of its own scheme.
  const port = /:(\d+)$/.exec(rest ?? "")?.[1];
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return { scheme: known, host, port: port === undefined ? PORTS[known] : Number(port) };
}

/** Schema of an address. */
export const syslogAddress = z
  .string()
  .refine(
    (text) => parseSyslogAddress(text) !== undefined,
    "use udp://HOST[:PORT], tcp://HOST[:PORT] or unix:/PATH",
  )
  .describe(
    "server: udp://HOST[:PORT], tcp://HOST[:PORT], or a socket of this host, such as unix:/dev/log",
  );
