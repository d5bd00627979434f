/**
 * Tells a command's answer from what comes before it: the login shell's start-up files may print
 * anything, on the same stream, with or without a line break at the end.
 */
import { randomBytes } from "node:crypto";
import { Transform } from "node:stream";
import { VmbuildError } from "../errors.js";

/** More of what came before the answer is not kept; a mark is far shorter. Bytes. */
const KEPT = 4096;

/** Hint for a command that the login shell did not run. */
export const LOGIN_SHELL_HINT =
  "Check whether a start-up file such as ~/.bashrc exits or replaces the shell, the account has expired, or its shell is nologin.";

/** A mark that begins one command's answer. */
export class Mark {
  /** Different for each command, and made of letters, digits and a dash only. */
  readonly id = `vmbuild-${randomBytes(6).toString("hex")}`;

  /**
   * A shell command that prints the mark with the shell's process id. What it prints does not
   * stand in its text, since a start-up file may print the command that the shell is to run.
   */
  get command(): string {
    return `echo "${this.id}:$$:"`;
  }
}

/** Reads a command's standard output, and hands on what follows its mark. */
export class AnswerReader {
  readonly #pattern: RegExp;
  #held = Buffer.alloc(0);
  #pid: string | undefined;

  constructor(mark: Mark) {
    this.#pattern = new RegExp(`${mark.id}:(\\d+):\\n`);
  }

  /** The process id of the command's shell; undefined until its mark was read. */
  get pid(): string | undefined {
    return this.#pid;
  }

  /** The last of what was read while there was no mark. */
  get before(): string {
    return this.#pid === undefined ? this.#held.toString("utf8") : "";
  }

  /** Takes the next bytes, and returns those of them that belong to the answer. */
  take(chunk: Buffer): Buffer {
    if (this.#pid !== undefined) return chunk;
    const all = Buffer.concat([this.#held, chunk]);
    const found = this.#pattern.exec(all.toString("latin1"));
    if (!found) {
      this.#held = all.subarray(-KEPT);
      return Buffer.alloc(0);
    }
    this.#pid = found[1];
    this.#held = Buffer.alloc(0);
    return all.subarray(found.index + found[0].length);
  }

  /** A stream that hands on the answer alone. */
  stream(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, callback) => {
        callback(null, this.take(chunk));
      },
    });
  }

  /**
   * Checks that the command began: a start-up file that ends the login shell gives an exit code of
   * its own.
   * @param stderr lines that were printed there; they may say why.
   * @throws {VmbuildError} GUEST_SHELL with what was printed instead.
   */
  requireBegun(what: string, stderr: readonly string[] = []): void {
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
