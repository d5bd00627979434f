/** Uses the keys of an SSH agent, such as ssh-agent(1), one at a time. */
import ssh2 from "ssh2";
import type { IdentityCallback, KnownPublicKeys, ParsedKey } from "ssh2";

/** Key of an agent. */
export interface AgentIdentity {
  /** Path of the agent's socket. */
  readonly socket: string;
  /** Public key as SSH transfers it. */
  readonly publicKey: Buffer;
}

/** Key of an agent, with the comment by which a person knows it. */
export interface ListedIdentity extends AgentIdentity {
  readonly comment: string;
}

/** Returns the keys of an answer that are public keys as ssh2 parses them. */
function parsedKeys(keys: KnownPublicKeys<ParsedKey>): ParsedKey[] {
  return keys.filter((key): key is ParsedKey => "getPublicSSH" in key);
}

/**
 * Lists the keys of an agent, in the agent's order. Keys of types that ssh2 does not support, such
 * as those of hardware tokens (`sk-…`), are left out.
 * @throws {Error} of ssh2 when the agent cannot be reached.
 */
export function listIdentities(socket: string): Promise<ListedIdentity[]> {
  return new Promise((resolve, reject) => {
    new ssh2.OpenSSHAgent(socket).getIdentities((error, keys = []) => {
      if (error) return reject(error);
      resolve(
        parsedKeys(keys).map((key) => ({
          socket,
          publicKey: key.getPublicSSH(),
          comment: key.comment,
        })),
      );
    });
  });
}

/** Agent that offers a single key, so that the order of all keys of a login is the caller's. */
export class SingleKeyAgent extends ssh2.OpenSSHAgent {
  readonly #publicKey: Buffer;

  constructor({ socket, publicKey }: AgentIdentity) {
    super(socket);
    this.#publicKey = publicKey;
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    super.getIdentities((error, keys = []) => {
      if (error) return done(error);
      done(
        undefined,
        parsedKeys(keys).filter((key) => key.getPublicSSH().equals(this.#publicKey)),
      );
    });
  }
}
