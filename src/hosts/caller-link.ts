/**
 * Ties a command on the host of a build to the caller that has started it there: the command gets
 * the caller's values, and ends when the caller's connection is lost. A terminal would tell it too,
 * but only where there is one, and only when the connection is closed properly.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { VmbuildError, messageOf } from "../errors.js";
import { runtimeFolder } from "../host/paths.js";

/** Interval in which a caller says that it is there. Milliseconds. */
export const ALIVE_INTERVAL_MS = 15_000;
/** Time without a word after which a caller counts as gone. Milliseconds. */
const GONE_AFTER_MS = 4 * ALIVE_INTERVAL_MS;

/** Variables of the environment that the caller gives. */
type Environment = Readonly<Record<string, string>>;

const valuesSchema = z.object({ environment: z.record(z.string(), z.string()) });

/** Server's end of a link. Disposing of it ends the command, and so does the end of its process. */
export class CallerLink implements Disposable {
  /** Path of the socket on which the command is awaited. */
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /** Waits for a command. The values are sent to the user's own processes only, and not stored. */
  static async open(environment: Environment): Promise<CallerLink> {
    const path = join(await runtimeFolder(), `boot-${randomUUID().slice(0, 8)}.caller`);
    const server = createServer();
    server.listen(path);
    await once(server, "listening");
    const link = new CallerLink(path, server);
    server.on("connection", (socket) => {
      link.#sockets.add(socket.on("error", () => {}));
      socket.resume().write(`${JSON.stringify({ environment })}\n`);
      // There is one command, whose path is not needed again.
      server.close();
    });
    link.renew();
    return link;
  }

  /** Notes that the caller is there. */
  renew(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this[Symbol.dispose](), GONE_AFTER_MS).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Command's end of a link. */
export interface Caller extends Disposable {
  readonly environment: Environment;
  /** Aborts when the caller is gone. */
  readonly gone: AbortSignal;
}

/**
 * Joins the caller of this command.
 * @param path socket of the link.
 * @throws {VmbuildError} REMOTE_UNREACHABLE when the caller is gone already.
 */
export async function joinCaller(path: string): Promise<Caller> {
  const lost = (cause?: unknown): VmbuildError => {
    const reason = cause === undefined ? "" : `: ${messageOf(cause)}`;
    const message = `The connection of the caller was lost${reason}`;
    return new VmbuildError("REMOTE_UNREACHABLE", message, { cause });
  };
  const socket = connect({ path });
  const gone = new AbortController();
  let failure: unknown;
  socket.on("error", (error) => (failure ??= error));
  const first = new Promise<string>((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes("\n")) resolve(text);
    });
    socket.on("close", () => {
      gone.abort(lost(failure));
      reject(lost(failure));
    });
  });
  const { environment } = valuesSchema.parse(JSON.parse(await first));
  return { environment, gone: gone.signal, [Symbol.dispose]: () => void socket.destroy() };
}
