/** Resolves the user's SSH configuration for a machine with `ssh -G` (ssh(1), ssh_config(5)). */
import { VmbuildError } from "../../errors.js";
import { runProgram } from "../../host/programs.js";
import { parseHostSpec } from "../host-spec.js";
import type { HostSpec } from "../host-spec.js";
import { expandPath, expandTokens } from "./tokens.js";
import type { TokenValues } from "./tokens.js";

/** Way to a machine that is not a direct connection. */
export type Proxy =
  | { readonly kind: "jump"; readonly hops: readonly HostSpec[] }
  | { readonly kind: "command"; readonly command: string };

/** Treatment of a host key that is in no known_hosts file, as `StrictHostKeyChecking` names it. */
export type StrictChecking = "yes" | "ask" | "accept-new" | "off";

/** What the configuration says about one machine. Paths are absolute, times milliseconds. */
export interface SshSettings {
  readonly spec: HostSpec;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  /** 0 for both, as in `net.connect`. */
  readonly family: 0 | 4 | 6;
  readonly bindAddress: string | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly proxy: Proxy | undefined;
  readonly publicKeys: boolean;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** Socket of the agent; undefined where there is none. */
  readonly agent: string | undefined;
  /** Name under which the host key is looked up: `host`, or `[host]:port`. */
  readonly hostKeyName: string;
  /** The user's own files first; new keys are added to the first of them. */
  readonly userKnownHosts: readonly string[];
  readonly globalKnownHosts: readonly string[];
  readonly strictChecking: StrictChecking;
  readonly hashKnownHosts: boolean;
  /** Configuration file in place of the user's own, for the programs that this host starts. */
  readonly configFile: string | undefined;
}

/** Lines of `ssh -G`: a keyword in lower case, and its value. Keywords may repeat. */
type Answer = ReadonlyMap<string, readonly string[]>;

function parseAnswer(text: string): Answer {
  const answer = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const at = line.indexOf(" ");
    if (at === -1) continue;
    const key = line.slice(0, at).toLowerCase();
    answer.set(key, [...(answer.get(key) ?? []), line.slice(at + 1).trim()]);
  }
  return answer;
}

const isNone = (value: string | undefined): boolean =>
  value === undefined || value === "" || value.toLowerCase() === "none";

const isOn = (value: string | undefined): boolean => value === "yes" || value === "true";

function strictCheckingOf(value: string | undefined): StrictChecking {
  if (value === "accept-new" || value === "ask") return value;
  return value === "no" || value === "off" || value === "false" ? "off" : "yes";
}

/** Returns the agent's socket by IdentityAgent, else by the environment. */
function agentOf(value: string | undefined, values: TokenValues): string | undefined {
  const fromEnvironment = (name: string): string | undefined => {
    const socket = process.env[name];
    return socket === undefined || socket === "" ? undefined : socket;
  };
  if (value === undefined || value === "SSH_AUTH_SOCK") return fromEnvironment("SSH_AUTH_SOCK");
  if (isNone(value)) return undefined;
  const variable = /^\$(\w+)$/.exec(value)?.[1];
  return variable === undefined ? expandPath(value, values) : fromEnvironment(variable);
}

function proxyOf(first: (key: string) => string | undefined, values: TokenValues) {
  const jump = first("proxyjump");
  if (jump !== undefined && !isNone(jump)) {
    const hops = jump.split(",").map((hop) => parseHostSpec(hop.trim(), "ProxyJump"));
    return { kind: "jump", hops } as const;
  }
  const command = first("proxycommand");
  if (command === undefined || isNone(command)) return undefined;
  return { kind: "command", command: expandTokens(command, values) } as const;
}

