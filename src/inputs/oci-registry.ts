/**
 * Implements a registry's HTTP API as far as fetching one layer needs it (OCI distribution spec
 * 1.1).
 */
import { createHash } from "node:crypto";
import type { Dispatcher } from "undici";
import { z } from "zod";
import { VmbuildError, messageOf } from "../errors.js";
import type { FullContext } from "./context.js";
import { proxyRefusal, requestFailure } from "./agent.js";
import { AddressFailure } from "./failure.js";
import type { ImageReference } from "./oci-reference.js";
import { retrying } from "./retry.js";

/** Layer of an image. */
export interface Layer {
  /** Digest of the compressed archive: `sha256:<hex>`. */
  readonly digest: string;
}

/** Client for one image in a registry. */
export interface Registry {
  /**
   * Returns the single layer of the image, of that for a platform where there are several.
   * @param platform such as `linux/amd64`.
   * @throws {VmbuildError} INPUT_OCI, INPUT_DOWNLOAD.
   */
  onlyLayer(platform: string): Promise<Layer>;
  blobAddress(digest: string): string;
  /** Returns the Authorization header, if the registry asked for one. */
  authorization(): string | undefined;
}

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const indexSchema = z.object({
  manifests: z.array(
    z.object({
      digest,
      platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
    }),
  ),
});
const manifestSchema = z.object({ layers: z.array(z.object({ digest })) });
const tokenSchema = z
  .object({ token: z.string().optional(), access_token: z.string().optional() })
  .transform((answer) => answer.token ?? answer.access_token);

const KINDS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

const MAX_BYTES = 4 * 2 ** 20;

/**
 * Converts a challenge `Bearer realm="https://…",service="…",scope="…"` to the address of a token.
 */
function tokenAddress(challenge: string | undefined): string | undefined {
  if (challenge === undefined || !/^bearer /i.test(challenge)) return undefined;
  const fields = new Map(
    [...challenge.matchAll(/([a-z]+)="([^"]*)"/gi)].map(([, key = "", value = ""]) => [key, value]),
  );
  const realm = fields.get("realm");
  if (realm === undefined || !URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  for (const key of ["service", "scope"]) {
    const value = fields.get(key);
    if (value !== undefined) url.searchParams.set(key, value);
  }
  return url.href;
}

interface Answer {
  readonly status: number;
  readonly challenge: string | undefined;
  readonly body: Buffer;
}

async function get(
  url: string,
  headers: Record<string, string>,
  agent: Dispatcher,
  { limits, signal }: FullContext,
): Promise<Answer> {
  const address = new URL(url);
  try {
    const { origin, pathname, search } = address;
    const response = await agent.request({
      origin,
      path: `${pathname}${search}`,
      method: "GET",
      headers: { "user-agent": "vmbuild", ...headers },
      headersTimeout: limits.headersTimeoutMs,
      bodyTimeout: limits.idleTimeoutMs,
      signal,
    });
    const refusal = proxyRefusal(response.statusCode, address);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      size += (chunk as Buffer).length;
      if (size > MAX_BYTES)
        throw new AddressFailure("the response is too long", { retryable: false });
      chunks.push(chunk as Buffer);
    }
    if (refusal) throw refusal;
    const { statusCode: status, headers: responseHeaders } = response;
    if (status === 429 || status >= 500) {
      throw new AddressFailure(`the registry returned HTTP ${status}`, { retryable: true });
    }
    const challenge = responseHeaders["www-authenticate"];
    return {
      status,
      challenge: Array.isArray(challenge) ? challenge[0] : challenge,
      body: Buffer.concat(chunks),
    };
  } catch (error) {
    signal.throwIfAborted();
    throw requestFailure(error, address, limits);
  }
}

/** Sends a request, and again while its failures may pass. */
async function getWithRetries(
  url: string,
  headers: Record<string, string>,
  agent: Dispatcher,
  context: FullContext,
): Promise<Answer> {
  try {
    return await retrying(
      { label: url, attempt: () => get(url, headers, agent, context) },
      context,
    );
  } catch (error) {
    if (!(error instanceof AddressFailure)) throw error;
    throw new VmbuildError("INPUT_DOWNLOAD", `Could not read ${url}: ${error.message}`, {
      cause: error,
      hint: error.hint,
    });
  }
}

/** Parses and validates JSON of a registry. */
function parse<T>(schema: z.ZodType<T>, body: Buffer, url: string): T {
  try {
    return schema.parse(JSON.parse(body.toString("utf8")));
  } catch (cause) {
    const lines = [messageOf(cause).slice(0, 200)];
    throw new VmbuildError("INPUT_OCI", `${url} is not a valid response of a registry`, {
      cause,
      lines,
    });
  }
}

/** Creates a client for one image. There is no login, so the image must be public. */
export function openRegistry(
  image: ImageReference,
  agent: Dispatcher,
  context: FullContext,
): Registry {
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+)(:\d+)?$/.test(image.registry);
  const root = `${isLoopback ? "http" : "https"}://${image.registry}/v2/${image.repository}`;
  let authorization: string | undefined;

  const ask = (url: string): Promise<Answer> => {
    const headers = { accept: KINDS, ...(authorization === undefined ? {} : { authorization }) };
    return getWithRetries(url, headers, agent, context);
  };

  const manifest = async (reference: string): Promise<Buffer> => {
    const url = `${root}/manifests/${reference}`;
    let answer = await ask(url);
    const where = answer.status === 401 ? tokenAddress(answer.challenge) : undefined;
    if (where !== undefined) {
      const given = await getWithRetries(where, {}, agent, context);
      const token = given.status === 200 ? parse(tokenSchema, given.body, where) : undefined;
      if (token !== undefined) {
        authorization = `Bearer ${token}`;
        answer = await ask(url);
      }
    }
    if (answer.status !== 200) {
      throw new VmbuildError("INPUT_OCI", `${url}: the registry returned HTTP ${answer.status}`);
    }
    const hex = createHash("sha256").update(answer.body).digest("hex");
    if (reference.startsWith("sha256:") && reference !== `sha256:${hex}`) {
      throw new VmbuildError("INPUT_CHECKSUM", `${url} has the SHA-256 ${hex}`);
    }
    return answer.body;
  };

  return {
    blobAddress: (of) => `${root}/blobs/${of}`,
    authorization: () => authorization,
    async onlyLayer(wanted) {
      const name = `${image.registry}/${image.repository}`;
      let body = await manifest(image.reference);
      const index = indexSchema.safeParse(parse(z.unknown(), body, `${root}/manifests`));
      if (index.success) {
        const fitting = index.data.manifests.find(
          ({ platform }) => platform && `${platform.os}/${platform.architecture}` === wanted,
        );
        if (!fitting) throw new VmbuildError("INPUT_OCI", `${name} has no image for ${wanted}`);
        body = await manifest(fitting.digest);
      }
      const { layers } = parse(manifestSchema, body, `${root}/manifests`);
      const [layer] = layers;
      if (!layer || layers.length > 1) {
        // A layer could write through the links of the layer below it to outside the folder, so
        // several layers are refused.
        const message = `${name} has ${layers.length} layers; only images with a single layer are supported`;
        throw new VmbuildError("INPUT_OCI", message);
      }
      return layer;
    },
  };
}
