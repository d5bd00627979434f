/** Gives steps access to the guest: run, upload, download and reboot, across reconnects. */
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Emit } from "../events/types.js";
import type { Connection, SshTarget } from "./connection.js";
import type { Capabilities } from "./capabilities.js";
import { downloadFile, downloadTree, withHostErrors, guestPathKind } from "./download.js";
import type { GuestPathKind } from "./download.js";
import { downloadToHost } from "./host-download.js";
import type { Privilege } from "./launcher.js";
import { PAYLOAD_DISK_MIN_BYTES, uploadLargeFile, uploadLargeTree } from "./payload-disk.js";
import type { DiskSlot } from "./payload-disk.js";
import { readSystemState } from "./read-system-state.js";
import type { SystemState } from "./system-state.js";
import { REMOVE_ENDED_SCRIPTS, followRestart } from "./own-restart.js";
import { queryCurrentBoot, reconnectAfterLoss, reconnectAfterReboot } from "./reboot.js";
import type { RestartOptions } from "./reboot.js";
import { requireSuccess, runQuietly, runScript } from "./script.js";
import type { GuestScript, ScriptEnd } from "./script.js";
import type { TransferContext } from "./transfer.js";
import { listTree } from "../host/tree.js";
import { RESUME_CRON } from "./timers.js";
import { destinationOf, uploadFile, uploadTree, writeFile } from "./upload.js";
import type { Ownership } from "./upload.js";

/** Options of a {@link Guest}. */
export interface GuestOptions {
  readonly connection: Connection;
  /** Connects again after a reboot, and waits until the guest is ready. */
  readonly connect: (timeoutMs: number, signal: AbortSignal) => Promise<Connection>;
  /**
   * Returns the SSH servers of the guest at which a program of this host may log in, the one that
   * survives most changes of the guest first.
   */
  readonly servers?: (guest: Guest) => readonly SshTarget[];
  /** Restores what the build needs and a restart removes, such as the rescue SSH server. */
  readonly afterReboot?: (guest: Guest) => Promise<void>;
  /** Slot for plugging in large uploads as a disk. Without one, everything is copied over SSH. */
  readonly slot: DiskSlot | undefined;
  /** User that logs in. Everything runs as root. */
  readonly user: string;
  /** How that user becomes root; by default through sudo, unless it is root. */
  readonly privilege?: Privilege;
  /** What is known of the guest from an earlier run. */
  readonly capabilities?: Capabilities | undefined;
  /** True for a machine that goes on after the run: scripts of a cancelled run are ended there. */
  readonly outlivesRun?: boolean;
  /** Number of machine resets so far, as reported by QEMU. */
  readonly resets?: () => number;
  /** Folder for scratch files on the host. */
  readonly scratchFolder: string;
  readonly emit: Emit;
  /** Aborts when the run is cancelled or the machine ends. */
  readonly signal: AbortSignal;
}

/** Time limit for the question whether the guest is about to shut down. Milliseconds. */
const STATE_MS = 20_000;

/** Guest that accepts the build's login. */
export class Guest {
  readonly #options: GuestOptions & { readonly privilege: Privilege };
  #connection: Connection;
  /** Capabilities of the guest; undefined until they are known. */
  capabilities: Capabilities | undefined;

  constructor(options: GuestOptions) {
    const privilege = options.privilege ?? (options.user === "root" ? "root" : "sudo");
    this.#options = { ...options, privilege };
    this.#connection = options.connection;
    this.capabilities = options.capabilities;
  }

  /** How commands become root. */
  get privilege(): Privilege {
    return this.#options.privilege;
  }

  /** SSH servers at which a program of this host may log in, in the order to try them. */
  get servers(): readonly SshTarget[] {
    return this.#options.servers?.(this) ?? [];
  }

  /** Private folder for files of the run, which is removed when the run ends. Absolute. */
  get scratchFolder(): string {
    return this.#options.scratchFolder;
  }

  /** Aborts when the run is cancelled or the machine ends. */
  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** Runs a script to its end. A non-zero exit code is a result, not an error. */
  run(script: Omit<GuestScript, "signal" | "privilege">): Promise<ScriptEnd> {
    const { signal, privilege, outlivesRun: endOnAbort } = this.#options;
    return runScript(this.#connection, { ...script, signal, privilege, endOnAbort });
  }

  /**
   * Runs a short internal command and returns the lines that it printed. Throws STEP_FAILED when it
   * fails.
   */
  async ask(command: string, what: string, timeoutMs = 60_000): Promise<string[]> {
    const { signal, privilege } = this.#options;
    const { end, lines, output } = await runQuietly(this.#connection, command, signal, {
      privilege,
      timeoutMs,
    });
    requireSuccess(end, what, output);
    return lines;
  }

