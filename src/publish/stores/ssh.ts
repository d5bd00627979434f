/** Publishes to another host over SSH: files by SFTP, sums and locks by its shell where it has one. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { VmbuildError, messageOf } from "../../errors.js";
import { abortableDelay } from "../../host/delay.js";
import { shellQuote } from "../../host/programs.js";
import { fullDisk } from "../errors.js";
import { formatSshAddress, parseSshAddress } from "../ssh/address.js";
import type { SshAddress } from "../ssh/address.js";
import { lockRemoteFolder } from "../ssh/lock.js";
import { openSession } from "../ssh/session.js";
import type { Session } from "../ssh/session.js";
import { STATUS, readFileParts, request, sendFile, statOf, statusOf } from "../ssh/sftp.js";
import type { OnBytes, Store, StoredFile, StoreContext, StoreKind, Upload } from "../store.js";

/** New connections in a row without progress; the pause before each is longer than the one before. */
const RECONNECTS = 8;
const PAUSE_MS = 1000;
/** Free bytes below which a failed write has filled the disk. */
const FULL_BELOW = 2 ** 20;

interface Operation {
  readonly doing: string;
  readonly path: string;
  /** Whether the operation may be repeated after a lost connection. */
  readonly repeatable?: boolean;
}

class SshStore implements Store {
  readonly #address: SshAddress;
  readonly #context: StoreContext;
  #session: Session | undefined;
  #hasShell: boolean | undefined;

  constructor(address: SshAddress, context: StoreContext, session: Session) {
    this.#address = address;
    this.#context = context;
    this.#session = session;
  }

