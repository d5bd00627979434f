/** Finds out whether an SSH server answers, without logging in. */
import { createConnection } from "node:net";

/** Time limit for a connection and its first bytes. Milliseconds. */
const ANSWER_MS = 5000;
/** Beginning of the first line that a server sends (RFC 4253, 4.2). */
const BANNER = "SSH-";

/** Returns whether an SSH server answers on a port of 127.0.0.1. Never throws. */
export function answersSsh(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let text = "";
    const socket = createConnection({ host: "127.0.0.1", port });
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      socket.destroy();
      resolve(text.startsWith(BANNER));
    };
    const timer = setTimeout(end, ANSWER_MS);
    signal.addEventListener("abort", end, { once: true });
    // QEMU accepts the connection, and closes it where nothing listens in the guest.
    socket.on("error", end).on("close", end);
    socket.on("data", (part) => {
      text += part.toString("latin1");
      if (text.length >= BANNER.length) end();
    });
  });
}
