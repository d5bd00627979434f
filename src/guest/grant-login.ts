/** Gives a guest that was entered with other credentials the build's key, and sudo without password. */
import { VmbuildError, asVmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { shellQuote } from "../host/programs.js";
import { LET_IN, SUDO_RULE } from "../seed/login-hook.js";
import type { Connection } from "./connection.js";
import type { Guest } from "./guest.js";
import type { Login } from "./login.js";
import { runQuietly } from "./script.js";

/** Time limit of one command. Milliseconds. */
const DEADLINE_MS = 120_000;

/** Inputs of {@link grantLogin}. */
export interface GrantInput {
  readonly guest: Guest;
  /** Connection that the credentials opened. */
  readonly connection: Connection;
  readonly login: Login;
  /** The build's public key. */
  readonly publicKey: string;
  /** Opens and closes a connection with the build's key alone. */
  readonly tryKey: () => Promise<void>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Installs a sudo rule for a user that needs its password for sudo. The seal's last command removes
 * the rule. The password goes to sudo's standard input and appears in no argument list.
 */
function sudoScript(user: string, password: string): string {
  const rule = `umask 0337; mkdir -p /etc/sudoers.d; printf "%s ALL=(ALL) NOPASSWD:ALL\\n" ${user} >${SUDO_RULE}`;
  return `
sudo -n true 2>/dev/null && exit 0
printf '%s\\n' ${shellQuote(password)} | sudo -S -p '' /bin/sh -c '${rule}' || exit 1
sudo -n true
`;
}

/** Ensures that the login user can run commands as root. */
async function grantSudo({ connection, login, signal }: GrantInput): Promise<void> {
  const { user, password } = login;
  if (user === "root" || password === undefined) return;
  const { end, output } = await runQuietly(connection, sudoScript(user, password), signal, {
    sudo: false,
    timeoutMs: DEADLINE_MS,
  });
  if (end.exitCode === 0) return;
  throw new VmbuildError("GUEST_SHELL", `The user ${user} cannot become root with sudo`, {
    lines: output,
    hint: "Allow the user to run all commands with sudo in the base, or log in as root (ssh.user).",
  });
}

/**
 * Adds the build's key to the login user's authorized keys, so that checkpoints and `vmbuild ssh`
 * need no other credentials. The seal removes it.
 * @throws {VmbuildError} GUEST_SHELL when the user cannot become root.
 */
export async function grantLogin(input: GrantInput): Promise<void> {
  const { guest, login, publicKey, tryKey, emit, signal } = input;
  await grantSudo(input);
  try {
    const variables = `user=${shellQuote(login.user)} key=${shellQuote(publicKey.trim())}`;
    await guest.ask(`${variables}\n${LET_IN}\nlet_in >/dev/null 2>&1`, "Adding the build's key");
    await tryKey();
  } catch (thrown) {
    signal.throwIfAborted();
    emit({
      type: "warning",
      message: `The guest does not accept the build's key: ${asVmbuildError(thrown).message}`,
      hint: "Runs that resume from a checkpoint, and vmbuild ssh, may not be able to log in.",
    });
  }
}
