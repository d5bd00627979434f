/** Makes one attempt to connect over SSH and reports the stage that it reached. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { NodeSSH } from "node-ssh";
import type { Client, ServerHostKeyAlgorithm } from "ssh2";
import { VmbuildError, messageOf } from "../errors.js";
import type { HostKeyVerifier } from "./host-key.js";
import { authMethods } from "./login.js";
import type { Login } from "./login.js";

/** Stages of an attempt, in order. */
export const STAGES = ["listener", "banner", "handshake", "authentication"] as const;

/** One of {@link STAGES}. */
export type Stage = (typeof STAGES)[number];

/** Address, login and expected host key of an SSH connection. */
export interface SshTarget {
  /** Port on 127.0.0.1; where `open` is given, the server's own port. */
  readonly port: number;
  /**
   * Opens a stream to a server elsewhere.
   * @throws {AttemptFailure} when it cannot be opened.
   */
  readonly open?: ((signal: AbortSignal) => Promise<Duplex>) | undefined;
  /** Algorithms of host keys to ask for, the preferred ones first; ssh2's own unless given. */
  readonly hostKeyAlgorithms?: readonly ServerHostKeyAlgorithm[] | undefined;
  readonly login: Login;
  readonly hostKey: HostKeyVerifier;
}

/** Failed attempt. `stage` is the stage that was not passed. */
export class AttemptFailure extends Error {
  readonly stage: Stage;
  constructor(stage: Stage, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.stage = stage;
  }
}

/** Open, authenticated connection. */
export interface Connection {
  readonly client: Client;
  /** Aborts with GUEST_LOST when the connection ends unexpectedly. */
  readonly lost: AbortSignal;
  /** Closes the connection. Idempotent. */
  close(): void;
  /**
   * Marks the connection as lost for a reason known from elsewhere, such as a reset of the machine.
   */
  drop(reason: VmbuildError): void;
}

const KEEPALIVE_INTERVAL_MS = 15_000;
const KEEPALIVE_COUNT = 8;
const HANDSHAKE_DEADLINE_MS = 60_000;

function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.setNoDelay(true);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error) => reject(new AttemptFailure("listener", error.message, error)));
  });
}

function failureOf(error: unknown, { stage, banner }: Progress): AttemptFailure {
  const level =
    typeof error === "object" && error !== null && "level" in error ? error.level : undefined;
  const reached = level === "client-authentication" ? "authentication" : stage;
  const message = banner === undefined ? messageOf(error) : `${messageOf(error)}: ${banner}`;
  return new AttemptFailure(reached, message, error);
}

/** Progress of an attempt. */
interface Progress {
  stage: Stage;
  wrongKey?: VmbuildError | undefined;
  /**
   * Banner that the server sends before authentication; it may say why it refuses (RFC 4252, 5.4).
   */
  banner?: string;
}

/**
 * Connects once.
 * @param bannerMs time limit for the SSH banner. A TCP connection alone proves nothing, because
 *   QEMU's hostfwd accepts it before any guest runs.
 * @throws {AttemptFailure} when another attempt may succeed; {@link VmbuildError} GUEST_HOST_KEY
 *   when another machine answers.
 */
export async function connectOnce(
  target: SshTarget,
  bannerMs: number,
  signal: AbortSignal,
): Promise<Connection> {
  const { open, hostKeyAlgorithms } = target;
  const socket: Duplex = await (open ? open(signal) : openSocket(target.port));
  if (signal.aborted) socket.destroy();
  signal.throwIfAborted();
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  const ssh = new NodeSSH();
  const progress: Progress = { stage: "listener" };
  const giveUp = (stage: Stage, reason: string): void => {
    progress.stage = stage;
    socket.destroy(new Error(reason));
  };
  let timer = setTimeout(() => giveUp("banner", "the guest did not answer"), bannerMs);
  socket.once("data", () => {
    progress.stage = "handshake";
    clearTimeout(timer);
    timer = setTimeout(
      () => giveUp(progress.stage, "the guest stopped responding during the handshake"),
      HANDSHAKE_DEADLINE_MS,
    );
  });
  try {
    const connecting = ssh.connect({
      sock: socket,
      username: target.login.user,
      authHandler: authMethods(target.login, (reason) => giveUp("authentication", reason)),
      readyTimeout: 0,
      ...(hostKeyAlgorithms ? { algorithms: { serverHostKey: [...hostKeyAlgorithms] } } : {}),
      keepaliveInterval: KEEPALIVE_INTERVAL_MS,
      keepaliveCountMax: KEEPALIVE_COUNT,
      hostVerifier: (key: Buffer) => {
        progress.stage = "authentication";
        progress.wrongKey = target.hostKey.refuse(key);
        return progress.wrongKey === undefined;
      },
    });
    const client = ssh.connection;
    // node-ssh removes its own error listener when the connection is ready. Without this one, a
    // connection reset would end the process.
    client?.on("error", () => {});
    client?.on("banner", (text) => (progress.banner = text.trim()));
    client?.on("change password", () => giveUp("authentication", "the password has expired"));
    await connecting;
    if (!client) throw new AttemptFailure("handshake", "the connection closed at once");
    return watch(client);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (progress.wrongKey) throw progress.wrongKey;
    throw error instanceof AttemptFailure ? error : failureOf(error, progress);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

function watch(client: Client): Connection {
  const lost = new AbortController();
  let closing = false;
  client.once("close", () => {
    if (closing) return;
    lost.abort(new VmbuildError("GUEST_LOST", "The connection to the guest was lost"));
  });
  return {
    client,
    lost: lost.signal,
    close() {
      closing = true;
      client.end();
    },
    drop(reason) {
      lost.abort(reason);
      client.destroy();
    },
  };
}
