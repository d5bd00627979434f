/** Lets programs of this host reach a machine at a port of 127.0.0.1, whatever the way to it is. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { Transport } from "./transport.js";

/** Relay. Disposing of it ends its connections. */
export interface Relay extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
}

/**
 * Starts a relay. Each connection gets a stream of its own to the machine's SSH server, which
 * authenticates its clients as usual.
 */
export async function openRelay(transport: Transport, signal: AbortSignal): Promise<Relay> {
  const sockets = new Set<Socket>();
  const serve = async (socket: Socket): Promise<void> => {
    sockets.add(socket);
    socket.setNoDelay(true);
    try {
      const stream = await transport.open(signal);
      await pipeline(socket, stream, socket).finally(() => stream.destroy());
    } catch {
      // The client notices that its connection ends, and reports it.
    } finally {
      socket.destroy();
      sockets.delete(socket);
    }
  };
  const server = createServer((socket) => {
    socket.on("error", () => {});
    void serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
