/** Gives a test an SSH configuration of its own: ssh_config, known_hosts, keys and an agent. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Sshd } from "./sshd.js";

/** SSH configuration. Disposing of it removes its files and ends its agent. */
export interface SshHome extends AsyncDisposable {
  readonly folder: string;
  /** Path of ssh_config. */
  readonly config: string;
  /** Path of known_hosts, which does not exist at first. */
  readonly knownHosts: string;
  /** Adds a `Host` for a server, with its key and further lines. */
  addHost(alias: string, server: Sshd, lines?: readonly string[]): Promise<void>;
  /** Adds a server's host key to known_hosts, after words such as `@revoked`. */
  addKnown(server: Sshd, marker?: string): Promise<void>;
  /** Starts an agent with the key of a server's login; returns its socket. */
  startAgent(server: Sshd): Promise<string>;
}

/** Returns the public host key of a server: type and base64. */
export async function hostKeyOf(server: Sshd): Promise<string> {
  const { stdout } = await execa("ssh-keygen", ["-y", "-f", join(server.folder, "host_key")]);
  return stdout.split(" ").slice(0, 2).join(" ");
}

/** Writes the private key of a server's login to a file, and returns its path. */
export async function writeLoginKey(server: Sshd, folder: string): Promise<string> {
  const path = join(folder, `key-${server.target.port}`);
  const [key] = server.target.login.keys;
  if (!key || !("private" in key)) throw new Error("the server has no private key");
  await writeFile(path, key.private, { mode: 0o600 });
  return path;
}

/** Creates a configuration without hosts. */
export async function makeSshHome(): Promise<SshHome> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-ssh-"));
  const [config, knownHosts] = [join(folder, "ssh_config"), join(folder, "known_hosts")];
  await writeFile(config, "");
  const agents: number[] = [];
  return {
    folder,
    config,
    knownHosts,
    async addHost(alias, server, lines = []) {
      const text = [
        `Host ${alias}`,
        ...lines,
        "HostName 127.0.0.1",
        `Port ${server.target.port}`,
        `User ${userInfo().username}`,
        `IdentityFile ${await writeLoginKey(server, folder)}`,
        "IdentitiesOnly yes",
        `UserKnownHostsFile ${knownHosts}`,
        "GlobalKnownHostsFile none",
      ];
      await appendFile(config, `${text.join("\n")}\n`);
    },
    async addKnown(server, marker = "") {
      const name = `[127.0.0.1]:${server.target.port}`;
      await appendFile(knownHosts, `${marker} ${name} ${await hostKeyOf(server)}\n`.trimStart());
    },
    async startAgent(server) {
      const socket = join(folder, "agent");
      const { stdout } = await execa("ssh-agent", ["-s", "-a", socket]);
      agents.push(Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1]));
      const key = await writeLoginKey(server, folder);
      await execa("ssh-add", [key], { env: { SSH_AUTH_SOCK: socket } });
      await rm(key);
      return socket;
    },
    async [Symbol.asyncDispose]() {
      for (const pid of agents) process.kill(pid);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Reads a file; empty where it does not exist. */
export function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
