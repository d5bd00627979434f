/** A person's terminal in the guest: a shell with resize, or one command with its exit code. */
import { constants } from "node:os";
import type { ClientChannel } from "ssh2";
import type { Connection } from "./connection.js";
import { VmbuildError } from "../errors.js";

/** The terminal at hand: this process's streams, or a test's. */
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
  return new Promise<ClientChannel>((resolve, reject) => {
    const done = (error: Error | undefined, channel: ClientChannel): void => {
      if (error)
        reject(new VmbuildError("GUEST_LOST", `No channel: ${error.message}`, { cause: error }));
      else resolve(channel);
    };
    if (command === undefined) client.shell(isTerminal ? pty : false, done);
    else client.exec(command, { pty: isTerminal ? pty : false }, done);
  });
}

/**
 * Connects the terminal with a shell, or with one command, until it ends. When the signal aborts,
 * the server is asked to send the command SIGTERM (OpenSSH refuses that to root), and the terminal
 * is given back at once.
 * @returns the exit code; 128 and more for a signal, as shells have it.
 * @throws {VmbuildError} GUEST_LOST when the connection goes first; the signal's reason.
 */
export async function attachTerminal(
  connection: Connection,
  command: string | undefined,
  terminal: LocalTerminal,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  const channel = await open(connection, command, terminal);
  const { stdin, stdout, stderr } = terminal;
  const raw = stdin.isTTY && stdout.isTTY;
  const onResize = (): void => {
    const { cols, rows } = sizeOf(terminal);
    channel.setWindow(rows, cols, 0, 0);
  };
  if (raw) stdin.setRawMode(true);
  stdout.on("resize", onResize);
  stdin.pipe(channel);
  // Where nobody takes its output any more, the command ends as by SIGPIPE.
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
      let exitCode: number | undefined;
      onAbort = () => {
        channel.signal("TERM");
        channel.close();
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      // ssh2 gives the signal's name with `SIG` in front.
      channel.once("exit", (code: number | null, signal?: string) => {
        exitCode = code ?? 128 + (SIGNAL_NUMBERS[signal ?? ""] ?? constants.signals.SIGTERM);
      });
      channel.once("close", () => {
        if (exitCode !== undefined) resolve(exitCode);
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
