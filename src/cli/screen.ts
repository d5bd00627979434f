/** Implements `vmbuild screen`: saves the screen of a running machine, or opens VNC. */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { sendRequest } from "../builds/control-client.js";
import { findRun } from "../builds/records.js";
import { findActiveRun } from "../builds/running.js";
import { lastScreen } from "../builds/screens.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { interruptible } from "./interrupt.js";
import { requireOptionFile, writeOptionFile } from "./option-file.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface ScreenFlags {
  readonly follow?: boolean;
  readonly vnc?: boolean;
}

/** Name of the file in messages. */
const FILE = "FILE";
/** Time between two pictures of `--follow`. Milliseconds. */
const FOLLOW_INTERVAL_MS = 1000;

/** Connection to a run. */
interface Run {
  readonly name: string;
  readonly socket: string;
  readonly signal: AbortSignal;
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

/** Asks the run for a value. Hints name the build. */
async function ask({ name, socket, signal }: Run, request: string, field: string): Promise<string> {
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
}

/** Writes the current picture, unless it is the previous one. Returns its content. */
async function save(run: Run, file: string, previous?: Buffer): Promise<Buffer> {
  const png = await readFile(await ask(run, "screen", "path"));
  if (previous?.equals(png) !== true) await writeOptionFile(FILE, file, png);
  return png;
}

/** Returns whether an error means that the machine has ended. */
function isEnd({ code }: VmbuildError): boolean {
  return code === "BUILD_UNKNOWN" || code === "MACHINE_QMP" || code === "MACHINE_DIED";
}

/** Rewrites the file each second when the screen has changed, until the machine ends. */
async function follow(run: Run, file: string, first: Buffer): Promise<void> {
  let shown = first;
  try {
    for (;;) {
      await delay(FOLLOW_INTERVAL_MS, undefined, { signal: run.signal });
      shown = await save(run, file, shown);
    }
  } catch (error) {
    run.signal.throwIfAborted();
    if (!isEnd(asVmbuildError(error))) throw error;
  }
}

/** Runs the command; returns the exit code. */
export async function screen(
  name: string,
  file: string | undefined,
  flags: ScreenFlags,
): Promise<number> {
  const output = createOutput();
  if (flags.vnc && (flags.follow || file !== undefined)) {
    throw new VmbuildError("USAGE", "--vnc takes neither a file nor --follow");
  }
  const record = await findActiveRun(name);
  const socket = record?.control ?? record?.machine?.control;
  if (socket === undefined) throw await notRunningError(name);
  return interruptible(async (signal) => {
    const run: Run = { name, socket, signal };
    if (flags.vnc) {
      output.print(await ask(run, "vnc", "address"));
      output.log("VNC asks for no password: other users of this host can see the screen and type.");
      return 0;
    }
    const path = (await requireOptionFile(FILE, file ?? `${name}-screen.png`)) ?? "";
    const first = await save(run, path);
    output.print(path);
    if (flags.follow) await follow(run, path, first);
    return 0;
  });
}
