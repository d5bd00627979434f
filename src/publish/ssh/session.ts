/** Opens an SSH connection to another host with SFTP, and runs short commands there. */
import { setMaxListeners } from "node:events";
import ssh2 from "ssh2";
import type { Client, ClientChannel, SFTPWrapper } from "ssh2";
import { VmbuildError, messageOf } from "../../errors.js";
import { formatSshAddress } from "./address.js";
import type { SshAddress } from "./address.js";
import { credentialsOf } from "./credentials.js";
import { hostKeyAlgorithms, refuseHostKey } from "./host-key.js";
import { knownKeysOf } from "./known-hosts.js";
import type { SftpLink } from "./sftp.js";

/** Output and exit code of a command. `code` is undefined when a signal ended it. */
interface CommandResult {
  readonly code: number | undefined;
  readonly stdout: string;
}

/** Open connection. */
export interface Session extends SftpLink {
  /** Opens a channel on which a command runs. */
  open(command: string): Promise<ClientChannel>;
  /** Runs a command with empty input. The signal closes its channel. */
  run(command: string, signal: AbortSignal): Promise<CommandResult>;
  /** Closes the connection. Idempotent. */
  close(): void;
}

const READY_TIMEOUT_MS = 60_000;
const KEEPALIVE_INTERVAL_MS = 15_000;
const KEEPALIVE_COUNT = 4;

function levelOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "level" in error ? error.level : undefined;
}

function connectionError(address: SshAddress, error: unknown, notes: readonly string[]) {
  const place = formatSshAddress(address, "").replace(/\/~\/$/, "");
  if (levelOf(error) === "client-authentication") {
    return new VmbuildError("PUBLISH_FAILED", `${place} accepts none of your keys`, {
      lines: notes,
      cause: error,
      hint: `Check that this works: ssh -p ${address.port} ${address.user}@${address.host}. Or name a key with --identity FILE.`,
    });
  }
  const message = `${place} cannot be reached: ${messageOf(error)}`;
  return new VmbuildError("PUBLISH_FAILED", message, {
    cause: error,
    details: { unreachable: true },
    hint: "Check the host, the port, and that an SSH server runs there.",
  });
}

/** Connects and authenticates; the host key must be known. */
async function connect(
  address: SshAddress,
  identity: string | undefined,
  signal: AbortSignal,
): Promise<Client> {
  const known = await knownKeysOf(address.host, address.port);
  const { methods, notes } = await credentialsOf(address.user, identity);
  const client = new ssh2.Client();
  let refused: VmbuildError | undefined;
  const onAbort = (): void => void client.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("ready", resolve);
      client.once("close", () => reject(new Error("the server closed the connection")));
      client.on("error", (error) => {
        // The next method follows when the agent cannot be used.
        if (levelOf(error) !== "agent") reject(error);
      });
      client.connect({
        host: address.host,
        port: address.port,
        username: address.user,
        authHandler: [...methods],
        algorithms: { serverHostKey: hostKeyAlgorithms(known) },
        readyTimeout: READY_TIMEOUT_MS,
        keepaliveInterval: KEEPALIVE_INTERVAL_MS,
        keepaliveCountMax: KEEPALIVE_COUNT,
        hostVerifier: (key: Buffer) => {
          refused = refuseHostKey(key, known, address);
          return refused === undefined;
        },
      });
    });
    return client;
  } catch (error) {
    client.destroy();
    signal.throwIfAborted();
    throw refused ?? connectionError(address, error, notes);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function openChannel(client: Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel)));
  });
}

function openSftp(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)));
  });
}

/** Reads the output of a channel until it is closed. */
function finish(channel: ClientChannel, signal: AbortSignal): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let code: number | undefined;
    const onAbort = (): void => {
      channel.close();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    channel.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    channel.stderr.resume();
    channel.on("exit", (exitCode: number | null) => (code = exitCode ?? undefined));
    channel.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      resolve({ code, stdout });
    });
    channel.end();
  });
}

/**
 * Opens a session.
 * @param identity file of a private key, in place of the agent and the keys in `~/.ssh`.
 * @throws {VmbuildError} PUBLISH_FAILED when the host cannot be reached, its key is not known, or
 *   it accepts no key or no SFTP; USAGE for a key file that cannot be used.
 */
export async function openSession(
  address: SshAddress,
  identity: string | undefined,
  signal: AbortSignal,
): Promise<Session> {
  const client = await connect(address, identity, signal);
  const lost = new AbortController();
  // Every request that waits for an answer listens.
  setMaxListeners(0, lost.signal);
  client.once("close", () => lost.abort(new Error("the connection was lost")));
  try {
    const sftp = await openSftp(client);
    // An error of the channel is also the error of the requests that wait for it.
    sftp.on("error", () => {});
    return {
      sftp,
      lost: lost.signal,
      open: (command) => openChannel(client, command),
      run: async (command, stop) =>
        finish(await openChannel(client, command), AbortSignal.any([stop, lost.signal])),
      close: () => client.end(),
    };
  } catch (error) {
    client.destroy();
    throw new VmbuildError(
      "PUBLISH_FAILED",
      `${address.host} offers no file transfer (SFTP): ${messageOf(error)}`,
      { cause: error, hint: "Enable the subsystem sftp in the server's sshd_config." },
    );
  }
}
