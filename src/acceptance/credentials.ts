/** Whom HTTP checks authenticate as, and the header that says so. */
import { randomBytes } from "node:crypto";
import type { HttpCheck } from "./check-schema.js";

/** What one may know of an instance. */
export interface Secret {
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

/** The secrets of one round. */
export interface Credentials extends Secret {
  readonly user: string;
  /** Those from before the last change. */
  readonly previous?: Secret | undefined;
}

/** A secret that nobody else has: 144 bits, in characters that need no quoting anywhere. */
export function makeSecret(): string {
  return randomBytes(18).toString("base64url");
}

/**
 * The header for a check.
 * @returns the header (empty for none), or why it cannot be made.
 */
export function authorizationOf(
  auth: HttpCheck["auth"],
  credentials: Credentials,
): Readonly<Record<string, string>> | string {
  const wish = typeof auth === "string" ? { scheme: auth, previous: false } : auth;
  if (wish.scheme === "none") return {};
  const given = "secret" in wish ? wish.secret : undefined;
  const known = wish.previous ? credentials.previous : credentials;
  const when = wish.previous ? "earlier " : "";
  if (wish.scheme === "basic") {
    const password = given ?? known?.password;
    if (password === undefined) return `the ${when}password is unknown`;
    const user = ("user" in wish ? wish.user : undefined) ?? credentials.user;
    const pair = Buffer.from(`${user}:${password}`).toString("base64");
    return { authorization: `Basic ${pair}` };
  }
  const token = given ?? known?.token ?? known?.password;
  if (token === undefined) return `the ${when}token is unknown`;
  return { authorization: `Bearer ${token}` };
}
