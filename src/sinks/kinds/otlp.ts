/** Defines the sink that sends a run as a trace to a collector of OpenTelemetry. */
import { z } from "zod";
import { vmbuildVersion } from "../../version.js";
import { WITHOUT_OUTPUT, commonSinkFields, defineSinkKind } from "../kind.js";
import type { OpenSink, SinkContext } from "../kind.js";
import {
  drainTime,
  requestHeaders,
  requestTimeout,
  requestUrl,
  urlSecrets,
} from "../http/fields.js";

/** Path of traces below the address of a collector (OTLP 1.x, section "OTLP/HTTP Request"). */
const TRACES = "/v1/traces";

const schema = z
  .strictObject({
    otlp: requestUrl.describe(
      "address of a collector that takes OTLP over HTTP, such as http://localhost:4318; /v1/traces is added unless the path ends so",
    ),
    headers: requestHeaders,
    timeout: requestTimeout,
    drain: drainTime,
    ...commonSinkFields,
  })
  .describe("sends the run as a trace to a collector of OpenTelemetry");

type Settings = z.infer<typeof schema>;

/** Returns the URL of a collector's traces. */
function tracesUrl(address: string): URL {
  const url = new URL(address);
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith(TRACES) ? path : `${path}${TRACES}`;
  return url;
}

/** Opens the sink. The SDK is imported on demand, because few runs use it. */
async function openTrace(settings: Settings, context: SinkContext): Promise<OpenSink> {
  const { BatchSpanProcessor, TracerProvider } = await import("@opentelemetry/sdk-trace");
  const resources = await import("@opentelemetry/resources");
  const { OtlpExporter } = await import("../otlp/exporter.js");
  const { RunTrace } = await import("../otlp/run-trace.js");
  const { callerContext } = await import("../otlp/parent.js");
  const { headers, timeout: timeoutMs, drain } = settings;
  const url = tracesUrl(settings.otlp);
  const exporter = new OtlpExporter({ url, headers, timeoutMs, onProblem: context.onProblem });
  const own = { "service.name": "vmbuild", "service.version": vmbuildVersion() };
  const provider = new TracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes(own))
      // OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME.
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    // The exporter has limits of its own, and reports what is lost.
    spanProcessors: [new BatchSpanProcessor({ exporter, exportTimeoutMillis: 3_600_000 })],
  });
  const trace = new RunTrace(provider.getTracer("vmbuild"), callerContext(context.environment));
  return {
    take: (event) => trace.handle(event),
    async finish() {
      trace.end();
      const timer = setTimeout(() => exporter.abort(), drain);
      await provider.shutdown();
      clearTimeout(timer);
      return exporter.counts;
    },
  };
}

/** Sink that sends the run as a trace. */
export const otlp = defineSinkKind<Settings>({
  name: "otlp",
  form: "{otlp}",
  schema,
  defaultEvents: WITHOUT_OUTPUT,
  keepsEvents: false,
  settingsOf: (text) => ({ otlp: text }),
  secrets: ({ otlp: address }) => urlSecrets(address),
  describe: ({ otlp: address }) => new URL(address).origin,
  open: openTrace,
});
