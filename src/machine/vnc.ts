/** Opens VNC on a running machine that was started with `-vnc none`. */
import { VmbuildError } from "../errors.js";
import type { ScreenSource } from "./screen.js";

/** Answer of `query-vnc` (qapi/ui.json, VncInfo). */
interface VncInfo {
  readonly enabled: boolean;
  readonly host?: string;
  readonly service?: string;
}

/** Ports of the displays 0 to 99. */
const FIRST_PORT = 5900;
const LAST_PORT = 5999;

/** Returns the address at which VNC listens; undefined when it does not. */
async function openAddress({ qmp }: ScreenSource): Promise<string | undefined> {
  const { host, service } = await qmp.execute<VncInfo>("query-vnc");
  return host === undefined || service === undefined ? undefined : `${host}:${service}`;
}

/** Explains why QEMU refused to open VNC. */
function explain(cause: unknown): unknown {
  if (!(cause instanceof VmbuildError) || cause.code !== "MACHINE_QMP") return cause;
  if (cause.details["class"] === "CommandNotFound") {
    const message = "Opening VNC while the machine runs needs QEMU 7.1 or later";
    return new VmbuildError("HOST_PROGRAM_MISSING", message, {
      cause,
      hint: "`vmbuild screen NAME --follow` shows the screen with this version.",
    });
  }
  const wasStartedWithout = cause.message.includes("Can not find vnc display");
  return new VmbuildError("MACHINE_QMP", `VNC could not be opened: ${cause.message}`, {
    cause,
    ...(wasStartedWithout ? { hint: 'Add "-vnc", "none" to machine.arguments.' } : {}),
  });
}

/**
 * Opens VNC on 127.0.0.1 at the first free port from 5900 (`display-update`, since QEMU 7.1). It
 * stays open until the machine ends, and asks for no password.
 * @returns its address, such as `127.0.0.1:5900`, also where it was open already.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING for an older QEMU; MACHINE_QMP with QEMU's reason.
 */
export async function openVnc(machine: ScreenSource): Promise<string> {
  const already = await openAddress(machine);
  if (already !== undefined) return already;
  const address = { type: "inet", host: "127.0.0.1", port: String(FIRST_PORT), to: LAST_PORT };
  try {
    await machine.qmp.execute("display-update", { type: "vnc", addresses: [address] });
  } catch (error) {
    throw explain(error);
  }
  const opened = await openAddress(machine);
  if (opened === undefined) throw new VmbuildError("MACHINE_QMP", "VNC could not be opened");
  return opened;
}
