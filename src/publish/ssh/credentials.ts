/** Collects the credentials of the user for another host: the agent and key files. */
import { homedir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { AnyAuthMethod } from "ssh2";
import { VmbuildError, messageOf } from "../../errors.js";
import { readIfThere } from "../../host/files.js";

/** Key files of OpenSSH's client, in its order (ssh_config(5), IdentityFile). */
const NAMES = ["id_rsa", "id_ecdsa", "id_ed25519"];

/** Credentials, and why others cannot be used. */
export interface Credentials {
  readonly methods: readonly AnyAuthMethod[];
  /** Lines for the message when the server accepts none. */
  readonly notes: readonly string[];
}

/** Returns the problem of a private key; undefined when it can be used. */
function keyProblem(text: string): string | undefined {
  const parsed = ssh2.utils.parseKey(text);
  if (!(parsed instanceof Error)) return undefined;
  const isEncrypted = /encrypted/i.test(parsed.message);
  return isEncrypted ? "it has a passphrase; add it to the agent with ssh-add" : parsed.message;
}

async function keyFrom(path: string): Promise<{ key?: string; note: string }> {
  const text = await readIfThere(path);
  if (text === undefined) return { note: "" };
  const problem = keyProblem(text);
  return problem === undefined
    ? { key: text, note: `${path} was offered` }
    : { note: `${path} was not offered: ${problem}` };
}

/**
 * Returns the key that the user names, or those of the agent and of `~/.ssh`.
 * @throws {VmbuildError} USAGE when the named key cannot be read.
 */
export async function credentialsOf(user: string, identity?: string): Promise<Credentials> {
  if (identity !== undefined) return { methods: [await named(user, identity)], notes: [] };
  const agent = process.env["SSH_AUTH_SOCK"];
  const hasAgent = agent !== undefined && agent !== "";
  const byAgent: AnyAuthMethod[] = hasAgent ? [{ type: "agent", username: user, agent }] : [];
  const notes = [
    hasAgent ? "the keys of the agent were offered" : "no agent (SSH_AUTH_SOCK is not set)",
  ];
  const byFile: AnyAuthMethod[] = [];
  for (const name of NAMES) {
    const { key, note } = await keyFrom(join(homedir(), ".ssh", name));
    if (note !== "") notes.push(note);
    if (key !== undefined) byFile.push({ type: "publickey", username: user, key });
  }
  return { methods: [...byAgent, ...byFile], notes };
}

async function named(user: string, path: string): Promise<AnyAuthMethod> {
  let key: string | undefined;
  try {
    key = await readIfThere(path);
  } catch (cause) {
    throw new VmbuildError("USAGE", `--identity ${path}: ${messageOf(cause)}`, { cause });
  }
  const problem = key === undefined ? "the file does not exist" : keyProblem(key);
  if (key === undefined || problem !== undefined) {
    throw new VmbuildError("USAGE", `--identity ${path}: ${problem}`);
  }
  return { type: "publickey", username: user, key };
}
