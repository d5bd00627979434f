/** Connects to an existing machine by the user's SSH configuration. */
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError, messageOf } from "../errors.js";
import type { Emit } from "../events/types.js";
import { AttemptFailure, connectOnce } from "../guest/connection.js";
import type { Connection, SshTarget, Stage } from "../guest/connection.js";
import { describeLogin } from "../guest/login.js";
import { formatDuration } from "../host/format.js";
import { sshCommand } from "./host-spec.js";
import type { HostSpec } from "./host-spec.js";
import { resolveSettings } from "./ssh/config.js";
import type { SshSettings } from "./ssh/config.js";
import { findIdentities } from "./ssh/identities.js";
import {
  KnownHostKey,
  addKnownKey,
  findKnownKeys,
  preferredAlgorithms,
} from "./ssh/known-hosts.js";
import { Transport } from "./ssh/transport.js";

/** How to log in to a machine. */
export interface LoginOptions {
  /** Configuration file of ssh in place of the user's and the system's. */
  readonly configFile?: string | undefined;
  /** Accept a host key that is not known, and add it to known_hosts. */
  readonly acceptNew?: boolean | undefined;
  /** Offered after all keys. */
  readonly password?: string | undefined;
}

/** Machine that can be connected to, again after each restart. */
export interface Machine {
  readonly settings: SshSettings;
  readonly transport: Transport;
  /** Its SSH server, with the login and the host keys that are known. */
  readonly target: SshTarget;
  /**
   * Connects, and tries again until the time is over; once where it is 0.
   * @throws {VmbuildError} GUEST_TIMEOUT, GUEST_AUTH, GUEST_HOST_KEY; the signal's reason.
   */
  connect(timeoutMs: number, signal: AbortSignal): Promise<Connection>;
}

/** Time limit of the server's banner, which jump hosts delay. Milliseconds. */
const BANNER_MS = 60_000;

/** Pause between two attempts. Servers penalize clients that fail to log in often. Milliseconds. */
const RETRY_MS: Record<Stage, number> = {
  listener: 1000,
  banner: 1000,
  handshake: 2000,
  authentication: 5000,
};

const PROBLEMS: Record<Stage, string> = {
  listener: "its SSH server cannot be reached",
  banner: "it does not answer",
  handshake: "the SSH handshake does not complete",
  authentication: "it rejects the login",
};

/** Opens connections to one machine. */
class Connector {
  readonly #emit: Emit;
  readonly #problems: readonly string[];
  readonly #hostKey: KnownHostKey;
  readonly settings: SshSettings;
  readonly transport: Transport;
  readonly target: SshTarget;
  #isAdded = false;

  constructor(parts: {
    readonly settings: SshSettings;
    readonly transport: Transport;
    readonly target: SshTarget;
    readonly hostKey: KnownHostKey;
    /** Keys that cannot be offered. */
    readonly problems: readonly string[];
    readonly emit: Emit;
  }) {
    this.settings = parts.settings;
    this.transport = parts.transport;
    this.target = parts.target;
    this.#hostKey = parts.hostKey;
    this.#problems = parts.problems;
    this.#emit = parts.emit;
  }

  async connect(timeoutMs: number, signal: AbortSignal): Promise<Connection> {
    const started = performance.now();
    let stage: Stage | undefined;
    for (let attempts = 1; ; attempts++) {
      try {
        const connection = await connectOnce(this.target, BANNER_MS, signal);
        await this.#addNewKey();
        const durationMs = performance.now() - started;
        this.#emit({ type: "guest.ready", durationMs, attempts });
        return connection;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof AttemptFailure)) throw error;
        const { stage: reached } = error;
        const pause = RETRY_MS[reached];
        const left = timeoutMs - (performance.now() - started);
        if (left < pause) throw await this.#failure(error, attempts, timeoutMs);
        if (reached !== stage)
          this.#emit({ type: "guest.stage", stage: reached, attempt: attempts });
        stage = reached;
        await delay(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
  }

  /** Adds a key that was accepted to known_hosts. A failure is a warning: the login succeeded. */
  async #addNewKey(): Promise<void> {
    const { accepted } = this.#hostKey;
    if (accepted === undefined || this.#isAdded) return;
    this.#isAdded = true;
    const { hostKeyName } = this.settings;
    try {
      const file = await addKnownKey(this.settings, accepted);
      if (file === undefined) return;
      this.#emit({ type: "note", message: `Added the host key of ${hostKeyName} to ${file}` });
    } catch (error) {
      const message = `The host key of ${hostKeyName} could not be added to known_hosts: ${messageOf(error)}`;
      this.#emit({ type: "warning", message });
    }
  }

  async #failure(failure: AttemptFailure, attempts: number, timeoutMs: number) {
    const { spec, user, hostname, port, proxy, configFile } = this.settings;
    const { stage } = failure;
    const isRefused = stage === "authentication";
    const command = sshCommand(spec, configFile);
    const within = timeoutMs > 0 ? ` within ${formatDuration(timeoutMs)}` : "";
    const { keys, password } = this.target.login;
    const offered =
      keys.length === 0 && password === undefined ? "nothing" : describeLogin(this.target.login);
    const lines = [
      `${user}@${hostname} port ${port}${proxy ? ", through a proxy" : ""}: ${failure.message}`,
      ...(await this.transport.lastWords()),
      ...(attempts > 1 ? [`${attempts} attempts`] : []),
      ...(isRefused ? [`offered: ${offered}`, ...this.#problems] : []),
    ];
    const hint = isRefused
      ? `Check the user, and that \`${command}\` logs in without asking. A key with a passphrase must be in the agent (ssh-add).`
      : `Check the address, and that \`${command}\` connects. --wait TIME waits for a machine that is starting.`;
    const message = `No SSH connection to ${spec.text}${within}: ${PROBLEMS[stage]}`;
    const code = isRefused ? "GUEST_AUTH" : "GUEST_TIMEOUT";
    return new VmbuildError(code, message, {
      lines,
      hint,
      cause: failure,
      details: { stage, attempts },
    });
  }
}

/**
 * Determines how to connect to a machine, without connecting.
 * @throws {VmbuildError} USAGE for a configuration that cannot be used; HOST_PROGRAM_MISSING.
 */
export async function findMachine(
  spec: HostSpec,
  login: LoginOptions,
  { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<Machine> {
  const settings = await resolveSettings(spec, login.configFile, signal);
  const { strictChecking } = settings;
  const acceptNew =
    login.acceptNew ?? (strictChecking === "accept-new" || strictChecking === "off");
  const known = await findKnownKeys(settings, signal);
  const hostKey = new KnownHostKey(settings, known, acceptNew);
  const { keys, problems } = await findIdentities(settings);
  // Jump hosts have configurations of their own, which only the option overrides.
  const transport = new Transport(settings, login.acceptNew === true);
  const target: SshTarget = {
    port: settings.port,
    open: (either) => transport.open(either),
    hostKey,
    hostKeyAlgorithms: preferredAlgorithms(known),
    login: { user: settings.user, keys, password: login.password },
  };
  return new Connector({ settings, transport, target, hostKey, problems, emit });
}
