/** Data source `http`: the answer to one request. Part of Packer itself. */
import { messageOf } from "../../errors.js";
import { formatBytes } from "../../host/format.js";
import { withAgent } from "../../inputs/agent.js";
import { mapOf } from "../eval/values.js";
import { DataSourceError, TEXT, TEXT_MAP, textMapOf, textOf } from "./data-source.js";
import type { DataArguments, DataSourceKind } from "./data-source.js";

const METHODS = ["HEAD", "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
/** Limit of the whole exchange. Milliseconds. */
const TIMEOUT_MS = 60_000;
/** Limit of an answer; a checksum file of a large mirror has about 100 KB. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Returns the request that the arguments describe. Throws a DataSourceError. */
function requestOf(given: DataArguments) {
  const address = textOf(given, "url") ?? "";
  if (!URL.canParse(address)) {
    throw new DataSourceError(`has a "url" that is not a valid URL: "${address}".`);
  }
  const method = textOf(given, "method") ?? "";
  if (method !== "" && !METHODS.includes(method)) {
    throw new DataSourceError(
      `has the unknown method "${method}"; there are ${METHODS.join(", ")}.`,
    );
  }
  const body = textOf(given, "request_body") ?? "";
  return {
    url: new URL(address),
    method: method === "" ? "GET" : method,
    headers: { "user-agent": "vmbuild", ...textMapOf(given, "request_headers") },
    body: body === "" ? null : body,
  };
}

/** Joins the parts of an error by undici, whose own message is "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return messageOf(cause ?? error).replace(/\.$/, "");
}

async function read(given: DataArguments) {
  const { url, ...request } = requestOf(given);
  return withAgent(async (dispatcher) => {
    const { fetch } = await import("undici");
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const response = await fetch(url, { ...request, dispatcher, signal });
      if (!response.ok)
        throw new DataSourceError(`failed: ${url.host} answered ${response.status}.`);
      const content = Buffer.from(await response.arrayBuffer());
      if (content.length > MAX_BYTES) {
        throw new DataSourceError(`failed: the answer is longer than ${formatBytes(MAX_BYTES)}.`);
      }
      const headers = [...response.headers].map(([name, value]): [string, string] => [
        name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
        value,
      ]);
      return mapOf([
        ["url", url.href],
        ["body", content.toString("utf8")],
        // This is the name in Packer, although the headers are those of the response.
        ["request_headers", mapOf(headers)],
      ]);
    } catch (error) {
      if (error instanceof DataSourceError) throw error;
      throw new DataSourceError(`failed: ${url.host}: ${reasonOf(error)}.`);
    }
  });
}

export const http: DataSourceKind = {
  type: "http",
  text: "`body` is the answer to a request, `request_headers` its headers. The request is made each time the template is read, through the proxies of the environment.",
  arguments: {
    url: { type: TEXT, required: true },
    method: { type: TEXT },
    request_headers: { type: TEXT_MAP },
    request_body: { type: TEXT },
  },
  read,
};
