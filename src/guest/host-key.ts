/** Verifies the host key of a guest: one that is known beforehand, or that of the first connection. */
import { VmbuildError } from "../errors.js";
import { describeKey, fingerprintOf } from "../seed/public-key.js";

/** Decides whether a server is the guest. `key` is the key blob as SSH transfers it. */
export interface HostKeyVerifier {
  /** Returns the error for a key that is refused. */
  refuse(key: Buffer): VmbuildError | undefined;
}

function refusal(message: string, expected: string, key: Buffer, hint: string): VmbuildError {
  return new VmbuildError("GUEST_HOST_KEY", message, {
    lines: [`expected  ${expected}`, `found     ${describeKey(key)}`],
    hint,
  });
}

/**
 * Accepts only the host key that the build created and gave to the guest.
 * @param blob in base64.
 */
export function buildHostKey(blob: string): HostKeyVerifier {
  const expected = Buffer.from(blob, "base64");
  return {
    refuse(key) {
      if (key.equals(expected)) return undefined;
      return refusal(
        "The SSH server presented a host key other than the one that this build created",
        describeKey(expected),
        key,
        "Check that the base runs cloud-init with the NoCloud data source, and that no other " +
          "program uses the port. A base that accepts a password or a key of its own needs " +
          "ssh.password or ssh.privateKey.",
      );
    },
  };
}

/** Accepts only the host key with this fingerprint, which the template gives. */
export function givenHostKey(fingerprint: string): HostKeyVerifier {
  return {
    refuse(key) {
      if (fingerprintOf(key) === fingerprint) return undefined;
      return refusal(
        "The SSH server presented a host key other than the one of ssh.hostKey",
        fingerprint,
        key,
        "Correct ssh.hostKey if the base was replaced; `ssh-keygen -lf FILE` prints the " +
          "fingerprint of a host key.",
      );
    },
  };
}

/**
 * Accepts any host key at the first connection, and only that one afterwards. The port leads to the
 * build's own machine, so no other machine can answer.
 */
export class LearnedHostKey implements HostKeyVerifier {
  #known: Buffer | undefined;

  /** @param known blob, in base64, that an earlier connection learned. */
  constructor(known?: string) {
    this.#known = known === undefined ? undefined : Buffer.from(known, "base64");
  }

  /** Blob of the key, in base64; undefined before the first connection. */
  get known(): string | undefined {
    return this.#known?.toString("base64");
  }

  refuse(key: Buffer): VmbuildError | undefined {
    if (!this.#known) {
      this.#known = Buffer.from(key);
      return undefined;
    }
    if (key.equals(this.#known)) return undefined;
    return refusal(
      "The SSH server presented a host key other than at the first connection",
      describeKey(this.#known),
      key,
      "A step that replaces the host keys should be the last one.",
    );
  }
}
