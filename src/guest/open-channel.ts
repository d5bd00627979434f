/** Opens a channel on an SSH connection and observes how its command ends. */
import { setTimeout } from "node:timers/promises";
import type { ClientChannel } from "ssh2";
import { VmbuildError } from "../errors.js";

/** End of a command in the guest. Exactly one of the two fields is set. */
export interface ChannelEnd {
  readonly exitCode: number | null;
  /** Name without the `SIG` prefix, as in SSH (RFC 4254, 6.10): `KILL`. */
  readonly signal: string | null;
}

/** Channel on which a command runs. */
export interface OpenChannel {
  readonly channel: ClientChannel;
  /** Resolves when the guest reports the end of the command; pending when it never does. */
  readonly exited: Promise<ChannelEnd>;
  /** Resolves when the channel is closed: to what was reported before, if anything was. */
  readonly closed: Promise<ChannelEnd | undefined>;
}

/** Callback of ssh2's requests for a channel. */
type Answer = (error: Error | undefined, channel: ClientChannel) => void;

/**
 * Leaves it to the guest to close a channel. Node destroys a stream once both of its directions have
 * ended, and ssh2 closes the channel then. A server sends no exit status on a channel that was
 * closed, so the status of a command whose output ends first would be lost (RFC 4254, 5.3 and 6.10).
 */
function keepUntilClosed(channel: ClientChannel): void {
  channel.destroy = () => channel;
}

function observe(channel: ClientChannel): OpenChannel {
  keepUntilClosed(channel);
  let end: ChannelEnd | undefined;
  const exited = new Promise<ChannelEnd>((resolve) => {
    channel.once("exit", (exitCode: number | null, signal?: string) => {
      // ssh2 adds the `SIG` prefix.
      end = { exitCode, signal: signal?.replace(/^SIG/, "") ?? null };
      resolve(end);
    });
  });
  const closed = new Promise<ChannelEnd | undefined>((resolve) => {
    channel.once("close", () => resolve(end));
  });
  return { channel, exited, closed };
}

/** Number of times that a channel is asked for, and the time between them in milliseconds. */
const ATTEMPTS = 5;
const PAUSE_MS = 100;

/** Returns whether the server has refused a channel on a connection that it keeps (RFC 4254, 5.1). */
const isRefusal = (error: Error): boolean => "reason" in error;

function ask(request: (done: Answer) => void): Promise<OpenChannel | Error> {
  return new Promise((resolve) => {
    request((error, channel) => resolve(error ?? observe(channel)));
  });
}

/**
 * Opens a channel. It is observed from the moment at which the guest accepts the request, because
 * the end of a short command may arrive together with the acceptance.
 *
 * A refused request is repeated for a moment: an sshd with `MaxSessions 1` counts a channel that was
 * closed until it has dealt with all that it has received, the next request included.
 * @param request asks for the channel, with ssh2's callback: `(done) => client.exec(command, done)`.
 * @throws {VmbuildError} GUEST_LOST when the guest opens none.
 */
export async function openChannel(request: (done: Answer) => void): Promise<OpenChannel> {
  for (let attempt = 1; ; attempt += 1) {
    const opened = await ask(request);
    if (!(opened instanceof Error)) return opened;
    if (attempt === ATTEMPTS || !isRefusal(opened)) {
      const message = `The guest opened no channel: ${opened.message}`;
      throw new VmbuildError("GUEST_LOST", message, { cause: opened });
    }
    await setTimeout(PAUSE_MS);
  }
}
