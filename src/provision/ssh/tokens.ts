/** Expands the tokens and the `~` of values of ssh_config(5), which `ssh -G` prints unexpanded. */
import { createHash } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";

/** Values of the tokens that depend on the connection. */
export interface TokenValues {
  /** Name that the user gave (`%n`). */
  readonly alias: string;
  /** Name or address to connect to (`%h`). */
  readonly hostname: string;
  readonly port: number;
  /** Remote user (`%r`). */
  readonly user: string;
  /** Name of the host key (`%k`). */
  readonly hostKeyAlias: string;
  /** Value of ProxyJump (`%j`); empty without one. */
  readonly proxyJump: string;
}

function valueOf(token: string, values: TokenValues): string | undefined {
  const { alias, hostname: host, port, user, hostKeyAlias, proxyJump } = values;
  const local = userInfo();
  const own = hostname();
  switch (token) {
    case "%":
      return "%";
    case "C":
      return createHash("sha1").update(`${own}${host}${port}${user}${proxyJump}`).digest("hex");
    case "d":
      return local.homedir;
    case "h":
      return host;
    case "i":
      return String(local.uid);
    case "j":
      return proxyJump;
    case "k":
      return hostKeyAlias;
    case "L":
      return own.split(".")[0];
    case "l":
      return own;
    case "n":
      return alias;
    case "p":
      return String(port);
    case "r":
      return user;
    case "u":
      return local.username;
    default:
      return undefined;
  }
}

/** Expands the `%` tokens of a value. Unknown ones are left as they are. */
export function expandTokens(text: string, values: TokenValues): string {
  return text.replaceAll(/%(.)/g, (whole, token: string) => valueOf(token, values) ?? whole);
}

/** Expands `~/`, `${VARIABLE}` and the tokens of a path. Relative paths are those of the home. */
export function expandPath(text: string, values: TokenValues): string {
  const { homedir } = userInfo();
  const withHome = text === "~" ? homedir : text.replace(/^~\//, `${homedir}/`);
  const filled = withHome.replaceAll(
    /\$\{(\w+)\}/g,
    (whole, name: string) => process.env[name] ?? whole,
  );
  const path = expandTokens(filled, values);
  return path.startsWith("/") ? path : join(process.cwd(), path);
}
