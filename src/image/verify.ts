/** Runs the HTTP checks of a template's acceptance section against an instance somewhere else. */
import type { Secret } from "../acceptance/credentials.js";
import { composeReport } from "../acceptance/report.js";
import type { AcceptanceReport } from "../acceptance/report.js";
import { runChecks } from "../acceptance/run.js";
import type { CheckResult } from "../acceptance/run.js";
import type { Trust } from "../acceptance/trust.js";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Template } from "../template/load.js";
import { DEFAULT_PORTS, requireAcceptance } from "./acceptance.js";

/** What is verified, and how. */
export interface VerifyOptions {
  readonly template: Template;
  /** `https://10.0.0.1`, with a port or a path if need be. */
  readonly endpoint: URL;
  readonly secret: Secret;
  readonly trust: Trust;
  /** How long checks with a `within` are tried again. Milliseconds. */
  readonly waitMs: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly onResult: (result: CheckResult) => void;
}

/** The address of the endpoint for another scheme or port: on the same host. */
function addressFor(endpoint: URL, scheme?: "http" | "https", port?: number): string {
  const own = endpoint.protocol.slice(0, -1) as "http" | "https";
  const path = endpoint.pathname.replace(/\/+$/, "");
  if ((scheme === undefined || scheme === own) && port === undefined) {
    return endpoint.origin + path;
  }
  const other = scheme ?? own;
  return `${other}://${endpoint.hostname}:${port ?? DEFAULT_PORTS[other]}${path}`;
}

/**
 * Verifies an instance. What a check finds is in the report, also that it could not be made.
 * @throws {VmbuildError} TEMPLATE_INVALID when the template has no checks over HTTP.
 */
export async function verifyInstance(options: VerifyOptions): Promise<AcceptanceReport> {
  const { template, endpoint, secret, trust, waitMs, emit, signal, onResult } = options;
  const section = requireAcceptance(template);
  const checks = section.checks.filter((check) => "http" in check);
  if (checks.length === 0) {
    throw new VmbuildError("TEMPLATE_INVALID", `${template.path} has no HTTP checks`, {
      hint: "`vmbuild verify` runs HTTP checks only; `vmbuild test` runs the others.",
    });
  }
  const { credentials } = section;
  const http = {
    trust,
    credentials: {
      user: credentials.user,
      password: secret.password ?? credentials.password,
      token: secret.token ?? credentials.token,
    },
    address: (scheme?: "http" | "https", port?: number) => addressFor(endpoint, scheme, port),
  };
  const started = performance.now();
  const results = await runChecks(checks, {
    targets: { http },
    startedAt: started,
    maxWaitMs: waitMs,
    emit,
    signal,
    onResult,
  });
  const { name, version } = template;
  const durationMs = performance.now() - started;
  return composeReport({ name, version, subject: endpoint.href, durationMs }, [
    { checks: results },
  ]);
}
