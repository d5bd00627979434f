/**
 * Separates the output of a command from preceding output: the start-up files of the login shell
 * may print anything on the same stream, with or without a final line break.
 */
import { randomBytes } from "node:crypto";
import { Transform } from "node:stream";
import { VmbuildError } from "../errors.js";

/** Number of bytes kept from the output before the marker; a marker is much shorter. */
const MAX_PREAMBLE_BYTES = 4096;

/** Hint for a command that the login shell did not run. */
export const LOGIN_SHELL_HINT =
  "Check whether a start-up file such as ~/.bashrc exits or replaces the shell, the account has expired, or its shell is nologin.";

/** Marker that precedes the output of one command. */
export class OutputMarker {
  /** Unique for each command. Consists of letters, digits and a dash. */
  readonly id = `vmbuild-${randomBytes(6).toString("hex")}`;

  /**
   * Shell command that prints the marker with the shell's process id. The printed text differs from
   * the command's own text, because a start-up file may echo the command.
   */
  get command(): string {
    return `echo "${this.id}:$$:"`;
  }
}

/** Reads the standard output of a command and passes on what follows its marker. */
export class MarkedOutput {
  readonly #pattern: RegExp;
  #held = Buffer.alloc(0);
  #pid: string | undefined;

  constructor(marker: OutputMarker) {
    this.#pattern = new RegExp(`${marker.id}:(\\d+):\\n`);
  }

  /** Process id of the command's shell; undefined until the marker was read. */
  get pid(): string | undefined {
    return this.#pid;
  }

  /** Last part of the output that was read before the marker. */
  get before(): string {
    return this.#pid === undefined ? this.#held.toString("utf8") : "";
  }

  /** Consumes the next bytes and returns those that belong to the command. */
  take(chunk: Buffer): Buffer {
    if (this.#pid !== undefined) return chunk;
    const all = Buffer.concat([this.#held, chunk]);
    const found = this.#pattern.exec(all.toString("latin1"));
    if (!found) {
      this.#held = all.subarray(-MAX_PREAMBLE_BYTES);
      return Buffer.alloc(0);
    }
    this.#pid = found[1];
    this.#held = Buffer.alloc(0);
    return all.subarray(found.index + found[0].length);
  }

  /** Returns a stream that passes on only the output after the marker. */
  stream(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, callback) => {
        callback(null, this.take(chunk));
      },
    });
  }

  /**
   * Checks that the command started. If a start-up file ends the login shell, the exit code is not
   * the command's.
   * @param stderr lines printed to standard error, which may give the reason.
   * @throws {VmbuildError} GUEST_SHELL with the output that was printed instead.
   */
  requireStarted(what: string, stderr: readonly string[] = []): void {
    if (this.#pid !== undefined) return;
    throw new VmbuildError(
      "GUEST_SHELL",
      `${what} failed: the user's login shell in the guest exited before the command started`,
      {
        lines: [...this.before.split("\n").filter((line) => line !== ""), ...stderr],
        hint: LOGIN_SHELL_HINT,
      },
    );
  }
}
