/** Collects the keys with which a login is tried: those of files and those of the agent. */
import { readFile } from "node:fs/promises";
import ssh2 from "ssh2";
import { messageOf, systemCode } from "../../errors.js";
import { listIdentities } from "../../guest/agent.js";
import type { ListedIdentity } from "../../guest/agent.js";
import type { LoginKey } from "../../guest/login.js";
import { describeKey } from "../../seed/public-key.js";
import type { SshSettings } from "./config.js";

/** Keys of a login. */
export interface Identities {
  /** In the order in which they are offered. */
  readonly keys: readonly LoginKey[];
  /** Keys that cannot be used, with the reasons. */
  readonly problems: readonly string[];
}

/** File of a key, as far as it can be read. */
interface KeyFile {
  readonly path: string;
  /** Content of a private key that needs no passphrase. */
  readonly private: string | undefined;
  readonly publicKey: Buffer | undefined;
  /** Reason why the key can be used with the agent only. */
  readonly problem: string;
}

async function readKeyText(path: string): Promise<string | Error> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    return error as Error;
  }
}

/** Reads the public key beside a private key. */
async function publicKeyBeside(path: string): Promise<Buffer | undefined> {
  const text = await readKeyText(`${path}.pub`);
  const key = text instanceof Error ? text : ssh2.utils.parseKey(text);
  return key instanceof Error ? undefined : key.getPublicSSH();
}

/** Reads a file of IdentityFile, which may contain a public key whose private key the agent has. */
async function readKeyFile(path: string): Promise<KeyFile | undefined> {
  const text = await readKeyText(path);
  const publicKey = await publicKeyBeside(path);
  if (text instanceof Error) {
    if (systemCode(text) !== "ENOENT") {
      return { path, private: undefined, publicKey, problem: text.message };
    }
    return publicKey && { path, private: undefined, publicKey, problem: "does not exist" };
  }
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) {
    const isEncrypted = /encrypted|passphrase/i.test(key.message);
    const problem = isEncrypted ? "needs a passphrase" : `cannot be read: ${key.message}`;
    return { path, private: undefined, publicKey, problem };
  }
  if (key.isPrivateKey())
    return { path, private: text, publicKey: key.getPublicSSH(), problem: "" };
  return { path, private: undefined, publicKey: key.getPublicSSH(), problem: "is a public key" };
}

const agentKey = ({ comment, ...agent }: ListedIdentity): LoginKey => ({
  name: `the agent's key ${comment === "" ? describeKey(agent.publicKey) : comment}`,
  agent,
});

/** Lists the agent's keys. An agent that does not answer is a problem, but no error. */
async function agentKeys(
  socket: string | undefined,
): Promise<{ readonly listed: readonly ListedIdentity[]; readonly problems: readonly string[] }> {
  if (socket === undefined) return { listed: [], problems: [] };
  try {
    return { listed: await listIdentities(socket), problems: [] };
  } catch (error) {
    return {
      listed: [],
      problems: [`the agent at ${socket} does not answer: ${messageOf(error)}`],
    };
  }
}

/**
 * Collects the keys for a machine, in the order of the configuration: first the identity files, from
 * the agent where only it has the private key, then the agent's other keys unless IdentitiesOnly.
 */
export async function findIdentities(settings: SshSettings): Promise<Identities> {
  const { agent, identityFiles, identitiesOnly, publicKeys } = settings;
  if (!publicKeys) return { keys: [], problems: ["PubkeyAuthentication is off"] };
  const { listed, problems: agentProblems } = await agentKeys(agent);
  const rest = [...listed];
  const keys: LoginKey[] = [];
  const problems = [...agentProblems];
  for (const path of new Set(identityFiles)) {
    const file = await readKeyFile(path);
    if (!file) continue;
    const { publicKey } = file;
    const at = rest.findIndex((one) => publicKey?.equals(one.publicKey) === true);
    const [held] = at === -1 ? [] : rest.splice(at, 1);
    if (file.private !== undefined) keys.push({ name: `the key ${path}`, private: file.private });
    else if (held) keys.push(agentKey(held));
    else problems.push(`the key ${path} ${file.problem}, and the agent does not have it`);
  }
  if (!identitiesOnly) keys.push(...rest.map(agentKey));
  return { keys, problems };
}
