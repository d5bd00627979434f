/** Runs one command in the guest and reads its result or data; shared by uploads and downloads. */
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { runOnChannel } from "./channel.js";
import type { ChannelEnd } from "./open-channel.js";
import type { Connection } from "./connection.js";
import { commandLine } from "./launcher.js";
import type { Privilege } from "./launcher.js";
import { MarkedOutput, OutputMarker } from "./output-marker.js";

/** Context of a transfer. */
export interface TransferContext {
  readonly connection: Connection;
  readonly signal: AbortSignal;
  readonly emit: Emit;
  readonly privilege: Privilege;
}

/** Internal command in the guest. `what` names it in messages. */
export interface TransferCommand {
  readonly command: string;
  readonly what: string;
  /** Standard input; empty otherwise. */
  readonly stdin?: Readable | Buffer;
}

/** Shell code that ends a transfer of a folder in a guest without tar. */
export const REQUIRE_TAR =
  'command -v tar >/dev/null 2>&1 || { echo "the guest has no tar, which transfers of folders need" >&2; exit 1; }';

/** Limit for the output that is kept; the output of these commands is short. Characters. */
const MAX_OUTPUT_CHARACTERS = 4096;

// The login shell may set any umask, and another one after a restart.
const launch = (mark: OutputMarker, command: string, { privilege }: TransferContext): string =>
  commandLine(`${mark.command}\numask 022\n${command}`, privilege);

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

function requireEnd(end: ChannelEnd, answer: MarkedOutput, what: string, stderr: string): void {
  answer.requireStarted(what, linesOf(stderr));
  if (end.exitCode === 0) return;
  throw new VmbuildError("STEP_FAILED", `${what} failed in the guest (exit ${end.exitCode})`, {
    lines: linesOf(stderr),
    hint: "Check the free space in the guest, and the user's permissions.",
  });
}

/**
 * Runs a command in the guest.
 * @returns the last part of its output.
 * @throws {VmbuildError} STEP_FAILED with its output; GUEST_LOST.
 */
export async function runTransfer(
  context: TransferContext,
  { command, what, stdin }: TransferCommand,
): Promise<string> {
  let stdout = "";
  let stderr = "";
  const mark = new OutputMarker();
  const answer = new MarkedOutput(mark);
  const end = await runOnChannel(context.connection, {
    command: launch(mark, command, context),
    ...(stdin === undefined ? {} : { stdin }),
    onStdout: (chunk) =>
      (stdout = (stdout + answer.take(chunk).toString("utf8")).slice(-MAX_OUTPUT_CHARACTERS)),
    onStderr: (chunk) => (stderr = (stderr + chunk.toString("utf8")).slice(-MAX_OUTPUT_CHARACTERS)),
    signal: context.signal,
  });
  requireEnd(end, answer, what, stderr);
  return stdout;
}

/**
 * Runs a command in the guest and passes its standard output on with back-pressure.
 * @throws {VmbuildError} STEP_FAILED with its error output; GUEST_LOST; errors of the
 *   destination.
 */
export async function streamTransfer(
  context: TransferContext,
  { command, what }: TransferCommand,
  destination: Writable,
): Promise<void> {
  let stderr = "";
  const mark = new OutputMarker();
  const answer = new MarkedOutput(mark);
  const data = answer.stream();
  const handedOn = pipeline(data, destination);
  const ended = runOnChannel(context.connection, {
    command: launch(mark, command, context),
    stdoutTo: data,
    onStderr: (chunk) => (stderr = (stderr + chunk.toString("utf8")).slice(-MAX_OUTPUT_CHARACTERS)),
    signal: context.signal,
  });
  const [end] = await Promise.all([ended, handedOn]);
  requireEnd(end, answer, what, stderr);
}

/** Returns a function that counts bytes and emits progress events. */
export function progressCounter(emit: Emit, label: string, total: number): (bytes: number) => void {
  let done = 0;
  return (bytes) => {
    done += bytes;
    emit({ type: "progress", task: label, label, done, total, unit: "bytes" });
  };
}
