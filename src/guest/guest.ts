/** The guest as steps see it: run, upload, download, reboot, over whatever connection there is. */
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Emit } from "../events/types.js";
import type { Connection } from "./connection.js";
import { downloadFile, downloadTree, withHostErrors, guestPathKind } from "./download.js";
import type { GuestPathKind } from "./download.js";
import { downloadToHost } from "./host-download.js";
import { PAYLOAD_DISK_MIN_BYTES, uploadLargeFile, uploadLargeTree } from "./payload-disk.js";
import type { DiskSlot } from "./payload-disk.js";
import { systemStateScript, parseSystemState } from "./system-state.js";
import type { SystemState } from "./system-state.js";
import { readBootId, reconnectAfterLoss, reconnectAfterReboot } from "./reboot.js";
import type { RestartOptions } from "./reboot.js";
import { requireSuccess, runQuietly, runScript } from "./script.js";
import type { GuestScript, ScriptEnd } from "./script.js";
import type { TransferContext } from "./transfer.js";
import { listTree } from "../host/tree.js";
import { RESUME_CRON } from "./timers.js";
import { destinationOf, uploadFile, uploadTree, writeFile } from "./upload.js";
import type { Ownership } from "./upload.js";

/** What a guest is reached with. */
export interface GuestOptions {
  readonly connection: Connection;
  /** Connects anew, after a reboot; waits until the guest is ready. */
  readonly connect: (timeoutMs: number, signal: AbortSignal) => Promise<Connection>;
  /** What a restart took from the guest, and the build needs. */
  readonly afterReboot?: (guest: Guest) => Promise<void>;
  /** Where large uploads are plugged in; without one everything goes over SSH. */
  readonly slot: DiskSlot | undefined;
  /** Who logs in; everything is run as root, through sudo for anybody else. */
  readonly user: string;
  /** How often the machine was reset so far; QEMU tells it. */
  readonly resets?: () => number;
  /** For scratch files of the host. */
  readonly scratchFolder: string;
  readonly emit: Emit;
  /** Aborts when the run is cancelled or the machine dies. */
  readonly signal: AbortSignal;
}

/** A guest that lets the build in. */
export class Guest {
  readonly #options: GuestOptions & { readonly sudo: boolean };
  #connection: Connection;

  constructor(options: GuestOptions) {
    this.#options = { ...options, sudo: options.user !== "root" };
    this.#connection = options.connection;
  }

  /** Runs a script to its end; a non-zero exit is a result, not an error. */
  run(script: Omit<GuestScript, "signal" | "sudo">): Promise<ScriptEnd> {
    const { signal, sudo } = this.#options;
    return runScript(this.#connection, { ...script, signal, sudo });
  }

  /** Runs a short command of vmbuild's own and returns its lines. STEP_FAILED when it fails. */
  async ask(command: string, what: string, timeoutMs = 60_000): Promise<string[]> {
    const { signal, sudo } = this.#options;
    const { end, lines, output } = await runQuietly(this.#connection, command, signal, {
      sudo,
      timeoutMs,
    });
    requireSuccess(end, what, output);
    return lines;
  }

