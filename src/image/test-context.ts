/** Tracks the context variables and secrets of an image under test from round to round. */
import { makeSecret } from "../acceptance/credentials.js";
import type { Credentials, Secret } from "../acceptance/credentials.js";
import type { Secrets } from "../events/secrets.js";
import { CONTEXT_SECRET_NAME } from "../seed/context.js";
import type { ContextVariables } from "../seed/context.js";
import type { Acceptance } from "../template/acceptance-schema.js";
import type { Round } from "./rounds.js";

/** Context variables that the user has given, and the registry of secrets. */
export interface ContextOptions {
  readonly context?: ContextVariables | undefined;
  readonly secrets: Secrets;
}

/** Context variables of each round. Values of earlier rounds remain valid. */
export class RoundContexts {
  readonly #options: ContextOptions;
  readonly #section: Acceptance;
  readonly #hasContextDisk: boolean;
  #values: ContextVariables;
  #current: Secret = {};
  previous: Secret | undefined;

  constructor(options: ContextOptions, section: Acceptance) {
    this.#options = options;
    this.#section = section;
    this.#values = { ...section.boot.context, ...options.context };
    const { passwordContext, tokenContext } = section.credentials;
    this.#hasContextDisk =
      section.boot.context !== undefined ||
      options.context !== undefined ||
      passwordContext !== undefined ||
      tokenContext !== undefined ||
      section.rounds.some(({ context }) => context !== undefined);
  }

  /** Applies the changes of a round. */
  startRound({ context, newCredentials }: Round): void {
    this.#values = { ...this.#values, ...context, ...this.#options.context };
    const { passwordContext, tokenContext, password, token } = this.#section.credentials;
    for (const name of [passwordContext, tokenContext]) {
      if (name === undefined) continue;
      if (!newCredentials && (this.#values[name] ?? "") !== "") continue;
      this.#values = { ...this.#values, [name]: makeSecret() };
    }
    if (newCredentials) this.previous = this.#current;
    const at = (name: string | undefined): string | undefined =>
      name === undefined ? undefined : this.#values[name];
    this.#current = { password: at(passwordContext) ?? password, token: at(tokenContext) ?? token };
    const hidden = Object.entries(this.#values).filter(([name]) => CONTEXT_SECRET_NAME.test(name));
    const { password: own = "", token: second = "" } = this.#current;
    for (const value of [own, second, ...hidden.map(([, text]) => text)]) {
      this.#options.secrets.add(value);
    }
  }

  get credentials(): Credentials {
    return { user: this.#section.credentials.user, ...this.#current, previous: this.previous };
  }

  /** Undefined where the image gets no CONTEXT disk. */
  get values(): ContextVariables | undefined {
    return this.#hasContextDisk ? this.#values : undefined;
  }
}
