/**
 * Collects the certificate authorities to trust: Node's own, the host's, and those named in the
 * environment. Companies whose proxies intercept TLS have an authority of their own.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, rootCertificates } from "node:tls";
import type { SecureContext } from "node:tls";
import { messageOf } from "../errors.js";
import type { Environment } from "./proxy.js";

/** Paths of the host's bundle: Debian and Alpine; Fedora; openSUSE; older Red Hat; BSD. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/** Variables that name files or folders of certificates. */
const FILE_VARIABLES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] as const;
const FOLDER_VARIABLE = "SSL_CERT_DIR";

/** Certificates, and problems with the files that the environment names. */
export interface Authorities {
  /** Certificates in PEM format, one per entry. */
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
        // A broken link or an unreadable file must not hide the other certificates.
        return [];
      }
    });
}

/** Reads the first of the host's bundles that exists and is readable. */
function systemCertificates(): string[] {
  for (const path of SYSTEM_BUNDLES) {
    try {
      return certificatesIn(path);
    } catch {
      // Other distributions use another path.
    }
  }
  return [];
}

/**
 * Reads the authorities that the environment names: NODE_EXTRA_CA_CERTS, SSL_CERT_FILE,
 * SSL_CERT_DIR.
 */
export function environmentAuthorities(env: Environment = process.env): Authorities {
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

/** Returns all trusted authorities without duplicates, in PEM format. */
function trustedCertificates(env: Environment): string[] {
  const all = [
    ...environmentAuthorities(env).certificates,
    ...systemCertificates(),
    ...rootCertificates,
  ];
  return [...new Map(all.map((pem) => [pem.replaceAll(/\s/g, ""), pem.trim()])).values()];
}

/** Returns {@link trustedCertificates} as one bundle, for programs that read a single file. */
export function trustedBundle(env: Environment = process.env): string {
  return `${trustedCertificates(env).join("\n")}\n`;
}

let cached: { readonly bundle: string; readonly context: SecureContext } | undefined;

/**
 * Returns the context that TLS connections use to verify certificates. The files are read at each
 * call; the context is created again only when they changed.
 */
export function trustedContext(env: Environment = process.env): SecureContext {
  const certificates = trustedCertificates(env);
  // Certificates are added one by one, because Node stops reading a bundle at the first broken one.
  const bundle = certificates.join("\n");
  if (cached?.bundle !== bundle)
    cached = { bundle, context: createSecureContext({ ca: certificates }) };
  return cached.context;
}

/** OpenSSL's codes for a certificate of an unknown authority. */
const UNKNOWN_AUTHORITY =
  /^(UNABLE_TO_(GET_ISSUER_CERT|GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/;

/** Returns advice for a certificate that is not trusted; undefined for other error codes. */
export function trustHint(code: string | undefined, env?: Environment): string | undefined {
  if (code === undefined || !UNKNOWN_AUTHORITY.test(code)) return undefined;
  const { problems } = environmentAuthorities(env);
  const advice =
    "If a proxy or server uses a private certificate authority, set NODE_EXTRA_CA_CERTS=/path/to/authority.pem (or SSL_CERT_FILE), or add the certificate to the host's bundle.";
  return [...problems.map((problem) => `${problem}.`), advice].join(" ");
}
