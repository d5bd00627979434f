/** Describes an SSH server that has the build's host key and accepts the build's client key. */
import { publicBlob } from "../seed/keys.js";
import type { BuildKeys } from "../seed/keys.js";
import type { SshTarget } from "./connection.js";
import { buildHostKey } from "./host-key.js";
import type { PrivateKey } from "./login.js";

/** Returns the build's client key for a login. */
export function buildKey(keys: BuildKeys): PrivateKey {
  return { name: "the build's key", private: keys.client.private };
}

/**
 * Returns the target of a connection with the build's own keys.
 * @param port on 127.0.0.1.
 */
export function buildTarget(port: number, user: string, keys: BuildKeys): SshTarget {
  return {
    port,
    login: { user, keys: [buildKey(keys)] },
    hostKey: buildHostKey(publicBlob(keys.host)),
  };
}