  /**
   * Uploads a file or the content of a folder. A file is written to the path `to`, or into `to`
   * when that ends in a slash. The content of a folder goes into the folder `to`. The size and
   * SHA-256 of single files are verified.
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
    return uploadLargeFile(context, slot, { source, to: path, ...ownership });
  }

  /** Writes text to a file. */
  write(content: string, to: string, ownership: Ownership): Promise<void> {
    return writeFile(this.#transfer(), Buffer.from(content), to, ownership);
  }

  /**
   * Determines whether a path in the guest is a file or a folder. Throws STEP_FAILED when it is
   * neither.
   */
  kindOf(path: string): Promise<GuestPathKind> {
    return guestPathKind(this.#transfer(), path);
  }

  /**
   * Downloads a file or a folder to `to`, an absolute path of the host. Anything at `to` is
   * replaced, including the content of a folder, so this is only for folders that belong to the
   * run.
   */
  async download(from: string, to: string, known?: GuestPathKind): Promise<void> {
    const context = this.#transfer();
    const kind = known ?? (await guestPathKind(context, from));
    const transfer = kind === "file" ? downloadFile : downloadTree;
    return withHostErrors(to, () => transfer(context, from, to));
  }

  /**
   * Downloads a file or a folder to `to`, an absolute path chosen by the user. Nothing is removed
   * there. A file goes into `to` when that ends in a slash; the content of a folder is merged into
   * the folder `to`.
   * @param overwrite replaces existing files; otherwise an existing file causes STEP_FAILED.
   */
  async downloadToHost(from: string, to: string, overwrite: boolean): Promise<void> {
    const context = this.#transfer();
    return withHostErrors(to, () => downloadToHost(context, { from, to, overwrite }));
  }

  /** Restarts the guest and returns when it answers with a new boot id. */
  async reboot(timeoutMs: number): Promise<void> {
    const { privilege } = this.#options;
    this.#connection = await reconnectAfterReboot({ ...this.#restart(timeoutMs), privilege });
    await this.#options.afterReboot?.(this);
  }

  /**
   * Prepares to follow a restart that a script starts by itself.
   * @returns a function that waits, after the script, until the guest answers with a new boot id,
   *   for at most that many milliseconds.
   * @throws {VmbuildError} GUEST_SHELL; the function as {@link followRestart}.
   */
  async expectRestart(): Promise<(timeoutMs: number) => Promise<void>> {
    const { user, privilege, signal, resets, connect } = this.#options;
    const before = await queryCurrentBoot(this.#connection, signal);
    const resetsBefore = resets?.();
    const question = { user, privilege, timeoutMs: STATE_MS };
    return async (timeoutMs) => {
      const restart: RestartOptions = {
        ...this.#restart(timeoutMs),
        // Where the guest does not restart after all, its next command needs the new connection.
        connect: async (...limits) => (this.#connection = await connect(...limits)),
      };
      this.#connection = await followRestart({ ...restart, before, resetsBefore, question });
      await this.ask(REMOVE_ENDED_SCRIPTS, "Removing the script that the restart ended");
      await this.#options.afterReboot?.(this);
    };
  }

  /** Reconnects to a guest that lost the connection or restarted by itself. */
  async reconnect(timeoutMs: number): Promise<void> {
    this.#connection = await reconnectAfterLoss(this.#restart(timeoutMs));
    await this.#options.afterReboot?.(this);
  }

  /**
   * Waits until the connection is lost, for at most that many milliseconds.
   * @param until ends the wait too.
   */
  async waitUntilLost(milliseconds: number, until?: AbortSignal): Promise<boolean> {
    const { signal } = this.#options;
    const { lost } = this.#connection;
    const either = AbortSignal.any([signal, lost, ...(until ? [until] : [])]);
    await delay(milliseconds, undefined, { signal: either }).catch(() => signal.throwIfAborted());
    return lost.aborted;
  }

  /**
   * Reads whether the guest is about to shut down and whether a new login would fail.
   * @param first a command to run before, which saves a separate connection to the guest.
   * @throws {VmbuildError} GUEST_LOST; GUEST_SHELL when the guest no longer runs commands.
   */
  systemState(first = "", timeoutMs = 60_000): Promise<SystemState> {
    const { signal, privilege, user } = this.#options;
    return readSystemState(this.#connection, { user, privilege, first, timeoutMs }, signal);
  }

  /**
   * Powers the guest off. Returns when the guest has accepted the command.
   * @param last a command to run before that, after which the connection's permissions are no
   *   longer needed.
   */
  async poweroff(last = "true"): Promise<void> {
    // SIGRTMIN+4 makes systemd start poweroff.target (systemd(1)), so no extra program is needed.
    const order =
      "if [ -d /run/systemd/system ]; then kill -38 1; else poweroff || poweroff -f; fi";
    const command = `${last}\n${RESUME_CRON}; sync; (sleep 0.05; ${order}) >/dev/null 2>&1 &`;
    await this.ask(command, "poweroff", 20_000);
  }

  /** Closes the connection. */
  close(): void {
    this.#connection.close();
  }

  #restart(timeoutMs: number): RestartOptions {
    const { connect, signal, resets } = this.#options;
    return { connection: this.#connection, connect, resets, timeoutMs, signal };
  }

  #transfer(): TransferContext {
    const { signal, emit, privilege } = this.#options;
    return { connection: this.#connection, signal, emit, privilege };
  }
}
