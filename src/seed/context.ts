/** Creates OpenNebula's CONTEXT disk, which configures one-context in the guest by a shell file. */
import { VmbuildError } from "../errors.js";
import { writeTextDisk } from "./iso.js";

/** Variables of `context.sh` by name. */
export type ContextVariables = Readonly<Record<string, string>>;

/** Defaults of the variables. */
export interface ContextDefaults {
  readonly hostname: string;
  /** MAC address of the network card, by which one-context finds the interface. */
  readonly mac: string;
  /** OpenSSH public key. It is added to the user's own keys, so that vmbuild can log in. */
  readonly publicKey: string;
}

/** Addresses of QEMU's user network (docs/system/devices/net.rst), which are fixed. */
const NETWORK = {
  ETH0_IP: "10.0.2.15",
  ETH0_MASK: "255.255.255.0",
  ETH0_NETWORK: "10.0.2.0",
  ETH0_GATEWAY: "10.0.2.2",
  ETH0_DNS: "10.0.2.3",
} as const;

/** Matches a variable name of `context.sh`. */
export const CONTEXT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Matches names of variables whose values are masked in logs. */
export const CONTEXT_SECRET_NAME = /PASSWORD|PASSWD|TOKEN|SECRET|(?<!PUBLIC_)KEY$|KEY_|PRIVATE/i;

function usage(message: string, hint: string): VmbuildError {
  return new VmbuildError("USAGE", message, { hint });
}

/** Returns the guest's static address; undefined where DHCP assigns it or none is configured. */
export function contextAddress(variables: ContextVariables): string | undefined {
  return variables["ETH0_METHOD"] === "static" ? variables["ETH0_IP"] : undefined;
}

/** Returns whether the machine's network has the address for a guest. */
function isReachable(address: string): boolean {
  const last = Number(/^10\.0\.2\.(\d{1,3})$/.exec(address)?.[1] ?? Number.NaN);
  // .2 is the gateway, .3 the DNS server and .4 QEMU's SMB server.
  return last >= 5 && last <= 254;
}

/** Returns what is wrong with the address in a template's variables; undefined when nothing is. */
export function addressProblem(own: ContextVariables): string | undefined {
  const { ETH0_METHOD: method = "static", ETH0_IP: address } = own;
  if (address === undefined || method !== "static" || isReachable(address)) return undefined;
  return `${address} is not in the machine's network, 10.0.2.0/24; use an address from 10.0.2.5 to 10.0.2.254, or ETH0_METHOD dhcp`;
}

function requireReachable(address: string): void {
  if (isReachable(address)) return;
  throw usage(
    `ETH0_IP=${address}: the address is not in the machine's network, 10.0.2.0/24`,
    "Use an address from 10.0.2.5 to 10.0.2.254, or ETH0_METHOD=dhcp.",
  );
}

/**
 * Merges the user's variables with the defaults, which include a static address on QEMU's user
 * network unless `ETH0_METHOD` is set.
 * @throws {VmbuildError} USAGE for an invalid name or address.
 */
export function contextVariables(
  defaults: ContextDefaults,
  own: ContextVariables,
): ContextVariables {
  for (const [name, value] of Object.entries(own)) {
    if (!CONTEXT_NAME.test(name)) {
      throw usage(
        `${name} is not a valid name for a CONTEXT variable`,
        "Use letters, digits and underscores.",
      );
    }
    if (value.includes("\0"))
      throw usage(
        `The value of ${name} contains a NUL character`,
        "Remove it: shell variables cannot contain it.",
      );
  }
  const { ETH0_METHOD: method = "static", NETWORK: network = "YES" } = own;
  const isStatic = method === "static" && network === "YES";
  const keys = [own["SSH_PUBLIC_KEY"], defaults.publicKey].filter((key) => key?.trim());
  const variables: ContextVariables = {
    NETWORK: network,
    ...(network === "YES" ? { ETH0_MAC: defaults.mac, ETH0_METHOD: method } : {}),
    ...(isStatic ? NETWORK : {}),
    SET_HOSTNAME: defaults.hostname,
    ...own,
    SSH_PUBLIC_KEY: keys.join("\n"),
  };
  const address = contextAddress(variables);
  if (address !== undefined) requireReachable(address);
  return variables;
}

/** Renders `context.sh`. Each value is in single quotes, in which a shell expands nothing. */
export function contextScript(variables: ContextVariables): string {
  const lines = Object.entries(variables).map(
    ([name, value]) => `${name}='${value.replaceAll("'", String.raw`'\''`)}'`,
  );
  return `# Context variables, written by vmbuild\n${lines.join("\n")}\n`;
}

/** Writes the disk to `destination` with mode 0600, because it may contain passwords. */
export async function writeContextDisk(
  variables: ContextVariables,
  destination: string,
  signal?: AbortSignal,
): Promise<void> {
  const files = { "context.sh": contextScript(variables) };
  await writeTextDisk(files, "CONTEXT", destination, signal);
}
