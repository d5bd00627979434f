/** Downloads through proxies from the environment, and the errors of proxies. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { resolveInput } from "../../../src/inputs/inputs.js";
import type { UrlSpec } from "../../../src/inputs/inputs.js";
import type { FileServer } from "../../support/http-server.js";
import { makeCertificate, startServer } from "../../support/https-server.js";
import { errorOf, sha256Of, sha256OfFile, useDownloads } from "../../support/inputs.js";
import type { InputsSandbox } from "../../support/inputs.js";
import { startProxy } from "../../support/proxy-server.js";
import { startSocks } from "../../support/socks-server.js";
import { serveImage } from "../../support/registry.js";

const content = randomBytes(200_000);
const certificate = makeCertificate();

let server: FileServer;
let sandbox: InputsSandbox;
let folder: string;

useDownloads((...made) => ([server, sandbox] = made));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-proxy-"));
  for (const name of ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]) {
    vi.stubEnv(name, undefined);
    vi.stubEnv(name.toUpperCase(), undefined);
  }
  server.serve("/a", content);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

function fetchUrl(url: string, more: Partial<UrlSpec> = {}) {
  const spec: UrlSpec = { kind: "url", url, checksum: sha256Of(content), ...more };
  return resolveInput("x", spec, sandbox.context({ limits: { attempts: 1 } }));
}

/** Returns the server's address under a name that only a proxy resolves. */
const named = (address: string): string => address.replace("127.0.0.1", "files.invalid");

/** Starts a server over TLS that has the file and whose certificate is trusted. */
async function startSecure() {
  const path = join(folder, "authority.pem");
  await writeFile(path, certificate.pem);
  vi.stubEnv("SSL_CERT_FILE", path);
  return startServer((_, response) => void response.end(content), certificate);
}

describe("a proxy", () => {
  it.each(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])(
    "of %s without a scheme carries a download",
    async (variable) => {
      await using proxy = await startProxy();
      vi.stubEnv(variable, proxy.host);
      const url = named(`${server.origin}/a`);
      const { path } = await fetchUrl(url);
      expect(await sha256OfFile(path)).toBe(sha256Of(content));
      expect(proxy.seen).toEqual([`GET ${url}`]);
    },
  );

  it("of https_proxy carries a download over TLS in a tunnel", async () => {
    await using proxy = await startProxy({ credentials: "me:p@ss w/rd" });
    await using secure = await startSecure();
    vi.stubEnv("https_proxy", `me:p%40ss w/rd@${proxy.host}`);
    const { path } = await fetchUrl(`https://localhost:${secure.port}/a`);
    expect(await sha256OfFile(path)).toBe(sha256Of(content));
    expect(proxy.seen).toEqual([`CONNECT localhost:${secure.port}`]);
  });

  it("that speaks TLS itself carries plain and secure downloads", async () => {
    await using proxy = await startProxy({ certificate });
    await using secure = await startSecure();
    const address = `https://localhost:${proxy.host.split(":")[1]}`;
    vi.stubEnv("all_proxy", address);
    await fetchUrl(`https://localhost:${secure.port}/a`);
    await fetchUrl(named(`${server.origin}/a`));
    expect(proxy.seen).toHaveLength(2);
  });

  it("of the SOCKS kind carries plain and secure downloads", async () => {
    await using proxy = await startSocks("me:secret");
    await using secure = await startSecure();
    vi.stubEnv("all_proxy", `socks5h://me:secret@${proxy.host}`);
    await fetchUrl(named(`${server.origin}/a`));
    await fetchUrl(`https://localhost:${secure.port}/a`);
    const { host } = new URL(named(server.origin));
    expect(proxy.seen).toEqual([host, `localhost:${secure.port}`]);

    vi.stubEnv("all_proxy", `socks5://me:wrong@${proxy.host}`);
    const error = await errorOf(fetchUrl(named(`${server.origin}/b`)));
    expect(error.message).toContain(`the proxy socks5://${proxy.host} (from all_proxy) cannot be`);
  });

  it("is left out for a network that no_proxy lists", async () => {
    vi.stubEnv("http_proxy", "127.0.0.1:1");
    vi.stubEnv("no_proxy", "10.0.0.0/8,127.0.0.0/8");
    await fetchUrl(`${server.origin}/a`);
    expect(server.requestsOf("/a")).toHaveLength(1);
  });

  it("is used for registries", async () => {
    await using proxy = await startProxy();
    vi.stubEnv("http_proxy", proxy.host);
    const image = serveImage(server, "me/it:1", [content]);
    const spec = { kind: "oci", image: image.name } as const;
    // The content is not an archive; only the request matters here.
    await errorOf(resolveInput("x", spec, sandbox.context()));
    expect(proxy.seen.length).toBeGreaterThan(2);
  });
});

