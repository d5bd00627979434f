/** Implements `vmbuild screen`: saves the screen of a running machine, or opens VNC. */
import { openMachineScreen } from "../builds/machine-screen.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { abortableDelay } from "../host/delay.js";
import { interruptible } from "./interrupt.js";
import { requireOptionFile, writeOptionFile } from "./option-file.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface ScreenFlags {
  readonly follow?: boolean;
  readonly vnc?: boolean;
  readonly output?: string;
}

/** Name of the file in messages. */
const FILE = "FILE";
/** Time between two pictures of `--follow`. Milliseconds. */
const FOLLOW_INTERVAL_MS = 1000;

/** Returns the current picture as PNG; the previous one where nothing has changed. */
type TakePicture = (previous: Buffer | undefined) => Promise<Buffer>;

/** Where pictures are written to, and until when. */
export interface SaveOptions {
  /** Path of the file. */
  readonly file: string;
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** Called after the first picture was written, with the absolute path of the file. */
  readonly onFirst: (path: string) => void;
}

/**
 * Returns the file that a command line names.
 * @throws {VmbuildError} USAGE for options that exclude each other.
 */
export function screenFile(
  name: string,
  file: string | undefined,
  { vnc, follow, output }: ScreenFlags,
): string {
  if (vnc && (follow || file !== undefined || output !== undefined)) {
    throw new VmbuildError("USAGE", "--vnc takes neither a file nor --follow");
  }
  if (file !== undefined && output !== undefined) {
    throw new VmbuildError("USAGE", "FILE and --output both name the file; use one of them");
  }
  return file ?? output ?? `${name}-screen.png`;
}

/** Returns whether an error means that the machine has ended. */
export function isMachineEnd(error: unknown): boolean {
  const { code } = asVmbuildError(error);
  return code === "BUILD_UNKNOWN" || code === "MACHINE_QMP" || code === "MACHINE_DIED";
}

/**
 * Writes the picture; with `follow`, again each second when it has changed, until the machine ends.
 * @throws {VmbuildError} HOST_OUTPUT, or USAGE when the file cannot be written; the error of the
 *   first picture.
 */
export async function savePictures(take: TakePicture, options: SaveOptions): Promise<void> {
  const { follow, signal, onFirst } = options;
  let shown = await take(undefined);
  const file = (await requireOptionFile(FILE, options.file)) ?? options.file;
  await writeOptionFile(FILE, file, shown);
  onFirst(file);
  if (!follow) return;
  for (;;) {
    await abortableDelay(FOLLOW_INTERVAL_MS, signal);
    const picture = await take(shown).catch((thrown: unknown) => {
      signal.throwIfAborted();
      if (isMachineEnd(thrown)) return undefined;
      throw thrown;
    });
    if (picture === undefined) return;
    if (!picture.equals(shown)) await writeOptionFile(FILE, file, picture);
    shown = picture;
  }
}

/** Runs the command; returns the exit code. */
export async function screen(
  name: string,
  text: string | undefined,
  flags: ScreenFlags,
): Promise<number> {
  const output = createOutput();
  const file = screenFile(name, text, flags);
  const machine = await openMachineScreen(name);
  return interruptible(async (signal) => {
    if (flags.vnc) {
      output.print(await machine.openVnc(signal));
      output.log("VNC asks for no password: other users of this host can see the screen and type.");
      return 0;
    }
    await savePictures(() => machine.picture(signal), {
      ...{ file, follow: flags.follow ?? false, signal },
      onFirst: (path) => output.print(path),
    });
    return 0;
  });
}
