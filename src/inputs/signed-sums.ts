/** The part of a sums file that may be believed: what its signature covers, where there is one. */
import { VmbuildError } from "../errors.js";
import type { SignatureSpec } from "./url-source.js";
import { verifyClearSigned, verifySignature } from "./signature.js";
import { clearSignedText, countClearSigned, decodeSums } from "./sums-text.js";

/** A fetched sums file, and what the template says of its signature. */
export interface SumsFile {
  readonly content: Buffer;
  /** Its address as it is shown. */
  readonly source: string;
  /** Its address as the template has it. */
  readonly url: string;
  readonly signature?: SignatureSpec | undefined;
}

/** The text to look checksums up in, and who signed it. */
export interface BelievedText {
  readonly text: string;
  /** The fingerprint of the key; undefined where nothing was verified. */
  readonly signer?: string;
}

/** Of an unverified file that is signed, the same text counts as when it is verified. */
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
): Promise<BelievedText> {
  requireOne(content, source);
  const { key, text } = await verifyClearSigned(content, keyring, source, signal);
  return { text: decodeSums(text), signer: key };
}

/**
 * Verifies a sums file as the template asks for it. The signature is inside of a clear-signed
 * file, detached, or a clear-signed copy of the sums file; of clear-signed ones only the signed
 * text is used.
 * @param fetchSignature brings the signature's file.
 * @throws {VmbuildError} INPUT_SIGNATURE, HOST_PROGRAM_MISSING.
 */
export async function believedText(
  sums: SumsFile,
  fetchSignature: (url: string) => Promise<Buffer>,
  signal: AbortSignal,
): Promise<BelievedText> {
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
  const signer = await verifySignature(content, signing, keyring, source, signal);
  return { text: textOf(content), signer };
}
