/** Runs one command on one SSH channel and reports its output and how it ended. */
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ClientChannel } from "ssh2";
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import { closeWhenSilent } from "../host/silence.js";
import type { Connection } from "./connection.js";
import { openChannel } from "./open-channel.js";
import type { ChannelEnd, OpenChannel } from "./open-channel.js";

/** Command to run, as the remote user's shell receives it, and the destinations of its output. */
export interface ChannelCommand {
  readonly command: string;
  /** Standard input; empty otherwise. */
  readonly stdin?: Readable | Buffer | string;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Takes standard output with back-pressure, in place of `onStdout`. */
  readonly stdoutTo?: Writable;
  readonly signal: AbortSignal;
}

function feed(channel: ClientChannel, stdin: ChannelCommand["stdin"]): Promise<void> {
  if (stdin === undefined || typeof stdin === "string" || Buffer.isBuffer(stdin)) {
    channel.end(stdin ?? "");
    return Promise.resolve();
  }
  return pipeline(stdin, channel);
}

/** Resolves to how the command ended. Rejects when the channel closes without a report of it. */
async function waitForEnd({ channel, exited, closed }: OpenChannel): Promise<ChannelEnd> {
  void exited.then(() => {
    // Background children of the command may still hold its output open.
    const stop = closeWhenSilent([channel, channel.stderr], () => channel.close());
    void closed.then(stop);
  });
  const end = await closed;
  if (end) return end;
  throw new VmbuildError("GUEST_LOST", "The connection was lost while a command ran in the guest");
}

/** Rejects with the signal's reason when it aborts. `stop` removes the listener. */
function whenAborted(signal: AbortSignal): {
  readonly aborted: Promise<never>;
  readonly stop: () => void;
} {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    stop = () => signal.removeEventListener("abort", onAbort);
  });
  return { aborted, stop };
}

/**
 * Rethrows a failure of a local stream. A premature close is ignored: the remote side caused it.
 */
async function localFailure(work: Promise<unknown> | undefined): Promise<never> {
  try {
    await work;
  } catch (error) {
    if (systemCode(error) !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
  return new Promise<never>(() => {});
}

/**
 * Runs a command to its end.
 * @throws {VmbuildError} GUEST_LOST when the connection was lost before the command ended; the
 *   signal's own reason when it aborted. In that case the channel is closed, but the remote process
 *   goes on (`script.ts` ends it). Errors of the streams given in `options` are thrown unchanged.
 */
export async function runOnChannel(
  connection: Connection,
  options: ChannelCommand,
): Promise<ChannelEnd> {
  const signal = AbortSignal.any([options.signal, connection.lost]);
  signal.throwIfAborted();
  const { aborted, stop } = whenAborted(signal);
  let channel: ClientChannel | undefined;
  try {
    const opening = openChannel((done) => connection.client.exec(options.command, done));
    // A guest that hangs may not even answer the request to open a channel.
    const open = await Promise.race([opening, aborted]);
    channel = open.channel;
    const ended = waitForEnd(open);
    // Both streams are always read, because an unread stream blocks the other one.
    channel.stderr.on("data", (chunk: Buffer) => options.onStderr?.(chunk));
    const written = options.stdoutTo ? pipeline(channel, options.stdoutTo) : undefined;
    if (!written) channel.on("data", (chunk: Buffer) => options.onStdout?.(chunk));
    const feeding = feed(channel, options.stdin);
    // A command may end without reading all of its input. Its exit code decides then, not the
    // broken pipe.
    const fed = feeding.catch((error: unknown) => error);
    const failed = [localFailure(written), localFailure(feeding)];
    const end = await Promise.race([ended, aborted, ...failed]);
    const [, feedError] = await Promise.all([written, fed]);
    if (end.exitCode === 0 && feedError !== undefined && options.stdin !== undefined) {
      throw new VmbuildError("GUEST_LOST", `Input was cut short: ${messageOf(feedError)}`, {
        cause: feedError,
      });
    }
    return end;
  } catch (error) {
    channel?.close();
    channel?.end();
    signal.throwIfAborted();
    throw error;
  } finally {
    stop();
  }
}
