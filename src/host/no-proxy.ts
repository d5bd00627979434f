/** The hosts that are reached without a proxy, as `no_proxy` lists them. */
import { BlockList, isIP } from "node:net";

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/** An entry of `no_proxy`: a host, a network or a pattern, and perhaps one port of it. */
interface Entry {
  readonly host: string;
  readonly port: string | undefined;
}

/** Splits `HOST:PORT`, `[IPV6]:PORT` and their forms without a port. */
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

/** Whether `address` is the same as, or in the network of, an entry: `10.0.0.1`, `fd00::/8`. */
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

/** Whether a pattern with `*` fits the whole host: `192.168.*`, `*.example.org`. */
function matchesPattern(pattern: string, host: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(host);
}

/** Whether a host is the one that an entry names, or is below it: `example.org`, `.example.org`. */
function matchesName(entry: string, host: string): boolean {
  const name = entry.replace(/^\*?\./, "").replace(/\.$/, "");
  if (name === "") return false;
  return (
    host === name || host.endsWith(`.${name}`) || (name.includes("*") && matchesPattern(name, host))
  );
}

/**
 * Whether an address is reached without a proxy. Entries are separated by commas or spaces: names
 * (which stand for the names below them too), IP addresses, networks (`10.0.0.0/8`), patterns with
 * `*`, each with a port or without; `*` alone stands for all. Names are not looked up.
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
