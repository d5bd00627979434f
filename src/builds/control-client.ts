/** Sends requests to a run through its control socket. */
import { once } from "node:events";
import { connect } from "node:net";
import { VmbuildError, messageOf } from "../errors.js";
import { HOLD_REQUEST, RELEASE_WORD, decodeReply, encodeRequest } from "./control-messages.js";
import type { ControlRequest } from "./control-messages.js";

/** Sends a line, and returns everything that is answered. */
async function exchange(path: string, request: string, signal?: AbortSignal): Promise<string> {
  const socket = connect({ path, ...(signal ? { signal } : {}) });
  try {
    await once(socket, "connect");
    socket.setEncoding("utf8");
    socket.end(request);
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text;
  } catch (cause) {
    signal?.throwIfAborted();
    const message = `The run no longer accepts commands: ${messageOf(cause)}`;
    throw new VmbuildError("BUILD_UNKNOWN", message, { cause });
  } finally {
    socket.destroy();
  }
}

/**
 * Sends a request to the run at the other end, and returns its answer.
 * @throws {VmbuildError} BUILD_UNKNOWN when no run listens there, or it has nothing to answer with;
 *   the error of the run; the reason of the signal.
 */
export async function sendRequest(
  path: string,
  request: string,
  signal?: AbortSignal,
  values: ControlRequest["values"] = {},
): Promise<Readonly<Record<string, unknown>>> {
  return decodeReply(await exchange(path, encodeRequest(request, values), signal));
}

/**
 * Becomes a holder of the run's lease: the connection is kept open until the result is disposed of.
 * A run without such a lease, and one that has ended, is left alone.
 */
export function holdLease(path: string): Disposable {
  const socket = connect({ path });
  // The run may end at any time, which is for others to notice.
  socket.on("error", () => {});
  socket.resume().write(encodeRequest(HOLD_REQUEST));
  return { [Symbol.dispose]: () => void socket.destroy() };
}

/**
 * Releases the run at the other end, in the form that runs of every version understand.
 * @throws {VmbuildError} BUILD_UNKNOWN when no run listens there.
 */
export async function sendRelease(path: string): Promise<void> {
  await exchange(path, `${RELEASE_WORD}\n`);
}
