/** What uploads and downloads share: one command in the guest, whose answer or bytes are read. */
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { shellQuote } from "../host/programs.js";
import { runOnChannel } from "./channel.js";
import type { ChannelEnd } from "./channel.js";
import type { Connection } from "./connection.js";
import { AnswerReader, Mark } from "./mark.js";

/** What every transfer needs. */
export interface TransferContext {
  readonly connection: Connection;
  readonly signal: AbortSignal;
  readonly emit: Emit;
  /** Write as root through sudo. */
  readonly sudo: boolean;
}

/** A command of vmbuild's own in the guest. `what` names it in messages. */
export interface TransferCommand {
  readonly command: string;
  readonly what: string;
  /** Standard input; empty otherwise. */
  readonly stdin?: Readable | Buffer;
}

/** The last of a text; a command's answer and its words are short. */
const KEPT = 4096;

function commandLine(mark: Mark, command: string, sudo: boolean): string {
  const shell = sudo ? "exec sudo -n /bin/sh -c" : "exec /bin/sh -c";
  // The login's own umask may be any, and another one after a restart.
  return `${shell} ${shellQuote(`${mark.command}\numask 022\n${command}`)}`;
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

function requireEnd(end: ChannelEnd, answer: AnswerReader, what: string, stderr: string): void {
  answer.requireBegun(what, linesOf(stderr));
  if (end.exitCode === 0) return;
  throw new VmbuildError("STEP_FAILED", `${what} failed in the guest (exit ${end.exitCode})`, {
    lines: linesOf(stderr),
    hint: "Check the free space in the guest, and the user's permissions.",
  });
}

/**
 * Runs a command in the guest.
 * @returns the last of what it printed.
 * @throws {VmbuildError} STEP_FAILED with its words; GUEST_LOST.
 */
export async function runTransfer(
  context: TransferContext,
  { command, what, stdin }: TransferCommand,
): Promise<string> {
  let stdout = "";
  let stderr = "";
  const mark = new Mark();
  const answer = new AnswerReader(mark);
  const end = await runOnChannel(context.connection, {
    command: commandLine(mark, command, context.sudo),
    ...(stdin === undefined ? {} : { stdin }),
    onStdout: (chunk) => (stdout = (stdout + answer.take(chunk).toString("utf8")).slice(-KEPT)),
    onStderr: (chunk) => (stderr = (stderr + chunk.toString("utf8")).slice(-KEPT)),
    signal: context.signal,
  });
  requireEnd(end, answer, what, stderr);
  return stdout;
}

/**
 * Runs a command in the guest whose output is data, and hands that on with back-pressure.
 * @throws {VmbuildError} STEP_FAILED with its words; GUEST_LOST; what the destination fails with.
 */
export async function streamTransfer(
  context: TransferContext,
  { command, what }: TransferCommand,
  destination: Writable,
): Promise<void> {
  let stderr = "";
  const mark = new Mark();
  const answer = new AnswerReader(mark);
  const data = answer.stream();
  const handedOn = pipeline(data, destination);
  const ended = runOnChannel(context.connection, {
    command: commandLine(mark, command, context.sudo),
    stdoutTo: data,
    onStderr: (chunk) => (stderr = (stderr + chunk.toString("utf8")).slice(-KEPT)),
    signal: context.signal,
  });
  const [end] = await Promise.all([ended, handedOn]);
  requireEnd(end, answer, what, stderr);
}

/** Counts bytes into a progress event. */
export function progressCounter(emit: Emit, label: string, total: number): (bytes: number) => void {
  let done = 0;
  return (bytes) => {
    done += bytes;
    emit({ type: "progress", task: label, label, done, total, unit: "bytes" });
  };
}
