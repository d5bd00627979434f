/**
 * Verifies OpenPGP signatures, detached or clear-signed, with gpgv and a keyring that the template
 * names.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { runtimeFolder } from "../host/paths.js";
import { runProgram } from "../host/programs.js";

const ARMOUR_BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/** Removes the ASCII armor (RFC 9580, section 6), because gpgv reads only binary keyrings. */
function dearmour(keyring: Buffer): Buffer {
  const text = keyring.toString("latin1");
  if (!text.trimStart().startsWith(ARMOUR_BEGIN)) return keyring;
  const blocks = text.split(ARMOUR_BEGIN).slice(1);
  return Buffer.concat(
    blocks.map((block) => {
      const lines = (block.split("-----END")[0] ?? "").split(/\r?\n/).slice(1);
      // Headers end at the first empty line; a line that begins with = is the checksum.
      const start = lines.findIndex((line) => line.trim() === "") + 1;
      const body = lines.slice(start).filter((line) => !line.startsWith("="));
      return Buffer.from(body.join(""), "base64");
    }),
  );
}

async function readKeyring(path: string): Promise<Buffer> {
  try {
    return dearmour(await readFile(path));
  } catch (error) {
    throw new VmbuildError(
      "INPUT_SIGNATURE",
      `The keyring ${path} cannot be read: ${systemCode(error) ?? String(error)}`,
      { cause: error, hint: "Export the signer's key: gpg --export KEY > keyring.gpg" },
    );
  }
}

/** Input of gpgv: files by name, and its arguments. */
interface Verification {
  readonly files: Readonly<Record<string, Buffer>>;
  /** File names in gpgv's order. */
  readonly args: readonly string[];
  /** File that gpgv writes. */
  readonly output?: string;
  readonly keyring: string;
  /** Address of the content, for messages. */
  readonly source: string;
  readonly signal: AbortSignal;
}

/** Returns the reason why gpgv rejected a content, as far as its status lines give one. */
function reasonIn(status: readonly string[]): string {
  const has = (keyword: string): boolean => status.some((line) => line.startsWith(keyword));
  if (has("BADSIG ")) return "the content was modified after it was signed";
  if (has("EXPKEYSIG ") || has("KEYEXPIRED ")) return "the signer's key has expired";
  if (has("REVKEYSIG ")) return "the signer's key was revoked";
  if (has("NO_PUBKEY ")) return "it was made with a key that is not in the keyring";
  return "gpgv rejected it";
}

async function verify(job: Verification): Promise<{ key: string; output: Buffer }> {
  const { files, args, keyring, source, signal } = job;
  const keys = await readKeyring(keyring);
  const folder = await mkdtemp(join(await runtimeFolder(), "vmbuild-signature-"));
  const inFolder = (name: string): string => join(folder, name);
  try {
    await writeFile(inFolder("keyring.gpg"), keys);
    for (const [name, content] of Object.entries(files)) await writeFile(inFolder(name), content);
    const output = job.output === undefined ? [] : ["--output", inFolder(job.output)];
    const all = ["--status-fd", "1", "--keyring", inFolder("keyring.gpg"), ...output];
    const result = await runProgram("gpgv", [...all, ...args.map(inFolder)], {
      signal,
      captureOutput: true,
      env: { LC_ALL: "C", GNUPGHOME: folder },
    });
    // The exit code is non-zero even when only one of several signatures is by an unknown key, so
    // the status lines decide.
    const status = result.stdout.split("\n").map((line) => line.replace("[GNUPG:] ", ""));
    const valid = status.find((line) => line.startsWith("VALIDSIG "))?.split(" ")[1];
    const good = status.some((line) => line.startsWith("GOODSIG "));
    if (valid !== undefined && good && !status.some((line) => line.startsWith("BADSIG "))) {
      const written =
        job.output === undefined ? Buffer.alloc(0) : await readFile(inFolder(job.output));
      return { key: valid, output: written };
    }
    const message = `The signature of ${source} is not valid: ${reasonIn(status)}`;
    throw new VmbuildError("INPUT_SIGNATURE", message, {
      hint: `Check that the keyring ${keyring} contains the signer's key.`,
      lines: result.lastLines.filter((line) => line.startsWith("gpgv:")),
      details: { source, keyring },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Verifies that `signature` was made over `data` by a valid key of the keyring.
 * @param source the address of the data, for messages.
 * @returns the fingerprint of the key.
 * @throws {VmbuildError} INPUT_SIGNATURE with gpgv's output; HOST_PROGRAM_MISSING.
 */
export async function verifySignature(
  files: { readonly data: Buffer; readonly signature: Buffer },
  keyring: string,
  source: string,
  signal: AbortSignal,
): Promise<string> {
  return (await verify({ files, args: ["signature", "data"], keyring, source, signal })).key;
}

/**
 * Verifies a clear-signed message by a valid key of the keyring.
 * @returns the fingerprint of the key, and the signed text.
 * @throws {VmbuildError} INPUT_SIGNATURE with gpgv's output; HOST_PROGRAM_MISSING.
 */
export async function verifyClearSigned(
  message: Buffer,
  keyring: string,
  source: string,
  signal: AbortSignal,
): Promise<{ key: string; text: Buffer }> {
  const job = { files: { message }, args: ["message"], output: "text", keyring, source, signal };
  const { key, output } = await verify(job);
  return { key, text: output };
}
