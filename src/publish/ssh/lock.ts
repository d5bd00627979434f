/** Holds a kernel lock on a folder of another host, as long as the connection lives. */
import type { ClientChannel } from "ssh2";
import type { Session } from "./session.js";

/** Exit code of `flock -E` when another process holds the lock. */
const CONFLICT = 75;

/** Waits for the first output of the holder; undefined with its exit code when it ends before. */
function started(channel: ClientChannel, signal: AbortSignal): Promise<number | "held"> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      channel.close();
      reject(signal.reason as Error);
    };
    let code = -1;
    signal.addEventListener("abort", onAbort, { once: true });
    channel.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes("held")) resolve("held");
    });
    channel.stderr.resume();
    channel.once("exit", (exitCode: number | null) => (code = exitCode ?? -1));
    channel.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      resolve(code);
    });
  });
}

/**
 * Waits for the lock on a folder. `flock` holds it until its input ends, so that no stale lock can
 * remain.
 * @param quoted path of the folder, quoted for a shell.
 * @returns undefined where the host has no `flock`, or cannot lock the folder.
 */
export async function lockRemoteFolder(
  session: Session,
  quoted: string,
  { onWait, signal }: { readonly onWait: () => void; readonly signal: AbortSignal },
): Promise<AsyncDisposable | undefined> {
  const hold = async (wait: string) => {
    const channel = await session.open(`flock ${wait} ${quoted} sh -c 'echo held; exec cat'`);
    return { channel, first: await started(channel, AbortSignal.any([signal, session.lost])) };
  };
  let { channel, first } = await hold(`-n -E ${CONFLICT}`);
  if (first === CONFLICT) {
    onWait();
    ({ channel, first } = await hold(""));
  }
  if (first !== "held") return undefined;
  return {
    async [Symbol.asyncDispose]() {
      channel.end();
    },
  };
}
