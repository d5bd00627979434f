/**
 * Connects the user's terminal to the guest: an interactive shell with resizing, or one command
 * with its exit code.
 */
import { constants } from "node:os";
import type { Connection } from "./connection.js";
import { openChannel } from "./open-channel.js";
import type { ChannelEnd } from "./open-channel.js";
import { VmbuildError } from "../errors.js";

/** Local terminal: the streams of this process, or those of a test. */
export interface LocalTerminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = constants.signals;

const sizeOf = ({ stdout }: LocalTerminal) => ({ cols: stdout.columns, rows: stdout.rows });

function open(connection: Connection, command: string | undefined, terminal: LocalTerminal) {
  const { client } = connection;
  const pty = { term: process.env["TERM"] ?? "xterm", ...sizeOf(terminal) };
  const isTerminal = terminal.stdin.isTTY && terminal.stdout.isTTY;
  return openChannel((done) => {
    if (command === undefined) client.shell(isTerminal ? pty : false, done);
    else client.exec(command, { pty: isTerminal ? pty : false }, done);
  });
}

function exitCodeOf({ exitCode, signal }: ChannelEnd): number {
  return exitCode ?? 128 + (SIGNAL_NUMBERS[`SIG${signal}`] ?? constants.signals.SIGTERM);
}

/**
 * Connects the terminal to a shell or to one command until it ends. When the signal aborts,
 * the server is asked to send the command SIGTERM (OpenSSH refuses that to root), and the terminal
 * is given back at once.
 * @returns the exit code, or 128 plus the signal number as in shells.
 * @throws {VmbuildError} GUEST_LOST when the connection is lost first; the signal's reason.
 */
export async function attachTerminal(
  connection: Connection,
  command: string | undefined,
  terminal: LocalTerminal,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  const { channel, closed } = await open(connection, command, terminal);
  const { stdin, stdout, stderr } = terminal;
  const raw = stdin.isTTY && stdout.isTTY;
  const onResize = (): void => {
    const { cols, rows } = sizeOf(terminal);
    channel.setWindow(rows, cols, 0, 0);
  };
  if (raw) stdin.setRawMode(true);
  stdout.on("resize", onResize);
  stdin.pipe(channel);
  // When the reader of the output is gone, the command ends as if by SIGPIPE.
  let unread = false;
  const onError = (): void => {
    unread = true;
    channel.close();
  };
  stdout.once("error", onError);
  let onAbort = (): void => {};
  channel.pipe(stdout, { end: false });
  channel.stderr.pipe(stderr, { end: false });
  try {
    return await new Promise<number>((resolve, reject) => {
      onAbort = () => {
        channel.signal("TERM");
        channel.close();
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      void closed.then((end) => {
        if (end) resolve(exitCodeOf(end));
        else if (unread) resolve(128 + constants.signals.SIGPIPE);
        else reject(new VmbuildError("GUEST_LOST", "The connection to the guest was lost"));
      });
    });
  } finally {
    stdout.off("resize", onResize);
    stdout.off("error", onError);
    signal.removeEventListener("abort", onAbort);
    stdin.unpipe(channel);
    if (raw) stdin.setRawMode(false);
    stdin.pause();
  }
}
