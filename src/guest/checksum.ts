/** Computes checksums in the guest, where it has sha256sum. */

/** Word that stands for a checksum that the guest cannot compute. */
const NONE = "none";

/** Returns shell code that prints the SHA-256 of a file: sha256sum's line, or `none` without it. */
export const printSha256 = (quotedPath: string): string =>
  `if command -v sha256sum >/dev/null 2>&1; then sha256sum <${quotedPath}; else echo ${NONE}; fi`;

/** Size of a file in bytes, and its SHA-256 in hexadecimal. */
export interface FileFacts {
  readonly size: number;
  /** Undefined where the guest has no sha256sum. */
  readonly sha256: string | undefined;
}

/** Parses the output of `wc -c`, followed by that of {@link printSha256}. Pure. */
export function parseFileFacts(answer: string): FileFacts {
  const [size = "", sha256 = ""] = answer.trim().split(/\s+/);
  return {
    size: size === "" ? Number.NaN : Number(size),
    sha256: sha256 === NONE ? undefined : sha256,
  };
}

/**
 * Returns whether a file is the one that the guest described. Only the sizes are compared where the
 * guest could not compute a checksum. Pure.
 */
export function matchesFacts(
  guest: FileFacts,
  found: { readonly size: number; readonly sha256: string },
): boolean {
  if (guest.size !== found.size) return false;
  return guest.sha256 === undefined || guest.sha256 === found.sha256;
}
