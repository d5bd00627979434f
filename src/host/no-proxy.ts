/** Decides which hosts are reached without a proxy, according to `no_proxy`. */
import { BlockList, isIP } from "node:net";

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/** Entry of `no_proxy`: a host, a network or a pattern, with an optional port. */
interface Entry {
  readonly host: string;
  readonly port: string | undefined;
}

/** Parses `HOST:PORT`, `[IPV6]:PORT` and the same forms without a port. */
function parseEntry(text: string): Entry {
  const bracketed = /^\[([^\]]*)\](\/\d+)?(?::(\d+))?$/.exec(text);
  if (bracketed) {
    const [, address = "", prefix = "", port] = bracketed;
    return { host: address + prefix, port };
  }
  const [, host, port] = /^([^:]*):(\d+)$/.exec(text) ?? [];
  return host === undefined ? { host: text, port: undefined } : { host, port };
}

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4");

/** Returns whether `address` equals an entry or is in its network: `10.0.0.1`, `fd00::/8`. */
function matchesAddress(entry: string, address: string): boolean {
  const [base = "", prefix] = entry.split("/");
  const bits = prefix === undefined ? undefined : Number(prefix);
  const most = isIP(base) === 6 ? 128 : 32;
  if (isIP(base) === 0 || (bits !== undefined && !(bits >= 0 && bits <= most))) return false;
  const list = new BlockList();
  if (bits === undefined) list.addAddress(base, familyOf(base));
  else list.addSubnet(base, bits, familyOf(base));
  return list.check(address, familyOf(address));
}

/** Returns whether a pattern with `*` matches the whole host: `192.168.*`, `*.example.org`. */
function matchesPattern(pattern: string, host: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(host);
}

/**
 * Returns whether a host equals an entry or is a subdomain of it: `example.org`, `.example.org`.
 */
function matchesName(entry: string, host: string): boolean {
  const name = entry.replace(/^\*?\./, "").replace(/\.$/, "");
  if (name === "") return false;
  return (
    host === name || host.endsWith(`.${name}`) || (name.includes("*") && matchesPattern(name, host))
  );
}

/**
 * Returns whether an address is reached without a proxy. Entries are separated by commas or spaces:
 * names (including their subdomains), IP addresses, networks (`10.0.0.0/8`) and patterns with `*`,
 * each with an optional port; `*` alone matches every host. Names are not resolved.
 */
export function isExempt(address: URL, list: string): boolean {
  const host = address.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  const port = address.port || DEFAULT_PORTS[address.protocol];
  const entries = list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "");
  return entries.some((text) => {
    if (text === "*") return true;
    const entry = parseEntry(text);
    if (entry.port !== undefined && entry.port !== port) return false;
    if (isIP(host) === 0) return matchesName(entry.host, host);
    return (
      matchesAddress(entry.host, host) ||
      (entry.host.includes("*") && matchesPattern(entry.host, host))
    );
  });
}
