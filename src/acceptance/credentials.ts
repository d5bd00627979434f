/** Manages the credentials of HTTP checks and their Authorization header. */
import { randomBytes } from "node:crypto";
import type { HttpCheck } from "./check-schema.js";

/** Secrets of an instance. */
export interface Secret {
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

/** Secrets of one round. */
export interface Credentials extends Secret {
  readonly user: string;
  /** Secrets before the last change. */
  readonly previous?: Secret | undefined;
}

/** Generates a secret: 144 bits, in characters that need no quoting anywhere. */
export function makeSecret(): string {
  return randomBytes(18).toString("base64url");
}

/**
 * Returns the header for a check.
 * @returns the header (empty for none), or the reason why it cannot be created.
 */
export function authorizationOf(
  auth: HttpCheck["auth"],
  credentials: Credentials,
): Readonly<Record<string, string>> | string {
  const authentication = typeof auth === "string" ? { scheme: auth, previous: false } : auth;
  if (authentication.scheme === "none") return {};
  const given = "secret" in authentication ? authentication.secret : undefined;
  const known = authentication.previous ? credentials.previous : credentials;
  const when = authentication.previous ? "earlier " : "";
  if (authentication.scheme === "basic") {
    const password = given ?? known?.password;
    if (password === undefined) return `the ${when}password is unknown`;
    const user = ("user" in authentication ? authentication.user : undefined) ?? credentials.user;
    const pair = Buffer.from(`${user}:${password}`).toString("base64");
    return { authorization: `Basic ${pair}` };
  }
  const token = given ?? known?.token ?? known?.password;
  if (token === undefined) return `the ${when}token is unknown`;
  return { authorization: `Bearer ${token}` };
}
