/** Servers whose certificate authority is known only to this host or its environment. */
import { mkdtemp, readFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkSchema } from "../../../src/acceptance/check-schema.js";
import type { HttpCheck } from "../../../src/acceptance/check-schema.js";
import { checkHttp } from "../../../src/acceptance/http.js";
import type { HttpTarget } from "../../../src/acceptance/http.js";
import { environmentAuthorities, trustedBundle } from "../../../src/host/authorities.js";
import { resolveInput } from "../../../src/inputs/inputs.js";
import { startGitServer } from "../../support/git-server.js";
import { startFileServer } from "../../support/http-server.js";
import { makeCertificate, startServer } from "../../support/https-server.js";
import type { TestServer } from "../../support/https-server.js";
import { createInputsSandbox, errorOf, sha256Of } from "../../support/inputs.js";
import type { InputsSandbox } from "../../support/inputs.js";

const content = Buffer.from("a file");
const certificate = makeCertificate();
const other = makeCertificate("other.example.org");
const VARIABLES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"] as const;

let server: TestServer;
let sandbox: InputsSandbox;
let folder: string;
let pem: string;

beforeEach(async () => {
  for (const name of [...VARIABLES, "GIT_SSL_CAINFO", "GIT_SSL_NO_VERIFY"]) {
    vi.stubEnv(name, undefined);
  }
  server = await startServer((_, response) => void response.end(content), certificate);
  sandbox = await createInputsSandbox();
  folder = await mkdtemp(join(tmpdir(), "vmbuild-ca-"));
  pem = join(folder, "authority.pem");
  await writeFile(pem, certificate.pem);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function fetchIt() {
  const url = `https://localhost:${server.port}/a`;
  return resolveInput("x", { kind: "url", url, checksum: sha256Of(content) }, sandbox.context());
}

describe("a download from a server with an authority of its own", () => {
  it.each(["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"])("is made with %s", async (variable) => {
    vi.stubEnv(variable, pem);
    expect(await readFile((await fetchIt()).path)).toEqual(content);
  });

  it("is made with SSL_CERT_DIR, regardless of other files in its folders", async () => {
    await mkdir(join(folder, "a", "below"), { recursive: true });
    await mkdir(join(folder, "b"));
    await writeFile(join(folder, "a", "README"), "no certificate");
    await symlink("/nonexistent", join(folder, "a", "dangling.pem"));
    await symlink(pem, join(folder, "b", "12345678.0"));
    vi.stubEnv("SSL_CERT_DIR", `${folder}/a:${folder}/b`);
    expect(await readFile((await fetchIt()).path)).toEqual(content);
  });

  it("is made with a bundle that also contains a broken certificate", async () => {
    const broken = other.pem.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA");
    await writeFile(pem, `# company\n${broken}${certificate.pem}`);
    vi.stubEnv("SSL_CERT_FILE", pem);
    expect(await readFile((await fetchIt()).path)).toEqual(content);
  });

  it("fails without retries, and explains how to add the authority", async () => {
    const error = await errorOf(fetchIt());
    expect(error.code).toBe("INPUT_DOWNLOAD");
    expect(error.message).toContain("the certificate is not trusted");
    expect(error.hint).toContain("NODE_EXTRA_CA_CERTS=/path/to/authority.pem");
    expect(sandbox.pauses).toEqual([]);
  });

  it("fails with the reason why a variable did not help", async () => {
    vi.stubEnv("SSL_CERT_FILE", join(folder, "missing.pem"));
    const missing = await errorOf(fetchIt());
    expect(missing.hint).toMatch(/^SSL_CERT_FILE cannot be read: ENOENT/);
    await writeFile(pem, "not PEM");
    vi.stubEnv("SSL_CERT_FILE", pem);
    const empty = await errorOf(fetchIt());
    expect(empty.hint).toMatch(/^SSL_CERT_FILE does not refer to a file with PEM certificates\./);
  });

  it("over plain HTTP needs none of it", async () => {
    vi.stubEnv("SSL_CERT_FILE", join(folder, "missing.pem"));
    await using plain = await startFileServer();
    const url = plain.serve("/a", content);
    const spec = { kind: "url", url, checksum: sha256Of(content) } as const;
    expect((await resolveInput("x", spec, sandbox.context())).size).toBe(content.length);
  });
});

describe("the authorities", () => {
  it("are Node's own and those that are named, each once", () => {
    const bundle = trustedBundle({ SSL_CERT_FILE: pem, NODE_EXTRA_CA_CERTS: pem });
    expect(bundle).toContain(rootCertificates[0]);
    expect(bundle.split(certificate.pem.trim())).toHaveLength(2);
    expect(environmentAuthorities({ SSL_CERT_FILE: "" })).toEqual({
      certificates: [],
      problems: [],
    });
  });

  it("are those of the host too", async () => {
    const path = "/etc/ssl/certs/ca-certificates.crt";
    const [first = ""] =
      /-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/.exec(await readFile(path, "latin1")) ?? [];
    expect(first).not.toBe("");
    expect(trustedBundle({}).replaceAll(/\s/g, "")).toContain(first.replaceAll(/\s/g, ""));
  });
});

describe("git from a server with an authority of its own", () => {
  async function repository(): Promise<string> {
    const work = join(folder, "work");
    const git = (...args: string[]) =>
      execa("git", ["-c", "user.name=me", "-c", "user.email=me@example.org", ...args]);
    await git("init", "--quiet", "--initial-branch=main", work);
    await writeFile(join(work, "file"), "in git");
    await git("-C", work, "add", "file");
    await git("-C", work, "commit", "--quiet", "-m", "first");
    await mkdir(join(folder, "root"));
    await git("clone", "--quiet", "--bare", work, join(folder, "root", "it.git"));
    return join(folder, "root");
  }

  it("is fetched with SSL_CERT_FILE; the error without it explains how to add the authority", async () => {
    await using git = await startGitServer(await repository(), certificate);
    const spec = { kind: "git", url: `${git.origin}/it.git`, ref: "main" } as const;
    const error = await errorOf(resolveInput("x", spec, sandbox.context()));
    expect(error.code).toBe("INPUT_GIT");
    expect(error.hint).toContain("NODE_EXTRA_CA_CERTS=/path/to/authority.pem");

    vi.stubEnv("SSL_CERT_FILE", pem);
    const { path } = await resolveInput("x", spec, sandbox.context());
    expect(await readFile(join(path, "file"), "utf8")).toBe("in git");
    expect(await sandbox.cached()).not.toContainEqual(expect.stringContaining("authorities.pem"));

    // A user's own setting for git is not changed.
    vi.stubEnv("GIT_SSL_CAINFO", "/etc/hostname");
    const again = { ...spec, ref: "refs/heads/main" };
    expect((await errorOf(resolveInput("x", again, sandbox.context()))).code).toBe("INPUT_GIT");
  });
});

describe("an acceptance check of an endpoint with an authority of its own", () => {
  const check = checkSchema.parse({ name: "it", http: "/", timeout: "20s" }) as HttpCheck;
  const target = (): HttpTarget => ({
    address: () => `https://localhost:${server.port}`,
    trust: { kind: "system" },
    credentials: { user: "me", password: undefined, token: undefined },
  });

  it("passes with SSL_CERT_FILE; the error without it explains how to add the authority", async () => {
    const { signal } = new AbortController();
    const failed = await checkHttp(check, target(), signal);
    expect(failed).toMatchObject({ ok: false });
    expect(JSON.stringify(failed)).toContain("NODE_EXTRA_CA_CERTS=/path/to/authority.pem");
    vi.stubEnv("SSL_CERT_FILE", pem);
    expect(await checkHttp(check, target(), signal)).toMatchObject({ ok: true });
  });
});
