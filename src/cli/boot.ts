/** Implements `vmbuild boot`: starts a finished image on a throwaway overlay for inspection. */
import { createReadStream } from "node:fs";
import { watch } from "node:fs/promises";
import { bootImage } from "../image/boot.js";
import type { BootedImage } from "../image/boot.js";
import { findArtifact } from "../builds/find-artifact.js";
import { planImageMachine } from "../requirements/plan.js";
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import { attachTerminal } from "../guest/terminal.js";
import type { Caller } from "../hosts/caller-link.js";
import { parseContext } from "./context-flag.js";
import { parseForward } from "./forward-option.js";
import { interruptible } from "./interrupt.js";
import { requireOptionFile } from "./option-file.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface BootFlags extends TemplateFlags, OutputFlags {
  readonly output?: string;
  readonly forward?: string[];
  readonly ssh?: boolean;
  readonly context?: string[];
  readonly seed?: boolean;
  readonly console?: string;
  readonly on?: string;
  /** Socket of the caller on another host, with which the machine ends. */
  readonly caller?: string;
}

/** Joins the caller on another host, where there is one, and takes its variables. */
async function joinGiven(path: string | undefined): Promise<Caller | undefined> {
  if (path === undefined) return undefined;
  const { joinCaller } = await import("../hosts/caller-link.js");
  const caller = await joinCaller(path);
  Object.assign(process.env, caller.environment);
  return caller;
}

/**
 * Copies the console to stdout as it grows, until the machine ends or the reader of stdout is gone.
 */
async function followConsole(
  { console, machine }: BootedImage,
  signal: AbortSignal,
  unread: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  void machine.ended.then(() => over.abort());
  const either = AbortSignal.any([signal, over.signal, unread]);
  let position = 0;
  const copy = async (): Promise<void> => {
    for await (const chunk of createReadStream(console, { start: position })) {
      position += (chunk as Buffer).length;
      process.stdout.write(chunk as Buffer);
    }
  };
  try {
    for await (const _change of watch(console, { signal: either })) await copy();
  } catch (error) {
    if (!either.aborted) throw error;
  }
  signal.throwIfAborted();
  if (!unread.aborted) await copy();
}

/** Waits until the machine has ended. */
async function untilEnded({ machine }: BootedImage, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<void>((done) => {
    signal.addEventListener("abort", () => done(), { once: true });
  });
  await Promise.race([machine.ended, aborted]);
  signal.throwIfAborted();
}

/** Runs the command; returns the exit code of the command in the guest, or 0. */
export async function boot(
  name: string,
  words: readonly string[],
  flags: BootFlags,
): Promise<number> {
  const output = createOutput(flags);
  using caller = await joinGiven(flags.caller);
  const context = parseContext(flags.context, process.env);
  const forwards = (flags.forward ?? []).map(parseForward);
  const template = await loadFromFlags(name, flags);
  const { path: image, arch, disks } = await findArtifact(template, flags.output);
  const console = await requireOptionFile("--console", flags.console, image);
  const bus = createBus(template.name, new Secrets(), [await output.createSink()]);
  const { accelerator } = template.machine;
  return await interruptible(async (interrupted) => {
    const signal = caller ? AbortSignal.any([interrupted, caller.gone]) : interrupted;
    await using booted = await bootImage({
      image,
      disks,
      machine: planImageMachine(template, arch),
      accelerator,
      forwards,
      context,
      seed: flags.seed ?? context === undefined,
      console,
      emit: bus.emit,
      signal,
    });
    if (!flags.ssh && words.length === 0) {
      await bus.close();
      if (console === undefined) await followConsole(booted, signal, output.stdoutGone);
      else await untilEnded(booted, signal);
      return 0;
    }
    const connection = await booted.connect(template.ssh.timeout);
    await bus.close();
    const command = words.length > 0 ? words.join(" ") : undefined;
    return await attachTerminal(connection, command, process, signal);
  });
}
