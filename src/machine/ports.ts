/** Finds free ports on the loopback interface. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

/**
 * Returns a port of 127.0.0.1 that was free a moment ago. Another process may take it before it is
 * used.
 */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Returns whether the port of 127.0.0.1 can be bound now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    // The port is in use or not allowed for this user; it cannot be bound either way.
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
