/** Asks the run of a build for the screen of its machine. */
import { readFile } from "node:fs/promises";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { sendRequest } from "./control-client.js";
import { findRun } from "./records.js";
import { findActiveRun } from "./running.js";
import { lastScreen } from "./screens.js";

/** Screen of a machine that a run has started. Errors name the build. */
export interface MachineScreen {
  /**
   * Returns the current picture as PNG.
   * @throws {VmbuildError} BUILD_UNKNOWN, MACHINE_QMP or MACHINE_DIED when the machine has ended;
   *   the signal's reason.
   */
  picture(signal: AbortSignal): Promise<Buffer>;
  /** Opens VNC, and returns its address on 127.0.0.1. */
  openVnc(signal: AbortSignal): Promise<string>;
}

/** Returns the error for a build without a running machine, which names its last picture. */
async function notRunningError(name: string): Promise<VmbuildError> {
  // A build that has never run has no pictures.
  const found = await findRun(name, undefined).catch(() => undefined);
  const kept = found && (await lastScreen(found.paths));
  const hint = kept
    ? `The last screen of its last run is ${kept}.`
    : `Its last run kept no screen. \`vmbuild logs ${name} --console\` shows the console.`;
  return new VmbuildError("BUILD_UNKNOWN", `${name} is not running`, { hint });
}

/**
 * Finds the screen of a build's running machine.
 * @throws {VmbuildError} BUILD_UNKNOWN when the build is not running.
 */
export async function openMachineScreen(name: string): Promise<MachineScreen> {
  const record = await findActiveRun(name);
  const socket = record?.control ?? record?.machine?.control;
  if (socket === undefined) throw await notRunningError(name);
  const ask = async (request: string, field: string, signal: AbortSignal): Promise<string> => {
    try {
      const { [field]: value } = await sendRequest(socket, request, signal);
      if (typeof value === "string") return value;
      throw new VmbuildError("BUILD_UNKNOWN", `The run of ${name} did not answer the request`);
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asVmbuildError(thrown);
      const { code, lines } = error;
      const message = error.message.replace("The machine has", `The machine of ${name} has`);
      const hint = error.hint.replaceAll("NAME", name);
      throw new VmbuildError(code, message, { hint, lines, cause: error });
    }
  };
  return {
    picture: async (signal) => readFile(await ask("screen", "path", signal)),
    openVnc: (signal) => ask("vnc", "address", signal),
  };
}
