/** Determines how a run connects to its guest: login, host keys, and the servers that answer. */
import { RESCUE_SSH_PORT } from "../guest/rescue-sshd.js";
import { lostFeatures } from "../guest/capabilities.js";
import type { Capabilities } from "../guest/capabilities.js";
import { buildKey, buildTarget } from "../guest/build-target.js";
import type { Guest } from "../guest/guest.js";
import type { SshTarget } from "../guest/connection.js";
import { LearnedHostKey, buildHostKey, givenHostKey } from "../guest/host-key.js";
import type { HostKeyVerifier } from "../guest/host-key.js";
import type { Login, PrivateKey } from "../guest/login.js";
import type { Emit } from "../events/types.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { baseLetsIn } from "../requirements/login.js";
import type { LoginPlan } from "../requirements/login.js";
import type { Seed } from "../seed/kind.js";
import { publicBlob } from "../seed/keys.js";
import type { BuildKeys, KeyPair } from "../seed/keys.js";

/** Emits a note for each feature that works differently, or not at all, in a guest. */
export function noteLostFeatures(capabilities: Capabilities, emit: Emit): void {
  for (const message of lostFeatures(capabilities)) emit({ type: "note", message });
}

/** Data needed to connect to a machine's guest over SSH. */
export interface SshAccess {
  readonly machine: RunningMachine;
  readonly keys: BuildKeys;
  /** Login at the guest's own server. */
  readonly login: Login;
  /** Host key of the guest's own server. */
  readonly hostKey: HostKeyVerifier;
  readonly console: string;
  readonly emit: Emit;
  /** Aborts when the run is cancelled or the machine dies. */
  readonly signal: AbortSignal;
}

/** Returns the keys with which a base lets the build in by itself. */
export function keysOfBase(
  { privateKey }: Partial<LoginPlan>,
  base: KeyPair | undefined,
): PrivateKey[] {
  return [
    { name: "the key of the installed base", private: base?.private },
    { name: "the key of ssh.privateKey", private: privateKey },
  ].filter((key): key is PrivateKey => key.private !== undefined);
}

/** Returns the login with the build's key, that of an installed base, and the template's credentials. */
export function loginOf(
  plan: Pick<LoginPlan, "user"> & Partial<LoginPlan>,
  keys: BuildKeys,
): Login {
  const { user, password } = plan;
  return { user, keys: [buildKey(keys), ...keysOfBase(plan, keys.base)], password };
}

/**
 * Returns the verifier for a host key that the build does not give to the guest: that of the
 * template, else the one that is learned at the first connection.
 * @param known blob, in base64, that an earlier connection learned.
 */
export function ownHostKey(
  { hostKey }: Pick<LoginPlan, "hostKey">,
  known?: string,
): HostKeyVerifier | LearnedHostKey {
  return hostKey === undefined ? new LearnedHostKey(known) : givenHostKey(hostKey);
}

/**
 * Returns the verifier for the guest's own server. Most seeds give the guest the build's host key.
 * A base that accepts credentials of its own may ignore the seed, so its host key is learned at the
 * first connection unless the template gives it.
 */
export function hostKeyOf(
  plan: Partial<LoginPlan>,
  keys: BuildKeys,
  { givesHostKey }: Pick<Seed, "givesHostKey"> = { givesHostKey: true },
): HostKeyVerifier | LearnedHostKey {
  const { base, learnedHost } = keys;
  const isGiven = givesHostKey && !baseLetsIn(plan, base) && learnedHost === undefined;
  if (isGiven && plan.hostKey === undefined) return buildHostKey(publicBlob(keys.host));
  return ownHostKey(plan, learnedHost);
}

/** Returns the guest's own SSH server. */
export function guestServer({ machine, login, hostKey }: SshAccess): SshTarget {
  return { port: machine.sshPort, login, hostKey };
}

/** Returns the rescue SSH server, which has the build's keys; undefined without a port for it. */
export function rescueServer({ machine, login, keys }: SshAccess): SshTarget | undefined {
  const port = machine.ports.get(RESCUE_SSH_PORT);
  return port === undefined ? undefined : buildTarget(port, login.user, keys);
}

/**
 * Returns the servers at which a program of this host may log in. The rescue SSH server comes first
 * where it runs, because no step changes it.
 */
export function serversFor(
  access: SshAccess,
  { capabilities }: Pick<Guest, "capabilities">,
): SshTarget[] {
  const rescue = capabilities?.rescueServer === true ? rescueServer(access) : undefined;
  return [...(rescue ? [rescue] : []), guestServer(access)];
}