  address(path: string): string {
    return formatSshAddress(this.#address, path);
  }

  stat(path: string): Promise<StoredFile | undefined> {
    return this.#use({ doing: "Cannot examine", path, repeatable: true }, async (session) => {
      const status = await statOf(session, path);
      if (!status) return undefined;
      const { size, mtime } = status;
      return { isFolder: status.isDirectory(), size, modified: mtime * 1000 };
    });
  }

  list(folder: string): Promise<string[]> {
    return this.#use({ doing: "Cannot list", path: folder, repeatable: true }, async (session) => {
      const entries = await request<{ filename: string }[]>(session, (sftp, done) =>
        sftp.readdir(folder, done),
      );
      return entries.map(({ filename }) => filename);
    });
  }

  digest(path: string, onBytes: OnBytes): Promise<string> {
    return this.#use({ doing: "Cannot read", path, repeatable: true }, async (session) => {
      const bySum = await this.#sumOf(session, path);
      if (bySum !== undefined) return bySum;
      const size = (await statOf(session, path))?.size ?? 0;
      const hash = createHash("sha256");
      let done = 0;
      const onPart = (part: Buffer): void => {
        hash.update(part);
        done += part.length;
        onBytes(done, Math.max(done, size));
      };
      await readFileParts(session, path, onPart, this.#context.signal);
      return hash.digest("hex");
    });
  }

  readText(path: string): Promise<string | undefined> {
    return this.#use({ doing: "Cannot read", path, repeatable: true }, async (session) => {
      if (!(await statOf(session, path))) return undefined;
      const parts: Buffer[] = [];
      await readFileParts(session, path, (part) => void parts.push(part), this.#context.signal);
      return Buffer.concat(parts).toString("utf8");
    });
  }

  async write(path: string, { source, size, onBytes }: Upload): Promise<void> {
    const transfer = { done: 0 };
    const { signal } = this.#context;
    let isFirst = true;
    const operation = { doing: "Cannot write", path, repeatable: true };
    const work = async (session: Session): Promise<void> => {
      const onDone = (): void => onBytes(transfer.done, size);
      const options = { source, size, transfer, isFirst, signal, onDone };
      isFirst = false;
      await sendFile(session, path, options);
    };
    await this.#use(operation, work, () => transfer.done);
  }

  writeText(path: string, text: string): Promise<void> {
    return this.#use({ doing: "Cannot write", path }, (session) =>
      request(session, (sftp, done) =>
        sftp.writeFile(path, text, { mode: 0o644, flag: "wx" }, done),
      ),
    );
  }

  rename(from: string, to: string): Promise<void> {
    return this.#use({ doing: "Cannot write", path: to }, async (session) => {
      try {
        await request(session, (sftp, done) => sftp.ext_openssh_rename(from, to, done));
      } catch (error) {
        if (statusOf(error) !== undefined || session.lost.aborted) throw error;
        // A server without OpenSSH's extension renames only to a new name.
        await request(session, (sftp, done) => sftp.rename(from, to, done));
      }
    });
  }

  async remove(path: string): Promise<void> {
    const session = this.#session;
    if (!session || session.lost.aborted) return;
    try {
      await request(session, (sftp, done) => sftp.unlink(path, done));
    } catch (error) {
      if (statusOf(error) === STATUS.noSuchFile) return;
      throw await this.#errorOf({ doing: "Cannot remove", path }, error);
    }
  }

  freeSpace(folder: string): Promise<number | undefined> {
    return this.#use({ doing: "Cannot examine", path: folder, repeatable: true }, (session) =>
      freeSpaceOf(session, folder),
    );
  }

  lock(folder: string, onWait: () => void): Promise<AsyncDisposable | undefined> {
    return this.#use({ doing: "Cannot lock", path: folder }, async (session) =>
      (await this.#shell(session))
        ? lockRemoteFolder(session, shellPath(folder), { onWait, signal: this.#context.signal })
        : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.close();
    this.#session = undefined;
  }

  /** Returns whether the account runs commands. An account for SFTP alone does not. */
  async #shell(session: Session): Promise<boolean> {
    if (this.#hasShell === undefined) {
      const { signal } = this.#context;
      const answer = await session.run("echo vmbuild", signal).catch(() => undefined); // No shell.
      signal.throwIfAborted();
      this.#hasShell = answer?.stdout.includes("vmbuild") ?? false;
    }
    return this.#hasShell;
  }

  /** Lets the host compute a sum, which saves the transfer; undefined where it cannot. */
  async #sumOf(session: Session, path: string): Promise<string | undefined> {
    if (!(await this.#shell(session))) return undefined;
    const command = `sha256sum ${shellPath(path)}`;
    const { code, stdout } = await session.run(command, this.#context.signal);
    session.lost.throwIfAborted();
    return code === 0 ? /^\\?([0-9a-f]{64}) /m.exec(stdout)?.[1] : undefined;
  }

  /** Runs an operation, again with a new connection when the connection was lost. */
  async #use<T>(
    operation: Operation,
    work: (session: Session) => Promise<T>,
    progress: () => number = () => 0,
  ): Promise<T> {
    const { signal, note } = this.#context;
    let reached = progress();
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        return await work(await this.#connected());
      } catch (error) {
        signal.throwIfAborted();
        const isLost = await this.#isLost(error);
        if (progress() > reached) attempt = 0;
        reached = progress();
        const again = operation.repeatable === true && isLost && attempt < RECONNECTS;
        if (!again) throw await this.#errorOf(operation, error);
        note(`The connection to ${this.#address.host} was lost; connecting again`);
        await abortableDelay(PAUSE_MS * (attempt + 1), signal);
      }
    }
  }

  async #connected(): Promise<Session> {
    const present = this.#session;
    if (present && !present.lost.aborted) return present;
    const { identity, signal } = this.#context;
    this.#session = await openSession(this.#address, identity, signal);
    return this.#session;
  }

  /** Returns whether an error is the end of the connection, or a new one failed. */
  async #isLost(error: unknown): Promise<boolean> {
    if (statusOf(error) !== undefined) return false;
    // A server that was reached and refuses does so again.
    if (error instanceof VmbuildError) return error.details["unreachable"] === true;
    const session = this.#session;
    if (!session || session.lost.aborted) return true;
    // The requests of a connection fail shortly before it is known to be closed.
    const ended = AbortSignal.any([session.lost, this.#context.signal]);
    try {
      await abortableDelay(PAUSE_MS, ended);
    } catch {
      // The connection has ended, or the command.
    }
    return session.lost.aborted;
  }

  async #errorOf({ doing, path }: Operation, error: unknown): Promise<VmbuildError> {
    if (error instanceof VmbuildError) return error;
    const address = this.address(path);
    const status = statusOf(error);
    const session = this.#session;
    if (status === STATUS.failure && session) {
      const folder = posix.dirname(path);
      const free = await freeSpaceOf(session, folder).catch(() => undefined); // Only for the message.
      if (free !== undefined && free < FULL_BELOW) return fullDisk(address, error);
    }
    const known: Record<number, string> = {
      [STATUS.noSuchFile]: "the folder does not exist",
      [STATUS.permissionDenied]: "permission is denied",
      [STATUS.failure]: "the server refuses without a reason",
    };
    const reason = (status === undefined ? undefined : known[status]) ?? messageOf(error);
    const message = `${doing} ${address}: ${reason}`;
    return new VmbuildError("PUBLISH_FAILED", message, { cause: error });
  }
}

function shellPath(path: string): string {
  return shellQuote(path.startsWith("/") ? path : `./${path}`);
}

async function freeSpaceOf(session: Session, folder: string): Promise<number | undefined> {
  try {
    const found = await request<{ f_bavail: number; f_frsize: number }>(session, (sftp, done) =>
      sftp.ext_openssh_statvfs(folder, done as never),
    );
    return found.f_bavail * found.f_frsize;
  } catch (error) {
    if (statusOf(error) === STATUS.noSuchFile || session.lost.aborted) throw error;
    return undefined; // Servers other than OpenSSH do not know.
  }
}

/** Targets that begin with `ssh://`. */
export const ssh: StoreKind = {
  matches: (target) => /^ssh:\/\//i.test(target),
  parse(target) {
    const address = parseSshAddress(target);
    const open = async (context: StoreContext): Promise<Store> =>
      new SshStore(address, context, await openSession(address, context.identity, context.signal));
    return { path: address.path, open };
  },
};
