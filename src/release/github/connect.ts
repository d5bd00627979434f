/** Creates octokit with this host's proxies and certificate authorities. */
import { Readable } from "node:stream";
import type { Octokit } from "@octokit/core";
import type { Dispatcher } from "undici";
import { VmbuildError } from "../../errors.js";
import { vmbuildVersion } from "../../version.js";

/** Settings of GitHub in the environment. */
export interface GithubSettings {
  /** Address of the API, without a slash at the end. */
  readonly apiUrl: string;
  readonly token: string | undefined;
}

const DEFAULT_API = "https://api.github.com";

/**
 * Reads GITHUB_API_URL, and GITHUB_TOKEN or GH_TOKEN.
 * @throws {VmbuildError} HOST_ENVIRONMENT for an address that is not a valid URL.
 */
export function githubSettings(env: Readonly<Record<string, string | undefined>>): GithubSettings {
  const apiUrl = (env["GITHUB_API_URL"] || DEFAULT_API).replace(/\/+$/, "");
  if (!URL.canParse(apiUrl) || !/^https?:$/.test(new URL(apiUrl).protocol)) {
    throw new VmbuildError("HOST_ENVIRONMENT", `GITHUB_API_URL=${apiUrl} is not a valid URL`, {
      hint: "GitHub Enterprise has it at https://HOST/api/v3; unset it for github.com.",
    });
  }
  return { apiUrl, token: env["GITHUB_TOKEN"] || env["GH_TOKEN"] || undefined };
}

/**
 * Returns the setting of redirects for a body. Unless they are errors, fetch() keeps a copy of all
 * that it sends (fetch.spec.whatwg.org, "HTTP-network-or-cache fetch": it clones the request), so
 * that an upload would be in memory as a whole. A stream could not be sent again anyway.
 */
function redirectFor(body: unknown): { readonly redirect?: "error" } {
  return body instanceof Readable ? { redirect: "error" } : {};
}

/** Creates a client. The libraries are imported on demand. */
export async function connectGithub(
  { apiUrl, token }: GithubSettings,
  dispatcher: Dispatcher,
): Promise<Octokit> {
  const [{ Octokit: Client }, undici] = await Promise.all([
    import("@octokit/core"),
    import("undici"),
  ]);
  const silent = (): void => {};
  return new Client({
    ...(token === undefined ? {} : { auth: token }),
    baseUrl: apiUrl,
    userAgent: `vmbuild/${vmbuildVersion()}`,
    // Failures are reported by vmbuild.
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: {
      fetch: (url: string, options: Parameters<typeof undici.fetch>[1]) =>
        undici.fetch(url, { ...options, ...redirectFor(options?.body), dispatcher }),
    },
  });
}
