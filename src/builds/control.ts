/**
 * Provides the control socket of a run, on which other vmbuild processes send requests: `vmbuild
 * ssh` releases a paused run, `vmbuild screen` asks for the screen. A request and its answer are
 * one line of JSON each.
 */
import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { VmbuildError, messageOf } from "../errors.js";
import { reportError } from "../events/report.js";
import { RELEASE_WORD, decodeRequest } from "./control-messages.js";
import type { ControlReply, ControlRequest } from "./control-messages.js";

/**
 * Answers a request with plain data. An error that it throws becomes the answer.
 * @param values of the request.
 * @param gone aborts when the client has closed its connection.
 */
export type RequestHandler = (
  values: ControlRequest["values"],
  gone: AbortSignal,
) => Promise<Record<string, unknown>>;

/** A run's end of the socket. */
export interface Control extends AsyncDisposable {
  readonly path: string;
  /** Resolves at the next release. */
  released(): Promise<void>;
  /**
   * Registers the handler of a request, in place of an earlier one.
   * @returns a function that removes it.
   */
  on(request: string, handler: RequestHandler): () => void;
}

/** Length at which a line without an end is given up. Characters. */
const LONGEST_LINE = 64 * 1024;

/** Calls back for each line of a client, and for its end. */
function readLines(socket: Socket, onLine: (line: string) => void, onEnd: () => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
    if (rest.length > LONGEST_LINE) socket.destroy();
  });
  socket.on("end", () => {
    if (rest.trim() !== "") onLine(rest);
    onEnd();
  });
}

async function answer(
  handlers: ReadonlyMap<string, RequestHandler>,
  line: string,
  gone: AbortSignal,
): Promise<ControlReply> {
  try {
    const { name, values } = decodeRequest(line);
    const handler = handlers.get(name);
    if (handler) return { result: await handler(values, gone) };
    throw new VmbuildError("BUILD_UNKNOWN", `The run cannot answer "${name}" at the moment`, {
      hint: "It has no machine yet, or none any more. Run the command again when the machine has started.",
    });
  } catch (error) {
    return { error: reportError(error) };
  }
}

/** Answers the requests of a client in their order. */
function serveClient(socket: Socket, handlers: ReadonlyMap<string, RequestHandler>): void {
  let previous = Promise.resolve();
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  const afterwards = (work: () => Promise<void> | void): void => {
    previous = previous.then(work);
  };
  const onLine = (line: string): void =>
    afterwards(async () => {
      const reply = await answer(handlers, line, gone.signal);
      if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
    });
  // A client that disconnects early has not lost anything that it waits for.
  socket.on("error", () => {});
  readLines(socket, onLine, () => afterwards(() => void socket.end()));
}

/** Listens for requests. The path has at most 107 bytes, the kernel's limit. */
export async function openControl(path: string): Promise<Control> {
  await rm(path, { force: true });
  const waiting = new Set<() => void>();
  const release: RequestHandler = () => {
    for (const resolve of waiting) resolve();
    waiting.clear();
    return Promise.resolve({});
  };
  const handlers = new Map<string, RequestHandler>([[RELEASE_WORD, release]]);
  const clients = new Set<Socket>();
  // A client may end its side after the request, and still gets the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    clients.add(socket);
    socket.once("close", () => clients.delete(socket));
    serveClient(socket, handlers);
  });
  const close = async (): Promise<void> => {
    server.close();
    // An idle client must not keep this process alive.
    for (const client of clients) client.destroy();
    await rm(path, { force: true });
  };
  try {
    server.listen(path);
    await once(server, "listening");
    await chmod(path, 0o600);
  } catch (cause) {
    server.close();
    const message = `The run cannot listen on ${path}: ${messageOf(cause)}`;
    throw new VmbuildError("HOST_FOLDER", message, { cause });
  }
  return {
    path,
    released: () => new Promise<void>((resolve) => waiting.add(resolve)),
    on(request, handler) {
      handlers.set(request, handler);
      return () => {
        if (handlers.get(request) === handler) handlers.delete(request);
      };
    },
    [Symbol.asyncDispose]: close,
  };
}
