/** Detached OpenPGP signatures, checked by gpgv against a keyring that the template names. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { runProgram } from "../host/programs.js";

const ARMOUR_BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/** gpgv reads binary keyrings alone: takes the ASCII armour off (RFC 9580, section 6). */
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
      `the keyring ${path} cannot be read: ${systemCode(error) ?? String(error)}`,
      { cause: error, hint: "Export the signer's key: gpg --export KEY > keyring.gpg" },
    );
  }
}

/**
 * Checks that `signature` was made over `content` by a key of the keyring that still holds.
 * @param source the content's address, for messages.
 * @returns the fingerprint of the key.
 * @throws {VmbuildError} INPUT_SIGNATURE with gpgv's words; HOST_PROGRAM_MISSING.
 */
export async function verifySignature(
  content: Buffer,
  signature: Buffer,
  keyring: string,
  source: string,
  signal: AbortSignal,
): Promise<string> {
  const keys = await readKeyring(keyring);
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-signature-"));
  try {
    const [ring, sig, data] = ["keyring.gpg", "signature", "data"].map((one) => join(folder, one));
    await writeFile(join(folder, "keyring.gpg"), keys);
    await writeFile(join(folder, "signature"), signature);
    await writeFile(join(folder, "data"), content);
    const args = ["--status-fd", "1", "--keyring", ring ?? "", sig ?? "", data ?? ""];
    const result = await runProgram("gpgv", args, {
      signal,
      keepOutput: true,
      env: { LC_ALL: "C", GNUPGHOME: folder },
    });
    // The exit code is not zero either when one of several signatures is of an unknown key.
    const status = result.stdout.split("\n").map((line) => line.replace("[GNUPG:] ", ""));
    const valid = status.find((line) => line.startsWith("VALIDSIG "))?.split(" ")[1];
    const good = status.some((line) => line.startsWith("GOODSIG "));
    if (valid !== undefined && good && !status.some((line) => line.startsWith("BADSIG "))) {
      return valid;
    }
    throw new VmbuildError("INPUT_SIGNATURE", `the signature of ${source} does not hold`, {
      hint: `The keyring is ${keyring}; is the signer's key in it?`,
      lines: result.lastLines.filter((line) => line.startsWith("gpgv:")),
      details: { source, keyring },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
