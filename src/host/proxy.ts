/** The proxy for an address, from the environment, by curl's rules. */
import { VmbuildError } from "../errors.js";
import { isExempt } from "./no-proxy.js";

/** The environment, or a test's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy that the environment names. */
export interface Proxy {
  /** Its address without credentials and path: `http://proxy.example.org:3128`. */
  readonly address: string;
  /** The variable that names it. */
  readonly variable: string;
  /** Undefined where the variable holds no user. Both are decoded. */
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
}

const SCHEMES = ["http", "https", "socks5", "socks5h"];

/** Lower-case names come first, and an empty variable counts as none, as for curl. */
function namesFor(protocol: string, env: Environment): string[] {
  const own =
    protocol === "https:"
      ? ["https_proxy", "HTTPS_PROXY"]
      : // Of a CGI script, the client decides what is in HTTP_PROXY.
        ["http_proxy", ...(env["REQUEST_METHOD"] === undefined ? ["HTTP_PROXY"] : [])];
  return [...own, "all_proxy", "ALL_PROXY"];
}

function firstSet(names: readonly string[], env: Environment): [string, string] | undefined {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value !== undefined && value !== "") return [name, value];
  }
  return undefined;
}

/** A percent sign may be a part of a password that nobody encoded. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Takes `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/]` apart. A password may hold any sign. */
function partsOf(value: string) {
  const [, scheme = "http", rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(value) ?? [];
  const at = rest.lastIndexOf("@");
  const [user = "", ...password] = at === -1 ? [] : rest.slice(0, at).split(":");
  return {
    scheme: scheme.toLowerCase(),
    credentials:
      at === -1 ? undefined : { user: decode(user), password: decode(password.join(":")) },
    host: rest.slice(at + 1).replace(/[/?#].*$/s, ""),
  };
}

function badValue(variable: string, { scheme, credentials, host }: ReturnType<typeof partsOf>) {
  const shown = `${scheme}://${credentials ? "***@" : ""}${host}`;
  const schemes = SCHEMES.map((one) => `${one}://`).join(", ");
  return new VmbuildError(
    "HOST_ENVIRONMENT",
    `The environment variable ${variable} is not a valid proxy address: ${shown}`,
    {
      hint: `Use ${variable}=http://HOST:PORT or HOST:PORT (${schemes} are supported), or unset it.`,
      details: { variable },
    },
  );
}

function parseProxy(variable: string, value: string): Proxy {
  const parts = partsOf(value);
  const { scheme, credentials, host } = parts;
  const text = `${scheme}://${host}`;
  if (!SCHEMES.includes(scheme) || !URL.canParse(text)) throw badValue(variable, parts);
  const { hostname, port } = new URL(text);
  if (!/^([\w.-]+|\[[0-9a-f:.]+\])$/i.test(hostname) || port === "0")
    throw badValue(variable, parts);
  return { address: text, variable, credentials };
}

/**
 * The proxy through which an address is reached: `http_proxy` or `https_proxy` by its scheme, else
 * `all_proxy`, each in lower or upper case; none for what `no_proxy` lists. Pure.
 * @throws {VmbuildError} HOST_ENVIRONMENT, naming the variable, when its value is no proxy's address.
 */
export function proxyFor(address: URL, env: Environment = process.env): Proxy | undefined {
  const found = firstSet(namesFor(address.protocol, env), env);
  if (!found) return undefined;
  const [, exempt = ""] = firstSet(["no_proxy", "NO_PROXY"], env) ?? [];
  if (isExempt(address, exempt)) return undefined;
  return parseProxy(...found);
}

/** The passwords of the proxies that the environment names, to be masked wherever they show. */
export function proxyPasswords(env: Environment = process.env): string[] {
  const names = ["http_proxy", "https_proxy", "all_proxy"];
  return names
    .flatMap((name) => [name, name.toUpperCase()])
    .flatMap((name) => partsOf(env[name]?.trim() ?? "").credentials?.password ?? [])
    .filter((password) => password !== "");
}

/** What an error about a proxy calls it. */
export function describeProxy({ address, variable }: Proxy): string {
  return `the proxy ${address} (from ${variable})`;
}
