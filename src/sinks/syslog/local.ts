/**
 * Sends messages to a syslog socket of this host with logger(1), because Node has no datagram
 * sockets of the kind that /dev/log is.
 */
import { PassThrough } from "node:stream";
import { messageOf } from "../../errors.js";
import { runProgram } from "../../host/programs.js";

/** Bytes that wait for logger; further messages are lost. */
const BACKLOG_BYTES = 1024 * 1024;
/** Pause after an end of logger, before it is started again. Milliseconds. */
const PAUSE_MS = 5000;
/** Time in which logger sends what is left. Milliseconds. */
const LIMIT_MS = 5000;

/** Settings of the messages. */
export interface LocalSettings {
  readonly path: string;
  readonly tag: string;
  readonly format: "rfc5424" | "local";
  /** Longest message. Bytes. */
  readonly limit: number;
}

function argumentsOf({ path, tag, format, limit }: LocalSettings): string[] {
  return [
    ...["--socket", path, "--socket-errors=on", "--prio-prefix", "--size", String(limit)],
    ...["--tag", tag, `--id=${process.pid}`],
    ...(format === "rfc5424" ? ["--rfc5424=notq"] : []),
  ];
}

/** Running logger. */
interface Running {
  readonly input: PassThrough;
  readonly ended: Promise<void>;
  /** Messages that were passed to it. */
  sent: number;
}

/** Sends lines through logger, which is started again when it ends. */
export class LocalTransport {
  readonly #settings: LocalSettings;
  readonly #onProblem: (reason: string) => void;
  readonly #stop = new AbortController();
  #running: Running | undefined;
  #endedAt = -Infinity;
  #delivered = 0;
  #lost = 0;

  constructor(settings: LocalSettings, onProblem: (reason: string) => void) {
    this.#settings = settings;
    this.#onProblem = onProblem;
  }

  /** Sends a line of text with its priority. */
  send(priority: number, text: string): void {
    const running = this.#start();
    if (!running || running.input.writableLength > BACKLOG_BYTES) {
      this.#lost++;
      return;
    }
    running.sent++;
    running.input.write(`<${priority}>${text.replaceAll(/[\r\n]+/g, " ")}\n`);
  }

  #start(): Running | undefined {
    if (this.#running) return this.#running;
    if (performance.now() - this.#endedAt < PAUSE_MS) return undefined;
    const input = new PassThrough();
    // The program may end before it has read everything.
    input.on("error", () => {});
    const failures: string[] = [];
    const ended = this.#run(input, (line) => void failures.push(line)).then((ok) => {
      // logger prints a line for each message that it cannot send; without a socket it ends.
      const lost = ok ? Math.min(failures.length, running.sent) : running.sent;
      this.#lost += lost;
      this.#delivered += running.sent - lost;
      this.#running = undefined;
      this.#endedAt = performance.now();
    });
    const running: Running = { input, ended, sent: 0 };
    this.#running = running;
    return running;
  }

  /** Runs logger to its end; returns whether it succeeded. */
  async #run(input: PassThrough, onFailure: (line: string) => void): Promise<boolean> {
    try {
      const { exitCode } = await runProgram("logger", argumentsOf(this.#settings), {
        input,
        signal: this.#stop.signal,
        onLine: (line) => {
          onFailure(line);
          this.#onProblem(line);
        },
      });
      return exitCode === 0;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#onProblem(messageOf(error));
      return false;
    }
  }

  /** Sends what is left, in a bounded time; returns the numbers of messages. */
  async close(): Promise<{ readonly delivered: number; readonly lost: number }> {
    const running = this.#running;
    if (running) {
      running.input.end();
      const timer = setTimeout(() => this.#stop.abort(new Error("logger did not end")), LIMIT_MS);
      await running.ended;
      clearTimeout(timer);
    }
    return { delivered: this.#delivered, lost: this.#lost };
  }
}
