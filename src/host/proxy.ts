/** Selects the proxy for an address from the environment by the rules of curl. */
import { VmbuildError } from "../errors.js";
import { isExempt } from "./no-proxy.js";

/** Environment variables: those of the process, or those of a test. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Proxy that the environment names. */
export interface Proxy {
  /** Address without credentials and path: `http://proxy.example.org:3128`. */
  readonly address: string;
  /** Variable that names the proxy. */
  readonly variable: string;
  /** Decoded credentials; undefined where the variable has no user. */
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
}

const SCHEMES = ["http", "https", "socks5", "socks5h"];

/**
 * Returns the variables for a protocol. As in curl, lower-case names come first and an empty
 * variable counts as unset.
 */
function namesFor(protocol: string, env: Environment): string[] {
  const own =
    protocol === "https:"
      ? ["https_proxy", "HTTPS_PROXY"]
      : // In a CGI script, the HTTP client controls the value of HTTP_PROXY, so it is ignored.
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

/** Decodes percent-encoding. A lone percent sign may be part of a password that was not encoded. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Parses `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/]`. A password may contain any character. */
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

function invalidValueError(
  variable: string,
  { scheme, credentials, host }: ReturnType<typeof partsOf>,
) {
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
  if (!SCHEMES.includes(scheme) || !URL.canParse(text)) throw invalidValueError(variable, parts);
  const { hostname, port } = new URL(text);
  if (!/^([\w.-]+|\[[0-9a-f:.]+\])$/i.test(hostname) || port === "0")
    throw invalidValueError(variable, parts);
  return { address: text, variable, credentials };
}

/**
 * Returns the proxy for an address: `http_proxy` or `https_proxy` by its scheme, else `all_proxy`,
 * each in lower or upper case; none for hosts that `no_proxy` lists. Pure.
 * @throws {VmbuildError} HOST_ENVIRONMENT, naming the variable, when its value is not the address
 *   of a proxy.
 */
export function proxyFor(address: URL, env: Environment = process.env): Proxy | undefined {
  const found = firstSet(namesFor(address.protocol, env), env);
  if (!found) return undefined;
  const [, exempt = ""] = firstSet(["no_proxy", "NO_PROXY"], env) ?? [];
  if (isExempt(address, exempt)) return undefined;
  return parseProxy(...found);
}

/** Returns the passwords of all proxies in the environment, so that they can be masked. */
export function proxyPasswords(env: Environment = process.env): string[] {
  const names = ["http_proxy", "https_proxy", "all_proxy"];
  return names
    .flatMap((name) => [name, name.toUpperCase()])
    .flatMap((name) => partsOf(env[name]?.trim() ?? "").credentials?.password ?? [])
    .filter((password) => password !== "");
}

/** Describes a proxy for error messages. */
export function describeProxy({ address, variable }: Proxy): string {
  return `the proxy ${address} (from ${variable})`;
}
