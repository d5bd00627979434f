/** One attempt to connect: how far it got, and the connection when it got all the way. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { NodeSSH } from "node-ssh";
import type { Client } from "ssh2";
import { VmbuildError, messageOf } from "../errors.js";
import { publicBlob } from "../seed/keys.js";
import type { BuildKeys } from "../seed/keys.js";

/** How far an attempt got, in order. */
export const STAGES = ["listener", "banner", "handshake", "authentication"] as const;

/** See {@link STAGES}. */
export type Stage = (typeof STAGES)[number];

/** Where the guest answers, and who is who. */
export interface SshTarget {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly user: string;
  readonly keys: BuildKeys;
  /** Decides about the host key in place of the pinned one, for a guest that makes its own. */
  readonly trusts?: (key: Buffer) => boolean;
}

/** An attempt that did not succeed. `stage` is the one that it could not pass. */
export class AttemptFailure extends Error {
  readonly stage: Stage;
  constructor(stage: Stage, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.stage = stage;
  }
}

/** An open, authenticated connection. */
export interface Connection {
  readonly client: Client;
  /** Aborts with GUEST_LOST when the connection ends unasked. */
  readonly lost: AbortSignal;
  /** Closes it. Idempotent. */
  close(): void;
  /** Gives it up for lost, for a reason that is known otherwise: nothing may come back on it. */
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

function hostKeyError(key: Buffer, pinned: string): VmbuildError {
  return new VmbuildError(
    "GUEST_HOST_KEY",
    "The SSH server presented a host key other than the one that this build created",
    {
      lines: [`expected  ssh-ed25519 ${pinned}`, `found     ${key.toString("base64")}`],
      hint:
        "Check that the base runs cloud-init with the " +
        "NoCloud data source, and that no other program uses the port.",
    },
  );
}

function failureOf(error: unknown, { stage, words }: Progress): AttemptFailure {
  const level =
    typeof error === "object" && error !== null && "level" in error ? error.level : undefined;
  const reached = level === "client-authentication" ? "authentication" : stage;
  const message = words === undefined ? messageOf(error) : `${messageOf(error)}: ${words}`;
  return new AttemptFailure(reached, message, error);
}

/** How far an attempt is. */
interface Progress {
  stage: Stage;
  wrongKey?: VmbuildError;
  /** What the server says before it lets anybody in, or why it does not (RFC 4252, 5.4). */
  words?: string;
}

/**
 * Connects once.
 * @param bannerMs how long the guest may take to say its banner. QEMU accepts for the guest, so
 *   a connection alone means nothing: QEMU's hostfwd accepts it before any guest runs.
 * @throws {AttemptFailure} when it may be tried again; {@link VmbuildError} GUEST_HOST_KEY when
 *   another machine answers.
 */
export async function connectOnce(
  target: SshTarget,
  bannerMs: number,
  signal: AbortSignal,
): Promise<Connection> {
  const socket = await openSocket(target.port);
  if (signal.aborted) socket.destroy();
  signal.throwIfAborted();
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  const pinned = publicBlob(target.keys.host);
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
      username: target.user,
      privateKey: target.keys.client.private,
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_INTERVAL_MS,
      keepaliveCountMax: KEEPALIVE_COUNT,
      hostVerifier: (key: Buffer) => {
        progress.stage = "authentication";
        if (target.trusts?.(key) ?? key.toString("base64") === pinned) return true;
        progress.wrongKey = hostKeyError(key, pinned);
        return false;
      },
    });
    const client = ssh.connection;
    // node-ssh takes its own listener away once ready; a reset would then end this process.
    client?.on("error", () => {});
    client?.on("banner", (text) => (progress.words = text.trim()));
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
