/**
 * Passes the host's proxies and certificate authorities to git, as far as git does not read them
 * itself.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { environmentAuthorities, trustedBundle } from "../host/authorities.js";
import { writeFileAtomic } from "../host/files.js";
import { proxyFor } from "../host/proxy.js";
import type { FullContext } from "./context.js";
import { runGit } from "./git.js";

/** Environment variables for git. Disposing of it removes the file that one of them may name. */
export interface GitNetwork extends AsyncDisposable {
  readonly variables: Readonly<Record<string, string>>;
}

/** Variables with which a user configures git's trust directly. */
const OWN_TRUST = ["GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_NO_VERIFY"];

/** Returns whether git's configuration sets the certificates for this address. */
async function hasOwnTrust(url: string, signal: AbortSignal): Promise<boolean> {
  if (OWN_TRUST.some((name) => (process.env[name] ?? "") !== "")) return true;
  for (const key of ["http.sslCAInfo", "http.sslCAPath"]) {
    const args = ["config", "--get-urlmatch", key, url];
    const { exitCode } = await runGit(args, { signal, allowFile: true, network: {} });
    if (exitCode === 0) return true;
  }
  return false;
}

/**
 * Returns variables for git, which does not read SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS
 * or an upper-case HTTP_PROXY.
 * @param folder for a bundle of certificates; one user at a time.
 * @throws {VmbuildError} HOST_ENVIRONMENT when a variable is not the address of a proxy.
 */
export async function gitNetwork(
  url: string,
  folder: string,
  { signal, offline }: Pick<FullContext, "signal" | "offline">,
): Promise<GitNetwork> {
  const nothing = { variables: {}, [Symbol.asyncDispose]: () => Promise.resolve() };
  if (offline || !/^https?:/i.test(url) || !URL.canParse(url)) return nothing;
  const proxy = proxyFor(new URL(url));
  const upper = proxy?.variable === "HTTP_PROXY" ? process.env["HTTP_PROXY"] : undefined;
  const proxies = upper === undefined ? {} : { http_proxy: upper };
  if (environmentAuthorities().certificates.length === 0 || (await hasOwnTrust(url, signal))) {
    return { ...nothing, variables: proxies };
  }
  const bundle = join(folder, "authorities.pem");
  await writeFileAtomic(bundle, trustedBundle());
  return {
    variables: { ...proxies, GIT_SSL_CAINFO: bundle },
    [Symbol.asyncDispose]: () => rm(bundle, { force: true }),
  };
}
