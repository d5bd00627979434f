/** Waits until a system that was installed has started from its disk. */
import { isWithoutRoot } from "../../guest/readiness.js";
import { answersSsh } from "./banner.js";
import { reasonOf } from "./start.js";
import type { Watched } from "./start.js";

/** Prompt of getty(8) and of agetty(8): the name of the host, and `login:`. */
const LOGIN = /\blogin: ?/;

/** Time between two attempts to reach the SSH server. Milliseconds. */
const SSH_INTERVAL_MS = 3000;

/** Returns an expression that matches a text literally. */
const literally = (text: string): RegExp =>
  new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));

/** Returns a function that asks the SSH server from time to time. */
function sshProbe({ machine, signal }: Watched): () => Promise<"ready" | undefined> {
  let asked = 0;
  return async () => {
    if (performance.now() - asked < SSH_INTERVAL_MS) return undefined;
    const isThere = await answersSsh(machine.sshPort, signal);
    asked = performance.now();
    return isThere ? "ready" : undefined;
  };
}

/**
 * Waits for a login prompt on the serial console, or for an answer of the SSH server.
 * @param prompt text on the console to wait for in place of both.
 * @returns why the system has not started; undefined where it has.
 */
export async function watchSystem(
  started: Watched,
  prompt: string | undefined,
): Promise<string | undefined> {
  const texts = { ready: prompt === undefined ? LOGIN : literally(prompt) };
  const probe = prompt === undefined ? sshProbe(started) : undefined;
  const seen = await started.watch.next(texts, probe);
  if ("text" in seen) return undefined;
  if (seen.over === "fatal" && isWithoutRoot(seen.line)) {
    return "the installed system does not find its disk; its kernel or initramfs may have no driver for this bus";
  }
  const wanted =
    prompt === undefined
      ? "a login prompt or an answer of the SSH server"
      : `the console showed ${JSON.stringify(prompt)}`;
  return reasonOf(seen, wanted);
}
