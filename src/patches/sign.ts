/** Signs patches with an OpenPGP key, as apt, dnf and zypper verify them. */
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { temporaryRoot } from "../host/folders.js";
import { describeExit, runProgram } from "../host/programs.js";
import { SUMS_NAME, writeSums } from "./content.js";

/** Public key in the archive. */
const KEY_NAME = "patches.asc";

/** Files that package managers read: the file, its signature, and how it is made. */
const SIGNED = [
  { name: "Release", signature: "InRelease", how: ["--clearsign"] },
  { name: "Release", signature: "Release.gpg", how: ["--armor", "--detach-sign"] },
  {
    name: "repodata/repomd.xml",
    signature: "repodata/repomd.xml.asc",
    how: ["--armor", "--detach-sign"],
  },
];

/** Runs gpg with its own home, which contains the key alone. */
type Gpg = (...args: string[]) => Promise<string>;

function gpgOf(home: string, key: string, signal: AbortSignal): Gpg {
  return async (...args) => {
    const common = ["--homedir", home, "--batch", "--yes", "--no-tty", "--quiet"];
    const all = [...common, "--pinentry-mode", "error", ...args];
    const result = await runProgram("gpg", all, { signal, captureOutput: true });
    signal.throwIfAborted();
    if (result.exitCode === 0) return result.stdout;
    throw new VmbuildError(
      "PATCHES_SIGN",
      `The patches could not be signed with ${key}: gpg ${describeExit(result)}`,
      { lines: [...result.lastLines] },
    );
  };
}

/** Requires one private key. */
async function requireOneKey(gpg: Gpg, key: string): Promise<void> {
  const listed = await gpg("--list-secret-keys", "--with-colons");
  const count = listed.split("\n").filter((line) => line.startsWith("sec:")).length;
  if (count === 1) return;
  throw new VmbuildError("PATCHES_SIGN", `${key} contains ${count} private keys instead of one`);
}

/**
 * Signs the patches in a folder: the files that package managers read, and the sums of all files.
 * The public key is added to the folder. Without a key, only the sums are written.
 * @param key path of an OpenPGP private key without a passphrase.
 * @throws {VmbuildError} PATCHES_SIGN with gpg's output; HOST_PROGRAM_MISSING.
 */
export async function signPatches(
  folder: string,
  key: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (key === undefined) return writeSums(folder, signal);
  // The path of the agent's socket in it must be short.
  const home = await mkdtemp(join(temporaryRoot(), "vmb-gpg-"));
  try {
    const gpg = gpgOf(home, key, signal);
    // A path that begins with a dash is not an option.
    const copy = join(home, "key");
    await copyFile(key, copy).catch((cause: unknown) => {
      throw new VmbuildError("PATCHES_SIGN", `The key ${key} cannot be read`, { cause });
    });
    await gpg("--import", copy);
    await requireOneKey(gpg, key);
    const sign = async (name: string, signature: string, how: readonly string[]) =>
      gpg(...how, "--output", join(folder, signature), join(folder, name));
    for (const { name, signature, how } of SIGNED) {
      if (await statIfThere(join(folder, name))) await sign(name, signature, how);
    }
    await gpg("--armor", "--export", "--output", join(folder, KEY_NAME));
    await writeSums(folder, signal);
    await sign(SUMS_NAME, `${SUMS_NAME}.asc`, ["--armor", "--detach-sign"]);
  } finally {
    // gpg has started an agent, which would end by itself later.
    await runProgram("gpgconf", ["--homedir", home, "--kill", "all"], {}).catch(() => {}); // It ends with its folder.
    await rm(home, { recursive: true, force: true });
  }
}
