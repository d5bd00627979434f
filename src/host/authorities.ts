/**
 * The certificate authorities that connections trust: Node's own, the host's, and those that the
 * environment names. Companies whose proxies open TLS connections have an authority of their own.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, rootCertificates } from "node:tls";
import type { SecureContext } from "node:tls";
import { messageOf } from "../errors.js";
import type { Environment } from "./proxy.js";

/** The host's bundle: Debian and Alpine; Fedora; openSUSE; older Red Hat; BSD's place. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/** The variables that name files or folders of certificates. */
const FILE_VARIABLES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] as const;
const FOLDER_VARIABLE = "SSL_CERT_DIR";

/** Certificates, and why some of what the environment names could not be read. */
export interface Authorities {
  /** One certificate each, as PEM. */
  readonly certificates: readonly string[];
  /** Sentences that begin with the variable's name. */
  readonly problems: readonly string[];
}

const PEM = /-----BEGIN (?:X509 )?CERTIFICATE-----[^-]+-----END (?:X509 )?CERTIFICATE-----/g;

function certificatesIn(path: string): string[] {
  return readFileSync(path, "latin1").match(PEM) ?? [];
}

function readVariable(name: string, read: () => string[]): Authorities {
  try {
    const certificates = read();
    const problem = `${name} does not refer to a file with PEM certificates`;
    return { certificates, problems: certificates.length > 0 ? [] : [problem] };
  } catch (error) {
    return { certificates: [], problems: [`${name} cannot be read: ${messageOf(error)}`] };
  }
}

function certificatesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .flatMap(({ name }) => {
      try {
        return certificatesIn(join(folder, name));
      } catch {
        // A link that leads nowhere, or a file for root alone, says nothing about the others.
        return [];
      }
    });
}

/** The first bundle of the host that can be read. */
function systemCertificates(): string[] {
  for (const path of SYSTEM_BUNDLES) {
    try {
      return certificatesIn(path);
    } catch {
      // Another distribution's place.
    }
  }
  return [];
}

/** The authorities that the environment names: NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, SSL_CERT_DIR. */
export function namedAuthorities(env: Environment = process.env): Authorities {
  const found = FILE_VARIABLES.flatMap((name) => {
    const path = env[name] ?? "";
    return path === "" ? [] : [readVariable(name, () => certificatesIn(path))];
  });
  const folders = (env[FOLDER_VARIABLE] ?? "").split(":").filter((folder) => folder !== "");
  if (folders.length > 0) {
    found.push(readVariable(FOLDER_VARIABLE, () => folders.flatMap(certificatesUnder)));
  }
  return {
    certificates: found.flatMap(({ certificates }) => certificates),
    problems: found.flatMap(({ problems }) => problems),
  };
}

/** Every authority that is trusted, each once, as PEM. */
function trustedCertificates(env: Environment): string[] {
  const all = [...namedAuthorities(env).certificates, ...systemCertificates(), ...rootCertificates];
  return [...new Map(all.map((pem) => [pem.replaceAll(/\s/g, ""), pem.trim()])).values()];
}

/** {@link trustedCertificates} for a program that reads one bundle. */
export function trustedBundle(env: Environment = process.env): string {
  return `${trustedCertificates(env).join("\n")}\n`;
}

let known: { readonly bundle: string; readonly context: SecureContext } | undefined;

/** What TLS connections check certificates with; read anew, and made anew where it changed. */
export function trustedContext(env: Environment = process.env): SecureContext {
  const certificates = trustedCertificates(env);
  // One by one: of a text with several, Node reads no further than to a broken one.
  const bundle = certificates.join("\n");
  if (known?.bundle !== bundle)
    known = { bundle, context: createSecureContext({ ca: certificates }) };
  return known.context;
}

/** OpenSSL's codes for a certificate whose authority is not among those that are trusted. */
const UNKNOWN_AUTHORITY =
  /^(UNABLE_TO_(GET_ISSUER_CERT|GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/;

/** What to do about a certificate that is not trusted; undefined for other errors' codes. */
export function trustHint(code: string | undefined, env?: Environment): string | undefined {
  if (code === undefined || !UNKNOWN_AUTHORITY.test(code)) return undefined;
  const { problems } = namedAuthorities(env);
  const advice =
    "If a proxy or server uses a private certificate authority, set NODE_EXTRA_CA_CERTS=/path/to/authority.pem (or SSL_CERT_FILE), or add the certificate to the host's bundle.";
  return [...problems.map((problem) => `${problem}.`), advice].join(" ");
}