/** Refuses settings whose neglect would weaken the check of host keys or lead elsewhere. */
function refuseUnsupported(first: (key: string) => string | undefined, spec: HostSpec): void {
  const unsupported = [
    ...(isNone(first("revokedhostkeys")) ? [] : ["RevokedHostKeys"]),
    ...(isOn(first("proxyusefdpass")) ? ["ProxyUseFdpass"] : []),
  ];
  if (unsupported.length === 0) return;
  throw new VmbuildError(
    "USAGE",
    `ssh_config sets ${unsupported.join(" and ")} for ${spec.text}, which vmbuild does not support`,
    {
      hint: "Give a file without it: --ssh-config FILE. Revoked keys can be marked @revoked in known_hosts.",
    },
  );
}

function settingsOf(answer: Answer, spec: HostSpec, configFile: string | undefined): SshSettings {
  const first = (key: string): string | undefined => answer.get(key)?.[0];
  refuseUnsupported(first, spec);
  const hostname = (first("hostname") ?? spec.host).toLowerCase();
  const port = Number(first("port") ?? spec.port ?? 22);
  const user = first("user") ?? spec.user ?? "";
  const alias = first("hostkeyalias");
  const hostKeyName = isNone(alias)
    ? port === 22
      ? hostname
      : `[${hostname}]:${port}`
    : (alias ?? hostname);
  const jump = first("proxyjump");
  const values: TokenValues = {
    alias: spec.host,
    hostname,
    port,
    user,
    hostKeyAlias: isNone(alias) ? spec.host : (alias ?? ""),
    proxyJump: isNone(jump) ? "" : (jump ?? ""),
  };
  const paths = (key: string): string[] =>
    (first(key) ?? "")
      .split(/\s+/)
      .filter((path) => !isNone(path))
      .map((path) => expandPath(path, values));
  const seconds = Number(first("connecttimeout"));
  const bind = first("bindaddress");
  const family = first("addressfamily");
  return {
    spec,
    hostname,
    port,
    user,
    family: family === "inet" ? 4 : family === "inet6" ? 6 : 0,
    bindAddress: isNone(bind) ? undefined : bind,
    connectTimeoutMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined,
    proxy: proxyOf(first, values),
    publicKeys: first("pubkeyauthentication") !== "no" && first("pubkeyauthentication") !== "false",
    identityFiles: (answer.get("identityfile") ?? [])
      .filter((path) => !isNone(path))
      .map((path) => expandPath(path, values)),
    identitiesOnly: isOn(first("identitiesonly")),
    agent: agentOf(first("identityagent"), values),
    hostKeyName,
    userKnownHosts: paths("userknownhostsfile"),
    globalKnownHosts: paths("globalknownhostsfile"),
    strictChecking: strictCheckingOf(first("stricthostkeychecking")),
    hashKnownHosts: isOn(first("hashknownhosts")),
    configFile,
  };
}

/**
 * Returns the arguments that name a machine to OpenSSH's ssh: the configuration, user, port and, last,
 * the host.
 */
export function sshDestination(
  { host, user, port }: HostSpec,
  configFile: string | undefined,
): { readonly options: string[]; readonly host: string[] } {
  return {
    options: [
      ...(configFile === undefined ? [] : ["-F", configFile]),
      ...(user === undefined ? [] : ["-l", user]),
      ...(port === undefined ? [] : ["-p", String(port)]),
    ],
    host: ["--", host],
  };
}

/**
 * Resolves the configuration of one machine.
 * @param configFile path in place of the user's and the system's files.
 * @throws {VmbuildError} USAGE when ssh rejects the configuration, or when it sets something that
 *   vmbuild does not support; HOST_PROGRAM_MISSING without ssh.
 */
export async function resolveSettings(
  spec: HostSpec,
  configFile: string | undefined,
  signal: AbortSignal,
): Promise<SshSettings> {
  const { options, host } = sshDestination(spec, configFile);
  const result = await runProgram("ssh", ["-G", ...options, ...host], {
    captureOutput: true,
    signal,
  });
  if (result.exitCode === 0) return settingsOf(parseAnswer(result.stdout), spec, configFile);
  throw new VmbuildError("USAGE", `ssh rejects the configuration for ${spec.text}`, {
    lines: result.lastLines,
    hint: `Run \`ssh -G ${spec.host}\` to see the same messages.`,
  });
}
