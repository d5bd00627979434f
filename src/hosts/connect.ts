/** Connects to vmbuild on another host by OpenSSH's ssh, and sends requests. */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { z } from "zod";
import { VmbuildError, systemCode } from "../errors.js";
import { programFolder } from "../host/current-folder.js";
import { Tail } from "../host/lines.js";
import { missingProgramError, shellQuote } from "../host/programs.js";
import { vmbuildVersion } from "../version.js";
import { folderExpression, sshArguments } from "./address.js";
import type { HostAddress } from "./address.js";
import { HELLO, errorOf, replySchema } from "./messages.js";
import type { HostRequest } from "./messages.js";
import { MessageReader, writeMessage } from "./wire.js";

/** Exit code of ssh when it could not connect, or the connection was lost (ssh(1)). */
export const SSH_FAILED = 255;
/** Exit code of {@link remoteCommand} when the host does not have this version. */
const NO_VERSION = 96;
/** Exit codes of a shell for a program that cannot be started. */
const NO_PROGRAM: readonly number[] = [126, 127];

/**
 * Returns the command line that starts this version of vmbuild on a host, for any login shell. Pure.
 * @param words arguments of vmbuild.
 */
export function remoteCommand(address: HostAddress, words: readonly string[]): string {
  const version = vmbuildVersion();
  const own = address.folder !== undefined;
  const script = [
    `folder=${folderExpression(address)}`,
    ...(own ? ['export XDG_CACHE_HOME="$folder/cache" XDG_STATE_HOME="$folder/state"'] : []),
    // A context that is in use there is not meant.
    'export VMBUILD_CONTEXT=local VMBUILD_HOSTS_FOLDER="$folder"',
    `main="$folder/versions/${version}/node_modules/vmbuild/dist/bin/vmbuild.js"`,
    'if [ -f "$main" ]; then exec node "$main" "$@"; fi',
    // Its messages say why it cannot be started.
    `if [ "$(vmbuild --version)" = ${version} ]; then exec vmbuild "$@"; fi`,
    `exit ${NO_VERSION}`,
  ];
  return ["exec", "sh", "-c", script.join("; "), "vmbuild", ...words].map(shellQuote).join(" ");
}

/** Errors of a stream whose other end is gone. */
const STREAM_ENDS: readonly string[] = [
  "EPIPE",
  "ECONNRESET",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END",
];

/** Returns whether an exit code of {@link remoteCommand} tells that this version is missing. */
export function isVersionMissing(exitCode: number | null): boolean {
  return exitCode !== null && [NO_VERSION, ...NO_PROGRAM].includes(exitCode);
}

/** Returns the error for a version that a host does not have. */
export function versionError({ text }: HostAddress, lines: readonly string[] = []): VmbuildError {
  const message = `${text} does not have vmbuild ${vmbuildVersion()}, or no Node.js that runs it`;
  return new VmbuildError("REMOTE_VERSION", message, {
    lines,
    hint: `Install it there: npm install -g vmbuild@${vmbuildVersion()}. Or let \`vmbuild run NAME --on ${text} --install\` install it in vmbuild's folder there.`,
  });
}

