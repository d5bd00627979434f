/**
 * Extracts the trusted text of a checksum file: the part that its signature covers, if there is
 * one.
 */
import { VmbuildError } from "../errors.js";
import type { SignatureSpec } from "./url-source.js";
import { verifyClearSigned, verifySignature } from "./signature.js";
import { clearSignedText, countClearSigned, decodeSums } from "./sums-text.js";

/** Downloaded checksum file, and the template's settings for its signature. */
export interface SumsFile {
  readonly content: Buffer;
  /** Address for display. */
  readonly source: string;
  /** Address in the template. */
  readonly url: string;
  readonly signature?: SignatureSpec | undefined;
}

/** Text that contains the checksums, and its signer. */
export interface TrustedText {
  readonly text: string;
  /** Fingerprint of the key; undefined where nothing was verified. */
  readonly signer?: string;
}

/**
 * Extracts the text of a file that is not verified. If it is clear-signed, the result is the same
 * text as for a verified one.
 */
function textOf(content: Buffer): string {
  const text = decodeSums(content);
  return countClearSigned(text) === 1 ? (clearSignedText(text) ?? text) : text;
}

function requireOne(content: Buffer, source: string): void {
  const count = countClearSigned(decodeSums(content));
  if (count === 1) return;
  const message =
    count === 0
      ? `${source} is not clear-signed, and no detached signature is given`
      : `${source} has ${count} signed messages, but exactly one is required`;
  throw new VmbuildError("INPUT_SIGNATURE", message, {
    hint: 'Give the detached signature: "signature": {"url": "…", "keyring": "…"}.',
  });
}

async function clearSigned(
  content: Buffer,
  source: string,
  keyring: string,
  signal: AbortSignal,
): Promise<TrustedText> {
  requireOne(content, source);
  const { key, text } = await verifyClearSigned(content, keyring, source, signal);
  return { text: decodeSums(text), signer: key };
}

/**
 * Verifies a checksum file as the template requires. The signature is clear-signed, detached, or in
 * a clear-signed copy of the checksum file. Only the signed text of a clear-signed file is used.
 * @param fetchSignature downloads the signature file.
 * @throws {VmbuildError} INPUT_SIGNATURE, HOST_PROGRAM_MISSING.
 */
export async function trustedText(
  sums: SumsFile,
  fetchSignature: (url: string) => Promise<Buffer>,
  signal: AbortSignal,
): Promise<TrustedText> {
  const { content, source, url, signature } = sums;
  if (!signature) return { text: textOf(content) };
  const { keyring } = signature;
  if (signature.url === undefined || signature.url === url) {
    return clearSigned(content, source, keyring, signal);
  }
  const signing = await fetchSignature(signature.url);
  if (countClearSigned(decodeSums(signing)) > 0) {
    return clearSigned(signing, `the signature of ${source}`, keyring, signal);
  }
  const signer = await verifySignature(
    { data: content, signature: signing },
    keyring,
    source,
    signal,
  );
  return { text: textOf(content), signer };
}
