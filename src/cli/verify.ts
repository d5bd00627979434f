/** Implements `vmbuild verify`: runs a template's HTTP checks against a running instance. */
import { parseFingerprint } from "../acceptance/trust.js";
import type { Trust } from "../acceptance/trust.js";
import { readCertificates, requireAcceptance } from "../image/acceptance.js";
import { verifyInstance } from "../image/verify.js";
import { VmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import { Secrets } from "../events/secrets.js";
import { parseDuration } from "../fields.js";
import { createReporter, createReportOutput } from "./acceptance-output.js";
import type { ReportFlags } from "./acceptance-output.js";
import { interruptible } from "./interrupt.js";
import { requireOptionFile } from "./option-file.js";
import { loadFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { secretFromEnvironment } from "./secret-option.js";

/** Flags of the command. */
export interface VerifyFlags extends TemplateFlags, OutputFlags, ReportFlags {
  readonly endpoint: string;
  readonly passwordEnv?: string;
  readonly tokenEnv?: string;
  readonly insecure?: boolean;
  readonly ca?: string;
  readonly fingerprint?: string;
  readonly wait?: string;
}

/** Parses an address, or a host alone, which gets the section's scheme. */
function parseEndpoint(text: string, scheme: string): URL {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${scheme}://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const hint = "Use for example --endpoint https://10.0.0.1";
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new VmbuildError("USAGE", `--endpoint ${text} is not an http(s) URL`, { hint });
  }
  if (url.username !== "" || url.password !== "") {
    throw new VmbuildError("USAGE", "--endpoint contains a user name or a password", {
      hint: "Other users of this host can read the arguments of a process; use --password-env.",
    });
  }
  if (url.search !== "" || url.hash !== "") {
    throw new VmbuildError("USAGE", `--endpoint ${text} contains a query or a fragment`, { hint });
  }
  return url;
}

async function trustFrom(flags: VerifyFlags, endpoint: URL): Promise<Trust> {
  const { insecure, ca, fingerprint } = flags;
  if (endpoint.protocol === "http:" && (ca !== undefined || fingerprint !== undefined)) {
    throw new VmbuildError("USAGE", "--ca and --fingerprint require an https endpoint", {
      hint: "Use https:// in --endpoint, or omit --ca and --fingerprint.",
    });
  }
  if (fingerprint !== undefined) {
    return { kind: "fingerprint", sha256: parseFingerprint(fingerprint) };
  }
  if (ca !== undefined) return readCertificates(ca);
  return { kind: insecure ? "insecure" : "system" };
}

/** Runs the command; returns 0, or 8 when a check failed. */
export async function verify(name: string, flags: VerifyFlags): Promise<number> {
  const output = createReportOutput(flags);
  const template = await loadFromFlags(name, flags);
  const section = requireAcceptance(template);
  const endpoint = parseEndpoint(flags.endpoint, section.endpoint.scheme);
  const waitMs = parseDuration(flags.wait ?? "0s");
  if (waitMs === undefined) {
    throw new VmbuildError("USAGE", `--wait ${flags.wait}: use for example 5m`);
  }
  await requireOptionFile("--junit", flags.junit);
  const secret = {
    password: secretFromEnvironment("--password-env", flags.passwordEnv),
    token: secretFromEnvironment("--token-env", flags.tokenEnv),
  };
  const trust = await trustFrom(flags, endpoint);
  const secrets = new Secrets();
  for (const value of [...template.secrets, secret.password, secret.token]) {
    if (value !== undefined) secrets.add(value);
  }
  const bus = createBus(template.name, secrets, [await output.createSink()]);
  const { title = `${template.name} ${template.version}` } = section;
  const subject = `Endpoint: ${endpoint.href.replace(/\/$/, "")}`;
  const reporter = createReporter(output, secrets, flags, { title, subject });
  try {
    const report = await interruptible((signal) =>
      verifyInstance({
        template,
        endpoint,
        secret,
        trust,
        waitMs,
        emit: bus.emit,
        signal,
        onResult: (result) => reporter.onResult(result),
      }),
    );
    return await reporter.finish(report);
  } finally {
    await bus.close();
  }
}