/** Returns the error for a connection that failed or was lost. */
export function connectionError({ text }: HostAddress, lines: readonly string[]): VmbuildError {
  return new VmbuildError("REMOTE_UNREACHABLE", `There is no connection to ${text}`, { lines });
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Options of {@link HostConnection.receive}. */
export interface ReceiveOptions {
  /** Called with each line that comes before the result. */
  readonly onLine?: (line: string) => void;
  /** Called with each part of the bytes that follow the result. */
  readonly onPart?: (part: Buffer) => Promise<void>;
}

/** Connection to vmbuild on another host. Requests must not overlap. */
export class HostConnection implements Disposable {
  readonly address: HostAddress;
  readonly #child: Child;
  readonly #reader: MessageReader;
  readonly #said: Tail;
  readonly #exited: Promise<unknown>;
  readonly #signal: AbortSignal;

  private constructor(address: HostAddress, child: Child, said: Tail, signal: AbortSignal) {
    this.address = address;
    this.#signal = signal;
    this.#child = child;
    this.#said = said;
    this.#reader = new MessageReader(child.stdout);
    this.#exited = once(child, "close").catch(() => {}); // The program could not be started.
  }

  /**
   * Connects.
   * @throws {VmbuildError} REMOTE_UNREACHABLE; REMOTE_VERSION when the host does not have this
   *   version; HOST_PROGRAM_MISSING without ssh; the signal's reason.
   */
  static async open(address: HostAddress, signal: AbortSignal): Promise<HostConnection> {
    const command = remoteCommand(address, ["context", "serve"]);
    const child = spawn("ssh", [...sshArguments(address, false), command], {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: programFolder(),
      signal,
    });
    const said = new Tail();
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) if (line.trim() !== "") said.push(line.trimEnd());
    });
    // The end of the process tells the same.
    child.stdin.on("error", () => {});
    let failure: unknown;
    child.on("error", (error) => (failure ??= error));
    const connection = new HostConnection(address, child, said, signal);
    try {
      await connection.#greet();
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      signal.throwIfAborted();
      if (systemCode(failure) === "ENOENT") throw missingProgramError("ssh", failure);
      throw error;
    }
  }

  /** Reads until the other side's first message. Start-up files of a shell may print before it. */
  async #greet(): Promise<void> {
    for (;;) {
      const line = await this.#reader.line();
      if (line === undefined) throw await this.#lost();
      if (line.includes(`"hello":"${HELLO}"`)) return;
      this.#said.push(line);
    }
  }

  /** Returns the error for the end of the connection. */
  async #lost(): Promise<VmbuildError> {
    await this.#exited;
    // The user has ended the connection.
    this.#signal.throwIfAborted();
    const code = this.#child.exitCode;
    const { lines } = this.#said;
    if (isVersionMissing(code)) return versionError(this.address, lines);
    if (code === null || code === SSH_FAILED) return connectionError(this.address, lines);
    const message = `The command on ${this.address.text} ended with exit code ${code}`;
    return new VmbuildError("REMOTE_VERSION", message, {
      lines,
      hint: "vmbuild cannot be started there. Run `vmbuild doctor` on that host.",
    });
  }

  /** Sends a request and returns its result; see {@link send} and {@link receive}. */
  async request<T>(
    schema: z.ZodType<T>,
    request: HostRequest,
    options: ReceiveOptions = {},
  ): Promise<T> {
    await this.send(request);
    return this.receive(schema, options);
  }

  /**
   * Sends a request, with the bytes that follow it. Several may be sent before their results are
   * received, as long as those are small.
   * @throws {VmbuildError} REMOTE_UNREACHABLE when the connection is lost; the errors of the payload.
   */
  async send(request: HostRequest, payload?: AsyncIterable<Buffer>): Promise<void> {
    try {
      await writeMessage(this.#child.stdin, request, payload);
    } catch (error) {
      if (!STREAM_ENDS.includes(systemCode(error) ?? "")) throw error;
      throw await this.#lost();
    }
  }

  /**
   * Receives the result of the first request that has none.
   * @throws {VmbuildError} the other side's error, whose message names the host;
   *   REMOTE_UNREACHABLE when the connection is lost.
   */
  async receive<T>(schema: z.ZodType<T>, { onLine, onPart }: ReceiveOptions = {}): Promise<T> {
    for (;;) {
      const line = await this.#reader.line();
      if (line === undefined) throw await this.#lost();
      const reply = replySchema.parse(JSON.parse(line));
      if ("line" in reply) {
        onLine?.(reply.line);
        continue;
      }
      if ("error" in reply) throw this.#errorOf(reply.error);
      await this.#readParts(reply.bytes ?? 0, onPart);
      return schema.parse(reply.result);
    }
  }

  async #readParts(bytes: number, onPart: ReceiveOptions["onPart"]): Promise<void> {
    let left = bytes;
    for await (const part of this.#reader.bytes(bytes)) {
      left -= part.length;
      await onPart?.(part);
    }
    if (left > 0) throw await this.#lost();
  }

  #errorOf(report: unknown): VmbuildError {
    const { code, message, hint, lines, details } = errorOf(report);
    const { text } = this.address;
    const namesCommand = /\bvmbuild [a-z]/.test(hint);
    const where = ` Run commands there, or with --on ${text}.`;
    return new VmbuildError(code, `${text}: ${message}`, {
      hint: namesCommand ? hint + where : hint,
      lines,
      details,
    });
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.#child.stdin.end();
    this.#child.stdout.destroy();
    this.#child.kill();
  }
}
