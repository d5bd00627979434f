/**
 * Starts an SSH server on loopback for a user who exists only there: the server has a copy of /etc
 * in a mount namespace, with an entry for the user. Needs root; this host is not changed.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFile,
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { connectOnce } from "../../src/guest/connection.js";
import type { Connection } from "../../src/guest/connection.js";
import { LearnedHostKey } from "../../src/guest/host-key.js";
import type { Login } from "../../src/guest/login.js";
import { makeBuildKeys } from "../../src/seed/keys.js";
import { shellQuote } from "../../src/host/programs.js";
import { findFreePort } from "../../src/machine/ports.js";
import { descendantsOf, kill } from "./sshd.js";

/** Name of the user. */
export const USER = "vmbuild-tester";
/** Number of the user and of its group. */
export const USER_ID = 47110;

/** Password of the user, with characters that shells interpret. */
export const PASSWORD = 'it\'s $HOME "and" !more';

/** True where namespaces can be created, which needs root and a host that permits it. */
export const canStartAccounts =
  process.getuid?.() === 0 &&
  spawnSync("unshare", ["--mount", "--pid", "--fork", "true"]).status === 0;

/** Deviations from OpenSSH, a login shell of /bin/sh and the host's own files. */
export interface AccountOptions {
  readonly server?: "openssh" | "dropbear";
  readonly shell?: string;
  /** Files of the server's /etc, such as `sudoers.d/rule`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Additional lines of OpenSSH's configuration, which come first. */
  readonly configuration?: readonly string[];
  /** Folder of this host that the server's users see beside the home folder, under this name. */
  readonly mount?: { readonly name: string; readonly folder: string };
}

/** Running server. Disposing of it ends it with all its sessions. */
export interface Account extends AsyncDisposable {
  /** Folder that the user owns. */
  readonly home: string;
  /** Folder with the server's /etc. */
  readonly etc: string;
  /** Port of the server on 127.0.0.1. */
  readonly port: number;
  /** Path of the server's private host key. OpenSSH only. */
  readonly hostKey: string;
  /** Kills the processes that serve connections; what they have started goes on. */
  loseConnections(): Promise<void>;
  /** Connects once as the user, with these credentials. */
  connect(credentials: Partial<Login>): Promise<Connection>;
}

async function makeEtc(etc: string, home: string, options: AccountOptions): Promise<void> {
  const { shell = "/bin/sh", files = {} } = options;
  await cp("/etc", etc, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  const { stdout: hash } = await execa("openssl", ["passwd", "-6", "-stdin"], { input: PASSWORD });
  await appendFile(join(etc, "passwd"), `${USER}:x:${USER_ID}:${USER_ID}::${home}:${shell}\n`);
  await appendFile(join(etc, "group"), `${USER}:x:${USER_ID}:\n`);
  await appendFile(join(etc, "shadow"), `${USER}:${hash}:19000:0:99999:7:::\n`);
  await appendFile(join(etc, "shells"), `${shell}\n`);
  await mkdir(join(etc, "dropbear"), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(etc, name)), { recursive: true });
    await writeFile(join(etc, name), content, { mode: 0o440 });
  }
}

async function commandOf(folder: string, port: number, options: AccountOptions) {
  if (options.server === "dropbear") {
    const pid = join(folder, "pid");
    return {
      command: `exec /usr/sbin/dropbear -F -E -R -P ${pid} -p 127.0.0.1:${port}`,
      ready: "Not backgrounding",
    };
  }
  const hostKey = join(folder, "host_key");
  await writeFile(hostKey, makeBuildKeys().host.private, { mode: 0o600 });
  await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const configuration = [
    ...(options.configuration ?? []),
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${hostKey}`,
    "PidFile none",
    "UsePAM yes",
    "PrintMotd no",
  ];
  const path = join(folder, "sshd_config");
  await writeFile(path, `${configuration.join("\n")}\n`);
  return { command: `exec /usr/sbin/sshd -D -e -f ${path}`, ready: "Server listening" };
}

/** Starts a server. */
export async function startAccount(options: AccountOptions = {}): Promise<Account> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-account-"));
  const [etc, home] = [join(folder, "etc"), join(folder, "home")];
  await chmod(folder, 0o711);
  await mkdir(home, { mode: 0o700 });
  await chown(home, USER_ID, USER_ID);
  await makeEtc(etc, home, options);
  const port = await findFreePort();
  const { command, ready } = await commandOf(folder, port, options);
  const isolate = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const mounts = [`mount --bind ${etc} /etc`];
  if (options.mount) {
    const at = join(folder, options.mount.name);
    await mkdir(at);
    mounts.push(`mount --bind ${shellQuote(options.mount.folder)} ${at}`);
  }
  const script = [...mounts, command].join(" && ");
  const child = spawn("unshare", [...isolate, "/bin/sh", "-c", script], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      if (line.includes(ready)) resolve();
    });
    child.once("exit", () => reject(new Error(`the server did not start:\n${said.join("\n")}`)));
  });
  const hostKey = new LearnedHostKey();
  const { signal } = new AbortController();
  const connections: Connection[] = [];
  return {
    home,
    etc,
    port,
    hostKey: join(folder, "host_key"),
    async loseConnections() {
      for (const pid of await descendantsOf(child.pid ?? 0)) {
        // `sshd: USER@notty`, or `sshd-session:` since OpenSSH 9.8.
        const title = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
        if (/^sshd(-session)?: /.test(title) && title.includes(USER)) kill(pid);
      }
    },
    async connect(credentials) {
      const login = { user: USER, keys: [], ...credentials };
      const connection = await connectOnce({ port, login, hostKey }, 10_000, signal);
      connections.push(connection);
      return connection;
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
