/** Gives a guest that was entered with other credentials the build's key. */
import { asVmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { shellQuote } from "../host/programs.js";
import { LET_IN } from "../seed/login-hook.js";
import type { Guest } from "./guest.js";
import type { Login } from "./login.js";

/** Inputs of {@link grantLogin}. */
export interface GrantInput {
  readonly guest: Guest;
  readonly login: Login;
  /** The build's public key. */
  readonly publicKey: string;
  /** Opens and closes a connection with the build's key alone. */
  readonly tryKey: () => Promise<void>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Adds the build's key to the login user's authorized keys, so that checkpoints and `vmbuild ssh`
 * need no other credentials. The seal removes it.
 */
export async function grantLogin(input: GrantInput): Promise<void> {
  const { guest, login, publicKey, tryKey, emit, signal } = input;
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
