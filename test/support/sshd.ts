/** Runs an OpenSSH server on loopback in place of a guest, with its own keys, port and folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildTarget } from "../../src/guest/build-target.js";
import { connectOnce } from "../../src/guest/connection.js";
import type { Connection, SshTarget } from "../../src/guest/connection.js";
import { makeBuildKeys } from "../../src/seed/keys.js";
import { findFreePort } from "../../src/machine/ports.js";

/** Running server. Disposing of it ends it with all its sessions. */
export interface Sshd extends AsyncDisposable {
  /** Folder for the test's own files, accessible to both sides. */
  readonly folder: string;
  readonly target: SshTarget;
  readonly signal: AbortSignal;
  /** Opens a new connection, which is closed with the server. */
  connect(): Promise<Connection>;
  /** Returns the processes that serve connections. Killing one loses its connection. */
  sessions(): Promise<number[]>;
}

/** Deviations from a server that accepts the build's login. */
export interface SshdOptions {
  /** Use another host key than the target expects. */
  readonly otherHostKey?: boolean;
  /** Accept another client key. */
  readonly otherClientKey?: boolean;
  /** Additional lines of its configuration. */
  readonly configuration?: readonly string[];
}

const isRoot = process.getuid?.() === 0;

async function childrenOf(parent: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // A process may end while it is read.
    const text = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    if (Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]) === parent) {
      found.push(Number(name));
    }
  }
  return found;
}

/** Returns the processes that a process has started, with those that they have started. */
export async function descendantsOf(parent: number): Promise<number[]> {
  const children = await childrenOf(parent);
  return [...children, ...(await Promise.all(children.map(descendantsOf))).flat()];
}

/** Kills a process, which may no longer exist. */
export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It had already ended.
  }
}

/** Starts a server. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-sshd-"));
  const keys = makeBuildKeys();
  const others = makeBuildKeys();
  const hostKey = join(folder, "host_key");
  const authorized = join(folder, "authorized_keys");
  const { private: host } = options.otherHostKey ? others.host : keys.host;
  const { public: client } = options.otherClientKey ? others.client : keys.client;
  await writeFile(hostKey, host, { mode: 0o600 });
  await writeFile(authorized, `${client}\n`, { mode: 0o600 });
  // Needed by OpenSSH's privilege separation; usually created by the system's service.
  if (isRoot) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await findFreePort();
  const configuration = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${authorized}`,
    "PidFile none",
    "StrictModes no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    // Without PAM, sshd refuses accounts whose password is locked.
    `UsePAM ${isRoot ? "yes" : "no"}`,
    "PrintMotd no",
    ...(options.configuration ?? []),
  ];
  const path = join(folder, "sshd_config");
  await writeFile(path, `${configuration.join("\n")}\n`);
  const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", path], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const words: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      words.push(line);
      if (line.includes("Server listening")) resolve();
    });
    child.once("exit", () => reject(new Error(`sshd did not start:\n${words.join("\n")}`)));
  });
  const listener = child.pid ?? 0;
  const target = buildTarget(port, userInfo().username, keys);
  const { signal } = new AbortController();
  const connections: Connection[] = [];
  return {
    folder,
    target,
    signal,
    async connect() {
      const connection = await connectOnce(target, 10_000, signal);
      connections.push(connection);
      return connection;
    },
    sessions: () => childrenOf(listener),
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      const ended = once(child, "exit");
      for (const pid of [listener, ...(await descendantsOf(listener))]) kill(pid);
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
