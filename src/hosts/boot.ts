/** Starts a finished image on the other host, for as long as the caller is there. */
import { z } from "zod";
import { abortableDelay } from "../host/delay.js";
import { ALIVE_INTERVAL_MS } from "./caller-link.js";
import type { HostConnection } from "./connect.js";
import { bootSchema } from "./messages.js";
import type { HostRequest } from "./messages.js";

/** What is started. */
export type BootRequest = Omit<Extract<HostRequest, { do: "boot" }>, "do">;

/**
 * Returns the command line that starts an image there, and the ports there for those of the guest.
 * @throws {VmbuildError} BUILD_UNKNOWN, INPUT_MISSING, USAGE, REMOTE_UNREACHABLE.
 */
export function prepareRemoteBoot(
  connection: HostConnection,
  request: BootRequest,
): Promise<z.infer<typeof bootSchema>> {
  return connection.request(bootSchema, { do: "boot", ...request });
}

/**
 * Tells the other side at intervals that the caller is there, until the signal aborts. A connection
 * that is lost ends it too: the other side then ends what was started.
 */
export async function stayAlive(connection: HostConnection, signal: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await abortableDelay(ALIVE_INTERVAL_MS, signal);
      await connection.request(z.object({}), { do: "alive" });
    }
  } catch {
    // The command there reports the lost connection.
  }
}