  /**
   * Uploads a file (to the very path, or into `to` when that ends in a slash) or what a folder
   * holds (into the folder `to`). Single files are checked by size and sha256.
   */
  async upload(source: string, to: string, ownership: Ownership = {}): Promise<void> {
    const status = await stat(source);
    const context = this.#transfer();
    const { slot } = this.#options;
    if (status.isDirectory()) {
      const entries = await listTree(source);
      const size = entries.reduce((sum, entry) => sum + entry.size, 0);
      const upload = { source, to, owner: ownership.owner };
      if (!slot || size < PAYLOAD_DISK_MIN_BYTES) return uploadTree(context, upload);
      const scratch = join(this.#options.scratchFolder, `${randomUUID()}.tar`);
      return uploadLargeTree(context, slot, upload, scratch);
    }
    const path = destinationOf(source, to);
    if (!slot || status.size < PAYLOAD_DISK_MIN_BYTES)
      return uploadFile(context, source, path, ownership);
    return uploadLargeFile(context, slot, source, path, ownership);
  }

  /** Writes text to a file. */
  write(content: string, to: string, ownership: Ownership): Promise<void> {
    return writeFile(this.#transfer(), Buffer.from(content), to, ownership);
  }

  /** Tells whether a path in the guest is a file or a folder. STEP_FAILED when it is neither. */
  kindOf(path: string): Promise<GuestPathKind> {
    return guestPathKind(this.#transfer(), path);
  }

  /**
   * Downloads a file or a folder to `to`, an absolute path of the host. What was there is
   * replaced, a folder with all that it held: only for folders of the run's own.
   */
  async download(from: string, to: string, known?: GuestPathKind): Promise<void> {
    const context = this.#transfer();
    const kind = known ?? (await guestPathKind(context, from));
    const transfer = kind === "file" ? downloadFile : downloadTree;
    return withHostErrors(to, () => transfer(context, from, to));
  }

  /**
   * Downloads a file or a folder to `to`, an absolute path of the host's user. Nothing is removed
   * there. A file goes into a `to` that ends in a slash; what a folder holds goes into the folder
   * `to`, beside what that holds already.
   * @param overwrite replace files that are there; STEP_FAILED when one is and this is not set.
   */
  async downloadToHost(from: string, to: string, overwrite: boolean): Promise<void> {
    const context = this.#transfer();
    return withHostErrors(to, () => downloadToHost(context, { from, to, overwrite }));
  }

  /** Restarts the guest and returns when it answers with another boot id. */
  async reboot(timeoutMs: number): Promise<void> {
    const { sudo } = this.#options;
    this.#connection = await reconnectAfterReboot({ ...this.#restart(timeoutMs), sudo });
    await this.#options.afterReboot?.(this);
  }

  /** Connects again to a guest that lost the connection, or restarted by itself. */
  async reconnect(timeoutMs: number): Promise<void> {
    this.#connection = await reconnectAfterLoss(this.#restart(timeoutMs));
    await this.#options.afterReboot?.(this);
  }

  /** Waits until the connection is lost, for so many milliseconds at most. */
  async waitUntilLost(milliseconds: number): Promise<boolean> {
    const { signal } = this.#options;
    const { lost } = this.#connection;
    const either = AbortSignal.any([signal, lost]);
    await delay(milliseconds, undefined, { signal: either }).catch(() => signal.throwIfAborted());
    return lost.aborted;
  }

  /** The kernel's id of the present boot; undefined where the guest does not say it. */
  bootId(): Promise<string | undefined> {
    return readBootId(this.#connection, this.#options.signal);
  }

  /**
   * What lies ahead of the guest: its end, or a login that would come to nothing.
   * @param first a command before that, for a guest that is looked at anyway.
   * @throws {VmbuildError} GUEST_LOST; GUEST_SHELL where nothing can be asked any more.
   */
  async systemState(first = "", timeoutMs = 60_000): Promise<SystemState> {
    const { signal, sudo, user } = this.#options;
    const command = `${first}\n${systemStateScript(user)}`;
    const { end, lines } = await runQuietly(this.#connection, command, signal, { sudo, timeoutMs });
    const systemState = parseSystemState(lines);
    // Nobody but a system that goes down ends a command that does nothing.
    const isKilled =
      end.signal !== null && !end.timedOut && systemState.pendingShutdown === undefined;
    return isKilled
      ? { ...systemState, pendingShutdown: { kind: "unknown", at: undefined } }
      : systemState;
  }

  /**
   * Tells the guest to switch itself off. Returns when it has taken the order.
   * @param last a command before that, when nothing will need the connection's rights any more.
   */
  async poweroff(last = "true"): Promise<void> {
    // SIGRTMIN+4 is what starts systemd's poweroff.target (systemd(1)), without a program for it.
    const order = "if [ -d /run/systemd/system ]; then kill -38 1; else poweroff; fi";
    const command = `${last}; ${RESUME_CRON}; sync; (sleep 0.05; ${order}) >/dev/null 2>&1 &`;
    await this.ask(command, "poweroff", 20_000);
  }

  /** Lets go of the connection. */
  close(): void {
    this.#connection.close();
  }

  #restart(timeoutMs: number): RestartOptions {
    const { connect, signal, resets } = this.#options;
    return { connection: this.#connection, connect, resets, timeoutMs, signal };
  }

  #transfer(): TransferContext {
    const { signal, emit, sudo } = this.#options;
    return { connection: this.#connection, signal, emit, sudo };
  }
}
