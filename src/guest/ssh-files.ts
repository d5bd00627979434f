/**
 * Writes the files with which programs of this host, such as ssh or ansible, log in to the guest of
 * a run.
 */
import { join } from "node:path";
import { VmbuildError, messageOf } from "../errors.js";
import { makePrivateFolder, writeFileAtomic } from "../host/files.js";
import { keyType } from "../seed/public-key.js";
import { AttemptFailure, connectOnce } from "./connection.js";
import type { LoginKey } from "./login.js";
import type { SshTarget } from "./connection.js";
import type { Guest } from "./guest.js";
import type { Privilege } from "./launcher.js";

/** Login for a program of this host. The paths are absolute. */
export interface SshFiles {
  /** Address at which the guest's SSH server is reached. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /**
   * Path of the private key, with mode 0600 and without a passphrase; of the public key where an
   * agent has the private one.
   */
  readonly key: string;
  /** Path of that agent's socket. */
  readonly agent?: string | undefined;
  /** Path of a `known_hosts` file with the guest's host key only. */
  readonly knownHosts: string;
  /** How that user becomes root. */
  readonly privilege: Privilege;
}

/** Server and credentials of a login that succeeded. */
interface AcceptedLogin {
  readonly target: SshTarget;
  readonly key: LoginKey;
  /** Blob of the host key that the server presented. */
  readonly hostKey: Buffer;
}

const HOST = "127.0.0.1";

/** Time limit for the first answer of a server, which a firewall of the guest may block. Milliseconds. */
const BANNER_MS = 20_000;

/** Returns whether another login may succeed after this error. */
function isRefusal(error: unknown): boolean {
  if (error instanceof AttemptFailure) return true;
  return error instanceof VmbuildError && error.code === "GUEST_HOST_KEY";
}

/** Logs in once with a single key, and closes the connection. */
async function tryLogin(
  target: SshTarget,
  key: LoginKey,
  signal: AbortSignal,
): Promise<AcceptedLogin> {
  let hostKey = Buffer.alloc(0);
  const login = { user: target.login.user, keys: [key] };
  const verifier = {
    refuse(key: Buffer) {
      hostKey = Buffer.from(key);
      return target.hostKey.refuse(key);
    },
  };
  const connection = await connectOnce({ ...target, login, hostKey: verifier }, BANNER_MS, signal);
  connection.close();
  return { target, key, hostKey };
}

/**
 * Finds a server of the guest and a private key that it accepts now. A step may have changed the
 * guest's own server, and its firewall may block the rescue server.
 */
async function findLogin(
  targets: readonly SshTarget[],
  signal: AbortSignal,
): Promise<AcceptedLogin> {
  const refusals: string[] = [];
  for (const target of targets) {
    for (const key of target.login.keys) {
      try {
        return await tryLogin(target, key, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isRefusal(error)) throw error;
        refusals.push(`port ${target.port}: ${messageOf(error)}`);
        // Another key cannot help where the server was not reached.
        if (!(error instanceof AttemptFailure && error.stage === "authentication")) break;
      }
    }
  }
  throw new VmbuildError("GUEST_AUTH", "The guest accepts no key for a program of this host", {
    lines: refusals,
    hint:
      "Check whether an earlier step changed the guest's SSH server, its firewall or the user's " +
      "authorized keys, and move such a step behind this one.",
  });
}

/** Returns the content of the file that ssh gets with `-i` for a key. */
function keyFileOf(key: LoginKey): string {
  if ("private" in key) return `${key.private.trimEnd()}\n`;
  const { publicKey } = key.agent;
  return `${keyType(publicKey)} ${publicKey.toString("base64")}\n`;
}

/**
 * Writes a key that the guest accepts now, and its host key, to the run's private folder,
 * which is removed when the run ends. The paths are the same each time.
 * @throws {VmbuildError} GUEST_AUTH when no server of the guest accepts a key, with the answer of
 *   each.
 */
export async function writeSshFiles(guest: Guest): Promise<SshFiles> {
  const { target, key: accepted, hostKey } = await findLogin(guest.servers, guest.signal);
  const folder = join(guest.scratchFolder, "ssh");
  await makePrivateFolder(folder);
  const [key, knownHosts] = [join(folder, "key"), join(folder, "known_hosts")];
  const { port } = target;
  // OpenSSH writes the address without brackets for its own port (sshd(8), "SSH_KNOWN_HOSTS").
  const address = port === 22 ? HOST : `[${HOST}]:${port}`;
  const line = `${address} ${keyType(hostKey)} ${hostKey.toString("base64")}\n`;
  await writeFileAtomic(key, keyFileOf(accepted), 0o600);
  await writeFileAtomic(knownHosts, line, 0o600);
  const { user } = target.login;
  const agent = "agent" in accepted ? accepted.agent.socket : undefined;
  return { host: HOST, port, user, key, agent, knownHosts, privilege: guest.privilege };
}

/** Returns the environment variables that describe a login to commands of this host. */
export function sshEnvironment(files: SshFiles): Record<string, string> {
  return {
    VMBUILD_SSH_HOST: files.host,
    VMBUILD_SSH_PORT: String(files.port),
    VMBUILD_SSH_USER: files.user,
    VMBUILD_SSH_KEY: files.key,
    VMBUILD_SSH_KNOWN_HOSTS: files.knownHosts,
    ...(files.agent === undefined ? {} : { SSH_AUTH_SOCK: files.agent }),
  };
}