describe("an error about a proxy", () => {
  it("is a host error that names the variable with an invalid address", async () => {
    vi.stubEnv("http_proxy", "http://user:hunter2@host:99999");
    const error = await errorOf(fetchUrl(`${server.origin}/a`));
    expect(error).toMatchObject({ code: "HOST_ENVIRONMENT", exitCode: 3 });
    expect(error.message).toContain("http_proxy is not a valid proxy address");
    expect(error.message).not.toContain("hunter2");
  });

  it("is the same for a registry and for git", async () => {
    vi.stubEnv("http_proxy", ":3128");
    const image = { kind: "oci", image: `${server.origin.slice(7)}/me/it:1` } as const;
    const tree = { kind: "git", url: `${server.origin}/a.git`, ref: "main" } as const;
    for (const spec of [image, tree]) {
      const error = await errorOf(resolveInput("x", spec, sandbox.context()));
      expect(error).toMatchObject({ code: "HOST_ENVIRONMENT" });
    }
  });

  it("reports refused connections, also after a redirect", async () => {
    vi.stubEnv("https_proxy", "http://127.0.0.1:1");
    const url = server.redirect("/r", "https://files.invalid/a");
    const error = await errorOf(fetchUrl(url));
    expect(error.code).toBe("INPUT_DOWNLOAD");
    expect(error.message).toContain(
      "the proxy http://127.0.0.1:1 (from https_proxy) cannot be used: connection refused",
    );
    expect(error.hint).toContain("Check https_proxy");
  });

  it("reports an unknown proxy", async () => {
    vi.stubEnv("http_proxy", "proxy.invalid:3128");
    const error = await errorOf(fetchUrl(`${server.origin}/a`));
    expect(error.message).toContain("the proxy http://proxy.invalid:3128 (from http_proxy)");
  });

  it.each([
    [407, /answered 407: it requires a user name and a password/],
    [403, /answered 403 and did not connect/],
    [502, /answered 502 and did not connect/],
  ])("says that it answered %i to CONNECT", async (refuse, words) => {
    await using proxy = await startProxy({ refuse });
    vi.stubEnv("https_proxy", `http://me:hunter2@${proxy.host}`);
    const error = await errorOf(fetchUrl("https://files.invalid/a"));
    expect(error.code).toBe("INPUT_DOWNLOAD");
    expect(error.message).toMatch(words);
    expect(error.message).toContain(`the proxy http://${proxy.host} (from https_proxy)`);
    expect(JSON.stringify([error.message, error.hint, error.lines])).not.toContain("hunter2");
  });

  it("reports a required password for plain HTTP, without retries", async () => {
    await using proxy = await startProxy({ credentials: "me:secret" });
    vi.stubEnv("http_proxy", proxy.host);
    const spec: UrlSpec = { kind: "url", url: `${server.origin}/a`, checksum: sha256Of(content) };
    const error = await errorOf(resolveInput("x", spec, sandbox.context()));
    expect(error.message).toContain("answered 407: it requires a user name and a password");
    expect(error.hint).toContain("http_proxy=http://USER:PASSWORD@HOST:PORT");
    expect(proxy.seen).toHaveLength(1);
  });

  it("of git reports a required password", async () => {
    await using proxy = await startProxy({ refuse: 407 });
    vi.stubEnv("https_proxy", proxy.host);
    const spec = { kind: "git", url: "https://files.invalid/a.git", ref: "main" } as const;
    const error = await errorOf(resolveInput("x", spec, sandbox.context()));
    expect(error.code).toBe("INPUT_GIT");
    expect(error.hint).toContain(`the proxy http://${proxy.host} (from https_proxy) requires`);
  });

  it("includes git, which does not read HTTP_PROXY itself", async () => {
    await using proxy = await startProxy({ refuse: 403 });
    vi.stubEnv("HTTP_PROXY", proxy.host);
    const spec = { kind: "git", url: `${server.origin}/a.git`, ref: "main" } as const;
    await errorOf(resolveInput("x", spec, sandbox.context()));
    expect(proxy.seen.length).toBeGreaterThan(0);
  });
});
