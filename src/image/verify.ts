/** Runs the HTTP checks of a template's acceptance section against a deployed instance. */
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

/** Inputs of {@link verifyInstance}. */
export interface VerifyOptions {
  readonly template: Template;
  /** Such as `https://10.0.0.1`; may have a port and a path. */
  readonly endpoint: URL;
  readonly secret: Secret;
  readonly trust: Trust;
  /** Time during which checks with a `within` are retried. Milliseconds. */
  readonly waitMs: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly onResult: (result: CheckResult) => void;
}

/** Returns the endpoint's address for another scheme or port on the same host. */
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
 * Verifies an instance. The report contains the results of all checks, including those that could
 * not be run.
 * @throws {VmbuildError} TEMPLATE_INVALID when the template has no HTTP checks.
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
