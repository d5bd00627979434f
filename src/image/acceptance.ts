/** Functions shared by `vmbuild test` and `vmbuild verify`. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { AcceptanceReport } from "../acceptance/report.js";
import type { Trust } from "../acceptance/trust.js";
import { VmbuildError, messageOf } from "../errors.js";
import type { Acceptance } from "../template/acceptance-schema.js";
import type { Template } from "../template/load.js";

/** Default ports of the schemes (RFC 9110, 4.2). */
export const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/**
 * Returns the port that a check uses: its own, the endpoint's if the scheme is the same, or the
 * scheme's default.
 */
export function guestPort(
  endpoint: Acceptance["endpoint"],
  scheme: "http" | "https" = endpoint.scheme,
  port?: number,
): number {
  const own = scheme === endpoint.scheme ? endpoint.port : undefined;
  return port ?? own ?? DEFAULT_PORTS[scheme];
}

/**
 * Returns the template's acceptance section.
 * @throws {VmbuildError} TEMPLATE_INVALID when it has none.
 */
export function requireAcceptance({ acceptance, path }: Template): Acceptance {
  if (acceptance) return acceptance;
  throw new VmbuildError("TEMPLATE_INVALID", `${path} has no acceptance section`, {
    hint: "See docs/acceptance.md for an example.",
  });
}

/**
 * Reads trusted certificates in PEM.
 * @throws {VmbuildError} INPUT_MISSING when the file cannot be read or has none.
 */
export async function readCertificates(path: string): Promise<Trust> {
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (cause) {
    const message = `The certificates ${path} cannot be read: ${messageOf(cause)}`;
    throw new VmbuildError("INPUT_MISSING", message, { cause });
  }
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return { kind: "ca", pem };
  throw new VmbuildError("INPUT_MISSING", `${path} contains no PEM certificate`);
}

/** Returns which certificates the acceptance section trusts. */
export async function trustOf({ folder }: Template, { endpoint }: Acceptance): Promise<Trust> {
  if (endpoint.insecure) return { kind: "insecure" };
  if (endpoint.ca === undefined) return { kind: "system" };
  return readCertificates(resolve(folder, endpoint.ca));
}

/** Returns the error for a report with failures. */
export function acceptanceError(report: AcceptanceReport, lines: readonly string[]): VmbuildError {
  const { name, passed, total } = report;
  const message = `${name}: ${total - passed} of ${total} acceptance checks failed`;
  return new VmbuildError("ACCEPTANCE_FAILED", message, { lines, details: { passed, total } });
}
