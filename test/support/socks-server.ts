/** Runs a SOCKS5 proxy on loopback with the features that downloads need (RFC 1928, RFC 1929). */
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** Running proxy. All names resolve to 127.0.0.1. */
export interface SocksServer extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** `HOST:PORT` of each requested connection. */
  readonly seen: readonly string[];
}

const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 4, 4: 16 };

/** Reads exactly this number of bytes. */
async function take(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk = socket.read(bytes) as Buffer | null;
    if (chunk) return chunk;
    await new Promise((resolve) => socket.once("readable", resolve));
  }
}

const take1 = async (socket: Socket): Promise<number> => (await take(socket, 1))[0] ?? 0;

async function serve(socket: Socket, credentials: string, seen: string[]): Promise<void> {
  await take(socket, 1);
  await take(socket, await take1(socket));
  socket.write(Buffer.from([5, 2]));
  await take(socket, 1);
  const user = await take(socket, await take1(socket));
  const password = await take(socket, await take1(socket));
  const isAllowed = `${user.toString()}:${password.toString()}` === credentials;
  socket.write(Buffer.from([1, isAllowed ? 0 : 1]));
  if (!isAllowed) return void socket.end();
  const kind = (await take(socket, 4))[3] ?? 0;
  const host = await take(socket, ADDRESS_BYTES[kind] ?? (await take1(socket)));
  const port = (await take(socket, 2)).readUInt16BE();
  seen.push(`${kind === 3 ? host.toString() : [...host].join(".")}:${port}`);
  const target = connect(port, "127.0.0.1", () => {
    socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
    socket.pipe(target).pipe(socket);
  });
  target.on("error", () => socket.destroy());
}

/** Starts a proxy that requires `USER:PASSWORD`. */
export async function startSocks(credentials: string): Promise<SocksServer> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // A test that ends closes connections.
    socket.on("error", () => {});
    serve(socket, credentials, seen).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
