/** Creates a client of S3 with this host's proxies and certificate authorities. */
import type { S3Client } from "@aws-sdk/client-s3";
import type { Dispatcher } from "undici";

interface HandledRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.codePointAt(0)?.toString(16).toUpperCase()}`,
  );
}

/** Returns the query of a request as it was signed. */
function queryText(query: HandledRequest["query"] = {}): string {
  const pairs = Object.entries(query).flatMap(([key, value]) => {
    if (value === null) return [encode(key)];
    const values = typeof value === "string" ? [value] : value;
    return values.map((one) => `${encode(key)}=${encode(one)}`);
  });
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** Sends the requests of the client through an agent. */
function handlerOf(agent: Dispatcher) {
  return {
    async handle(request: HandledRequest, { abortSignal }: { abortSignal?: AbortSignal } = {}) {
      const { protocol, hostname, port, path, query, method, headers, body } = request;
      const response = await agent.request({
        origin: `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`,
        path: `${path}${queryText(query)}`,
        method: method,
        // The agent computes these two.
        headers: Object.fromEntries(
          Object.entries(headers).filter(([name]) => !/^(host|expect)$/i.test(name)),
        ),
        body: (body ?? null) as Buffer | null,
        signal: abortSignal ?? null,
      });
      const received = Object.entries(response.headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
      );
      return {
        response: {
          statusCode: response.statusCode,
          headers: Object.fromEntries(received) as Record<string, string>,
          body: response.body,
        },
      };
    },
    updateHttpClientConfig(): void {},
    httpHandlerConfigs: () => ({}),
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Creates a client from the environment and the files in `~/.aws`: credentials, AWS_REGION,
 * AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL for servers other than Amazon's. The library is imported
 * on demand.
 */
export async function connectS3(agent: Dispatcher, env: Environment): Promise<S3Client> {
  // The client warns of Node.js versions that its later releases will not support. That is for
  // those who choose its release, not for users of this one.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  const { S3Client: Client } = await import("@aws-sdk/client-s3");
  const endpoint = env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"] || undefined;
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || undefined;
  return new Client({
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    // Servers other than Amazon's ignore the region, but a signature contains one.
    ...(region !== undefined || endpoint !== undefined ? { region: region ?? "us-east-1" } : {}),
    // Retries are vmbuild's, which reports them.
    maxAttempts: 1,
    // Other servers do not know the checksums that Amazon's computes.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: handlerOf(agent),
  });
}
