/** Which certificates an HTTPS check believes, and the connections that follow from it. */
import type { TLSSocket } from "node:tls";
import { Agent, buildConnector } from "undici";
import { VmbuildError } from "../errors.js";
import { trustedContext } from "../host/authorities.js";

/** Whom a check believes. */
export type Trust =
  /** The authorities of Node.js and of this host, and those that the environment names. */
  | { readonly kind: "system" }
  /** Anybody: only where somebody asked for it. */
  | { readonly kind: "insecure" }
  /** The authorities, or the self-signed certificate, in a PEM text. */
  | { readonly kind: "ca"; readonly pem: string }
  /** The one certificate with this sha256, in lower-case hexadecimal. */
  | { readonly kind: "fingerprint"; readonly sha256: string };

/**
 * A fingerprint as people copy it: `AB:CD:…` from openssl or a browser, or plain hexadecimal.
 * @throws {VmbuildError} USAGE when it is no sha256.
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

/** The certificate is another one than that which was pinned. */
class WrongCertificate extends Error {
  readonly code = "WRONG_CERTIFICATE";
}

function fingerprintOf(socket: TLSSocket): string {
  return socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase();
}

/**
 * An agent for one request; its owner destroys it. Nothing is remembered between two of them, so
 * that each check meets the certificate that is in use at its time.
 * @param serverName in place of the address's host, for SNI and in the certificate.
 */
export function createAgent(trust: Trust, serverName?: string): Agent {
  const connect = buildConnector({
    maxCachedSessions: 0,
    allowH2: false,
    rejectUnauthorized: trust.kind === "system" || trust.kind === "ca",
    ...(trust.kind === "ca" ? { ca: trust.pem } : {}),
    ...(trust.kind === "system" ? { secureContext: trustedContext() } : {}),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
  return new Agent({
    // The check has a deadline of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(options, callback) {
      connect(options, (error, socket) => {
        if (error) return callback(error, null);
        if (trust.kind !== "fingerprint") return callback(null, socket);
        // Before a byte of the request: it may carry a password.
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

/** OpenSSL's codes for a certificate that is not believed (Node's tls, X509 errors). */
const NOT_BELIEVED = new Set([
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

/** Whether an error's code says that the certificate is not believed: trying again is useless. */
export function isAboutTrust(code: string | undefined): boolean {
  return code !== undefined && NOT_BELIEVED.has(code);
}
