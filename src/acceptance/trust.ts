/** Defines which certificates an HTTPS check accepts, and creates its connections. */
import type { TLSSocket } from "node:tls";
import { Agent, buildConnector } from "undici";
import { VmbuildError } from "../errors.js";
import { trustedContext } from "../host/authorities.js";
import { readFromClosingServers } from "../host/closing-servers.js";

/** Certificates that a check accepts. */
export type Trust =
  /** Certificates by the authorities of Node.js, of this host, and of the environment. */
  | { readonly kind: "system" }
  /** Any certificate; only when explicitly requested. */
  | { readonly kind: "insecure" }
  /** Certificates by the authorities in a PEM text, or the self-signed certificate in it. */
  | { readonly kind: "ca"; readonly pem: string }
  /** The certificate with this SHA-256, in lower-case hexadecimal. */
  | { readonly kind: "fingerprint"; readonly sha256: string };

/**
 * Parses a fingerprint as copied from openssl or a browser (`AB:CD:…`), or in plain hexadecimal.
 * @throws {VmbuildError} USAGE when it is not a SHA-256.
 */
export function parseFingerprint(text: string): string {
  const hex = text
    .replace(/^sha-?256[:=]/i, "")
    .replaceAll(/[:\s]/g, "")
    .toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  throw new VmbuildError(
    "USAGE",
    "The fingerprint is not a SHA-256: it must have 64 hexadecimal digits",
    {
      hint: "openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256",
    },
  );
}

/** Error for a certificate other than the pinned one. */
class WrongCertificate extends Error {
  readonly code = "WRONG_CERTIFICATE";
}

function fingerprintOf(socket: TLSSocket): string {
  return socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase();
}

/**
 * Creates an agent for one request; the caller destroys it. Agents share no state, so each check
 * sees the certificate that is in use at that time.
 * @param serverName replaces the address's host for SNI and in the certificate.
 */
export function createAgent(trust: Trust, serverName?: string): Agent {
  readFromClosingServers();
  const connect = buildConnector({
    maxCachedSessions: 0,
    allowH2: false,
    rejectUnauthorized: trust.kind === "system" || trust.kind === "ca",
    ...(trust.kind === "ca" ? { ca: trust.pem } : {}),
    ...(trust.kind === "system" ? { secureContext: trustedContext() } : {}),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
  return new Agent({
    // The check has a time limit of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(options, callback) {
      connect(options, (error, socket) => {
        if (error) return callback(error, null);
        if (trust.kind !== "fingerprint") return callback(null, socket);
        // The certificate is verified before the request is sent, because the request may contain a
        // password.
        const found = fingerprintOf(socket as TLSSocket);
        if (found === trust.sha256) return callback(null, socket);
        socket.destroy();
        return callback(
          new WrongCertificate(`the SHA-256 fingerprint of the certificate is ${found}`),
          null,
        );
      });
    },
  });
}

/** OpenSSL's codes for a certificate that is not trusted (Node's tls, X509 errors). */
const UNTRUSTED_CODES = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "WRONG_CERTIFICATE",
]);

/**
 * Returns whether an error's code means that the certificate is not trusted, so that retries are
 * useless.
 */
export function isTrustError(code: string | undefined): boolean {
  return code !== undefined && UNTRUSTED_CODES.has(code);
}
