/** Creates a guest on a test's SSH server, as steps get one. */
import type { EventBody } from "../../src/events/types.js";
import type { Connection, SshTarget } from "../../src/guest/connection.js";
import { Guest } from "../../src/guest/guest.js";
import type { DiskSlot } from "../../src/guest/payload-disk.js";
import type { Sshd } from "./sshd.js";

/** Properties in which the guests of tests differ. */
interface GuestOptions {
  /** Its events are appended. */
  readonly events?: EventBody[];
  readonly slot?: DiskSlot;
  /** Servers that programs of the host can use; its own unless given. */
  readonly servers?: readonly SshTarget[];
  /** Connects after a restart of the guest, which fails unless given. */
  readonly connect?: () => Promise<Connection>;
}

/** Connects a guest to a server. */
export async function guestOf(server: Sshd, options: GuestOptions = {}): Promise<Guest> {
  const { events = [], servers = [server.target], slot } = options;
  return new Guest({
    connection: await server.connect(),
    connect: options.connect ?? (() => Promise.reject(new Error("not restarted here"))),
    servers: () => servers,
    slot,
    user: "root",
    scratchFolder: server.folder,
    emit: (event) => events.push(event),
    signal: server.signal,
  });
}
