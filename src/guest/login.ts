/** Describes how the build logs in to a guest, and offers its credentials to the SSH server. */
import type { AnyAuthMethod, KeyboardInteractiveCallback, Prompt } from "ssh2";
import { SingleKeyAgent } from "./agent.js";
import type { AgentIdentity } from "./agent.js";

/** Private key of a login. */
export interface PrivateKey {
  /** Name in messages: `the build's key`. */
  readonly name: string;
  /** In OpenSSH's format. */
  readonly private: string;
}

/** Key that only an SSH agent can use. */
export interface AgentKey {
  /** Name in messages: `the agent's key me@laptop`. */
  readonly name: string;
  readonly agent: AgentIdentity;
}

/** Key of a login. */
export type LoginKey = PrivateKey | AgentKey;

/** User and credentials of a login. */
export interface Login {
  readonly user: string;
  /** In the order in which they are offered. */
  readonly keys: readonly LoginKey[];
  /** Offered after the keys: as a password, then for keyboard-interactive prompts. */
  readonly password?: string | undefined;
}

/**
 * Maximum number of rounds of keyboard-interactive prompts. PAM asks once and may add empty rounds;
 * a server that goes on asking is not satisfied by a password.
 */
const MAX_ROUNDS = 3;

/** Arguments of ssh2's prompt callback. */
type PromptArguments = [
  name: string,
  instructions: string,
  language: string,
  prompts: Prompt[],
  finish: KeyboardInteractiveCallback,
];

/** Reports why prompts cannot be answered. */
type ReportPrompt = (reason: string) => void;

/**
 * Answers keyboard-interactive prompts with the password: hidden prompts get it, rounds without
 * prompts get no answer, and a prompt that echoes, such as one for a code, cannot be answered.
 */
function promptHandler(password: string, report: ReportPrompt) {
  let rounds = 0;
  return (...[, , , prompts, finish]: PromptArguments): void => {
    rounds += 1;
    const visible = prompts.find(({ echo }) => echo === true);
    if (rounds > MAX_ROUNDS) report("the guest asks again and again");
    else if (visible) report(`the guest asks "${visible.prompt.trim()}"`);
    const answers = visible || rounds > MAX_ROUNDS ? [] : prompts.map(() => password);
    finish(answers);
  };
}

/**
 * Returns the authentication attempts of one connection, in order. ssh2's own order would offer the
 * password before the keys. Servers disconnect after a few refusals (MaxAuthTries in
 * sshd_config(5), 6 by default).
 * @param report called with the reason when the guest asks something other than the password.
 */
export function authMethods(login: Login, report: ReportPrompt): AnyAuthMethod[] {
  const { user: username, keys, password } = login;
  const byKey = keys.map((key): AnyAuthMethod =>
    "agent" in key
      ? { type: "agent", username, agent: new SingleKeyAgent(key.agent) }
      : { type: "publickey", username, key: key.private },
  );
  if (password === undefined) return byKey;
  return [
    ...byKey,
    { type: "password", username, password },
    { type: "keyboard-interactive", username, prompt: promptHandler(password, report) },
  ];
}

/** Names the credentials of a login in a message: `the build's key and the password`. */
export function describeLogin({ keys, password }: Login): string {
  const names = keys.map(({ name }) => name);
  if (password !== undefined) names.push("the password");
  return new Intl.ListFormat("en", { type: "conjunction" }).format(names);
}
