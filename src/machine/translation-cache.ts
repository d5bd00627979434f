/**
 * Makes QEMU discard an emulated machine's translated code when its guest restarts.
 *
 * QEMU checks each write to a page of guest memory that holds translated code, one store at a time,
 * until none of that code is left (accel/tcg/tb-maint.c). After a restart this applies to all code
 * of the old boot, and firmware and boot loader overwrite it byte by byte: a restart then takes
 * several times as long as a first start, and minutes when the old kernel occupied the memory into
 * which UEFI firmware unpacks itself. QMP has no command for this, but QEMU's GDB stub flushes the
 * cache whenever the guest stops for the debugger (gdb_vm_state_change), also after a single step.
 */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { VmbuildError } from "../errors.js";
import type { RunningMachine } from "./running-machine.js";

/** Time limit for an answer of the stub on a busy host, in milliseconds. */
const ANSWER_MS = 20_000;
const CHARDEV = "restart-gdb";

/** Encodes a packet of GDB's remote protocol ("Overview" in its manual). */
function packet(body: string): string {
  const sum = Buffer.from(body).reduce((total, byte) => (total + byte) % 256, 0);
  return `$${body}#${sum.toString(16).padStart(2, "0")}`;
}

/**
 * Sends a packet and resolves when the stub has sent the expected answer. Other packets are
 * ignored.
 */
async function exchange(
  socket: Socket,
  { body, answer, withinMs }: { body: string; answer: string; withinMs: number },
): Promise<void> {
  const signal = AbortSignal.timeout(withinMs);
  let text = "";
  const answered = new Promise<void>((resolve, reject) => {
    const fail = (): void => reject(new VmbuildError("MACHINE_QMP", `No answer to GDB's ${body}`));
    const take = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (!text.includes(`$${answer}`)) return;
      socket.off("data", take).off("close", fail);
      resolve();
    };
    socket.on("data", take).on("close", fail);
    signal.addEventListener("abort", fail);
  });
  socket.write(packet(body));
  await answered;
  // Acknowledges the answer.
  socket.write("+");
}

function monitor(machine: RunningMachine, line: string): Promise<string> {
  return machine.qmp.execute<string>("human-monitor-command", { "command-line": line });
}

/** Makes the guest execute a single step under the debugger and continue. */
async function singleStep(
  machine: RunningMachine,
  socket: Socket,
  withinMs: number,
): Promise<void> {
  // This stops the guest.
  await monitor(machine, `gdbserver chardev:${CHARDEV}`);
  try {
    // A single step, which is reported as SIGTRAP.
    await exchange(socket, { body: "s", answer: "T05", withinMs });
    // Detaching lets the guest continue.
    await exchange(socket, { body: "D", answer: "OK", withinMs });
    await monitor(machine, "gdbserver none");
  } catch (error) {
    // A guest that halted with interrupts masked never completes a step. The `stop` command cancels
    // it.
    await machine.qmp.execute("stop");
    await monitor(machine, "gdbserver none");
    await machine.qmp.execute("cont");
    throw error;
  }
}

/**
 * Discards all translated code of a running machine.
 * @param path a path for a temporary socket: at most 107 bytes, in a private folder.
 * @param withinMs the time limit for the guest's single step, in milliseconds.
 * @throws {VmbuildError} MACHINE_QMP when QEMU refuses, does not answer, or has exited.
 */
export async function flushTranslations(
  machine: RunningMachine,
  path: string,
  withinMs = ANSWER_MS,
): Promise<void> {
  await rm(path, { force: true });
  const server = createServer().listen(path);
  const connections: Socket[] = [];
  server.on("connection", (socket) => {
    // QEMU's exit resets the connection; `close` follows.
    socket.on("error", () => {});
    connections.push(socket);
  });
  try {
    await once(server, "listening");
    const connected = once(server, "connection");
    await machine.qmp.execute("chardev-add", {
      id: CHARDEV,
      backend: {
        type: "socket",
        data: { addr: { type: "unix", data: { path } }, server: false },
      },
    });
    const [socket] = (await connected) as [Socket];
    await singleStep(machine, socket, withinMs);
  } finally {
    server.close();
    for (const socket of connections) socket.destroy();
    await rm(path, { force: true });
  }
}

/**
 * Calls {@link flushTranslations} whenever the guest restarts. Does nothing on a machine whose
 * template uses the GDB stub itself.
 */
export function flushTranslationsOnReset(machine: RunningMachine, path: string): void {
  if (machine.arguments.some((argument) => /^--?(gdb|s)$/.test(argument))) return;
  let busy = false;
  const unsubscribe = machine.onEvent(({ event, data }) => {
    if (event !== "RESET" || data["guest"] !== true || busy) return;
    busy = true;
    flushTranslations(machine, path)
      // Without the flush, the restart only takes longer.
      .catch(() => {})
      .finally(() => (busy = false));
  });
  void machine.ended.then(unsubscribe);
}
