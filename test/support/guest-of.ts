/** Creates a guest on a test's SSH server, as steps get one. */
import type { EventBody } from "../../src/events/types.js";
import type { Connection } from "../../src/guest/connection.js";
import { Guest } from "../../src/guest/guest.js";
import type { DiskSlot } from "../../src/guest/payload-disk.js";
import type { Sshd } from "./sshd.js";

/** Connects a guest to a server. Its events are appended to `events`. */
export async function guestOf(
  server: Sshd,
  events: EventBody[] = [],
  slot?: DiskSlot,
  connect: () => Promise<Connection> = () => Promise.reject(new Error("not restarted here")),
): Promise<Guest> {
  return new Guest({
    connection: await server.connect(),
    connect,
    servers: () => [server.target],
    slot,
    user: "root",
    scratchFolder: server.folder,
    emit: (event) => events.push(event),
    signal: server.signal,
  });
}
