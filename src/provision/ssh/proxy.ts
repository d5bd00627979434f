/** Reaches a machine through jump hosts or a command, by OpenSSH's own programs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../../errors.js";
import { AttemptFailure } from "../../guest/connection.js";
import { Tail } from "../../host/lines.js";
import { programFolder } from "../../host/current-folder.js";
import { searchPath, shellQuote, withParentDeathSignal } from "../../host/programs.js";
import type { HostSpec } from "../host-spec.js";
import { sshDestination } from "./config.js";
import type { Proxy, SshSettings } from "./config.js";

/** Time to wait for the last words of a command whose output has ended. Milliseconds. */
const LAST_WORDS_MS = 2000;

/** Address of the machine that an outer ssh connects to, which fills it in (ssh_config(5), TOKENS). */
const OUTER_ADDRESS = "[%h]:%p";

/** Number of lines that a command's errors are cut to. */
const SHOWN_LINES = 10;

/**
 * Returns the argument list of ssh that connects standard input and output to an address beyond jump
 * hosts (ssh(1), -W). OpenSSH itself applies the user's configuration, agent and known_hosts to each
 * of them. It never asks anything.
 * @param hops in the order in which they are passed.
 */
export function jumpArguments(
  hops: readonly HostSpec[],
  address: string,
  options: { readonly configFile: string | undefined; readonly acceptNew: boolean },
): string[] {
  const last = hops.at(-1);
  if (!last) throw new Error("there are no jump hosts");
  const before = hops.slice(0, -1);
  const destination = sshDestination(last, options.configFile);
  const proxy =
    before.length === 0 ? [] : ["ssh", ...jumpArguments(before, OUTER_ADDRESS, options)];
  // Only in its own address, a percent sign of the inner command is a token of this one.
  const quoted = proxy.map((word) =>
    shellQuote(word === OUTER_ADDRESS ? word : word.replaceAll("%", "%%")),
  );
  return [
    ...destination.options,
    ...["-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", "-o", "ControlPath=none"],
    ...(options.acceptNew ? ["-o", "StrictHostKeyChecking=accept-new"] : []),
    ...(proxy.length === 0 ? [] : ["-o", `ProxyCommand=${quoted.join(" ")}`]),
    ...["-W", address],
    ...destination.host,
  ];
}

/** Program that leads to a machine. */
export interface ProxyProgram {
  readonly file: string;
  readonly args: readonly string[];
}

/** Returns the program for the proxy of a machine's settings. */
export function proxyProgram(
  proxy: Proxy,
  { hostname, port, configFile }: Pick<SshSettings, "hostname" | "port" | "configFile">,
  acceptNew: boolean,
): ProxyProgram {
  if (proxy.kind === "jump") {
    const address = `[${hostname}]:${port}`;
    return { file: "ssh", args: jumpArguments(proxy.hops, address, { configFile, acceptNew }) };
  }
  // The same shell and the same `exec` as in OpenSSH (ssh_config(5), ProxyCommand).
  const shell = process.env["SHELL"];
  const file = shell === undefined || shell === "" ? "/bin/sh" : shell;
  return { file, args: ["-c", `exec ${proxy.command}`] };
}

/** Stream through a program, and what the program wrote to standard error. */
export interface ProxyStream {
  readonly stream: Duplex;
  /** Waits for the end of the program, briefly, and returns its last lines. */
  lastWords(): Promise<readonly string[]>;
}

/**
 * Starts a program whose standard input and output lead to a machine. It has no terminal, so that it
 * cannot ask anything, and ends with the stream and with this process.
 * @throws {AttemptFailure} when it cannot be started.
 */
export async function openProxy({ file, args }: ProxyProgram): Promise<ProxyStream> {
  const [program, wrapped] = withParentDeathSignal(file, args);
  const child = spawn(program, wrapped, {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    cwd: programFolder(),
    env: { ...process.env, PATH: searchPath(), SSH_ASKPASS_REQUIRE: "never" },
  });
  const tail = new Tail(SHOWN_LINES);
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.split(/\r?\n/)) if (line.trim() !== "") tail.push(line.trim());
  });
  try {
    await once(child, "spawn");
  } catch (error) {
    throw new AttemptFailure("listener", `${file} cannot be started`, error);
  }
  const ended = once(child, "close");
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  // The reader of the stream reports its errors; this one keeps them from ending the process.
  stream.on("error", () => {});
  stream.once("close", () => endGroup(child.pid));
  return {
    stream,
    async lastWords() {
      await Promise.race([ended, delay(LAST_WORDS_MS, undefined, { ref: false })]);
      return tail.lines;
    },
  };
}

/** Ends the program and its children, which share a process group. */
function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGTERM");
  } catch (error) {
    // The group has ended by itself.
    if (systemCode(error) !== "ESRCH") throw error;
  }
}
