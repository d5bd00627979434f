/** Reads the credentials with which a template's base lets the build in. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { VmbuildError, messageOf } from "../errors.js";
import type { KeyPair } from "../seed/keys.js";
import { hostKeyFingerprint, privateKeyProblem } from "../seed/public-key.js";
import type { Template } from "../template/load.js";

/** Login of a template, besides the build's own key. */
export interface LoginPlan {
  readonly user: string;
  /** Content of the private key of `ssh.privateKey`. */
  readonly privateKey?: string;
  readonly password?: string;
  /** Fingerprint of `ssh.hostKey`. */
  readonly hostKey?: string;
}

/** Returns whether the base has credentials of its own, besides the build's key. */
export function hasOwnCredentials({
  password,
  privateKey,
}: {
  readonly password?: string | undefined;
  readonly privateKey?: string | undefined;
}): boolean {
  return password !== undefined || privateKey !== undefined;
}

/**
 * Returns whether the base lets the build in by itself: with the template's credentials, or with
 * the key that its installer has authorized. The build's own key is then added after the login.
 */
export function baseLetsIn(
  credentials: Parameters<typeof hasOwnCredentials>[0],
  key: KeyPair | undefined,
): boolean {
  return hasOwnCredentials(credentials) || key !== undefined;
}

/**
 * Reads the login of a template.
 * @throws {VmbuildError} TEMPLATE_INVALID for a private key that cannot be read or used.
 */
export async function planLogin({ ssh, folder }: Template): Promise<LoginPlan> {
  const { user, password, privateKey, hostKey } = ssh;
  const fingerprint = hostKey === undefined ? undefined : hostKeyFingerprint(hostKey);
  return {
    user,
    ...(password === undefined ? {} : { password }),
    ...(privateKey === undefined ? {} : { privateKey: await readKey(resolve(folder, privateKey)) }),
    ...(fingerprint === undefined ? {} : { hostKey: fingerprint }),
  };
}

async function readKey(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new VmbuildError(
      "TEMPLATE_INVALID",
      `ssh.privateKey: ${path} cannot be read: ${messageOf(cause)}`,
      { cause, hint: "The path is relative to the template." },
    );
  }
  const problem = privateKeyProblem(text);
  if (problem === undefined) return text;
  throw new VmbuildError("TEMPLATE_INVALID", `ssh.privateKey: ${path} ${problem}`, {
    hint: "Use a private key without a passphrase; `ssh-keygen -p -N '' -f FILE` removes one.",
  });
}
