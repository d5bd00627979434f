/** `vmbuild verify` against an instance that answers like SLM-Copilot. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import {
  COPILOT_SECTION,
  copilotAnswer,
  makeCertificate,
  startServer,
} from "../../support/https-server.js";
import type { Certificate, TestServer } from "../../support/https-server.js";

const PASSWORD = `hard $ec"ret' \\ ü`;
const MODEL = "devstral-small-2";
let home: CliHome;
let certificate: Certificate;
let server: TestServer;

beforeAll(async () => {
  home = await makeCliHome();
  certificate = makeCertificate();
  server = await startServer(copilotAnswer("copilot", PASSWORD, MODEL), certificate);
  const template = { name: "slm", version: "1.0.0", base: { path: "x" } };
  await home.write({
    "slm.json": { ...template, acceptance: COPILOT_SECTION },
    "bare.json": { ...template, name: "bare" },
    "inside.json": { ...template, acceptance: { checks: [{ name: "x", run: "true" }] } },
    "ca.pem": certificate.pem,
    "no.pem": "nothing",
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

async function verify(...args: string[]): Promise<CliResult> {
  const env = { ...home.env, PASSWORD, WRONG: "wrong" };
  return home.runWith(env, "verify", "slm.json", "--endpoint", server.address, ...args);
}

describe("vmbuild verify", () => {
  it("prints the same as the appliance's test script, and exits with 0", async () => {
    const ended = await verify("--password-env", "PASSWORD", "--insecure");
    expect(ended.stderr).toBe("");
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout).toBe(
      [
        "SLM-Copilot Post-Deployment Test",
        "================================",
        `Endpoint: ${server.address}`,
        "",
        "[PASS] HTTPS connectivity",
        "[PASS] Health endpoint (/readyz)",
        "[PASS] Auth rejection (no credentials)",
        "[PASS] Auth acceptance (valid credentials)",
        "[PASS] Model listing (devstral-small-2)",
        "[PASS] Chat completion (non-streaming)",
        "[PASS] Chat completion (streaming SSE)",
        "",
        "Result: 7/7 tests passed",
      ].join("\n"),
    );
  });

  it("accepts the certificate when it is the authority or pinned", async () => {
    for (const flags of [
      ["--ca", "ca.pem"],
      ["--fingerprint", certificate.fingerprint],
    ]) {
      const ended = await verify("--password-env", "PASSWORD", ...flags);
      expect([flags[0], ended.exitCode, ended.stderr]).toEqual([flags[0], 0, ""]);
    }
  });

  it("refuses a self-signed certificate by default: every check fails, exit code 8", async () => {
    const before = server.seen.length;
    const { exitCode, stdout, stderr } = await verify("--password-env", "PASSWORD");
    expect(exitCode).toBe(8);
    expect(stdout).toContain("[FAIL] HTTPS connectivity -- the certificate of");
    expect(stdout).toContain("Result: 0/7 tests passed");
    expect(stderr).toContain("ACCEPTANCE_FAILED");
    expect(server.seen.length).toBe(before);
  });

  it("reports the checks that fail with a wrong password, also as JUnit and JSON", async () => {
    const flags = ["--insecure", "--json", "--junit", "out.xml"];
    const { exitCode, stdout, stderr } = await verify("--password-env", "WRONG", ...flags);
    expect(exitCode).toBe(8);
    const report = JSON.parse(stdout) as { rounds: { checks: { name: string; ok: boolean }[] }[] };
    expect(report).toMatchObject({ name: "slm", ok: false, passed: 3, total: 7 });
    expect(report.rounds[0]?.checks.map(({ ok }) => ok)).toEqual([
      ...[true, true, true],
      ...[false, false, false, false],
    ]);
    expect(stderr).toContain("slm: 4 of 7 acceptance checks failed");
    const xml = await readFile(join(home.folder, "out.xml"), "utf8");
    expect(xml).toContain('<testsuites name="slm" tests="7" failures="4"');
    expect(xml).toContain("got HTTP 401, expected 200");
  });

  it("never shows the password, also when a server does", async () => {
    await using echo = await startServer(({ headers }, response) => {
      const [, pair = ""] = (headers.authorization ?? "").split(" ");
      const credentials = `${Buffer.from(pair, "base64").toString("utf8")} ${pair}`;
      response.writeHead(500).end(credentials);
    }, certificate);
    const env = { ...home.env, PASSWORD };
    const flags = ["--password-env", "PASSWORD", "--insecure", "--junit", "echo.xml"];
    const ended = await home.runWith(
      env,
      "verify",
      "slm.json",
      "--endpoint",
      echo.address,
      ...flags,
    );
    const xml = await readFile(join(home.folder, "echo.xml"), "utf8");
    const all = ended.stdout + ended.stderr + xml;
    expect(all).toContain("copilot:***");
    expect(all).not.toContain("ec&quot;ret");
    expect(all).not.toContain('ec"ret');
    expect(all).not.toContain(Buffer.from(`copilot:${PASSWORD}`).toString("base64"));
  });

  it("uses the section's scheme for a host alone", async () => {
    const env = { ...home.env, PASSWORD };
    const host = server.address.replace("https://", "");
    const flags = ["--endpoint", host, "--password-env", "PASSWORD", "--insecure"];
    const ended = await home.runWith(env, "verify", "slm.json", ...flags);
    expect(ended.stdout).toContain(`Endpoint: ${server.address}`);
    expect(ended.exitCode).toBe(0);
  });

  it("waits for an instance that is still starting, if requested", async () => {
    let asked = 0;
    const well = copilotAnswer("copilot", PASSWORD, MODEL);
    await using slow = await startServer((seen, response) => {
      asked++;
      return asked < 3 ? void response.writeHead(502).end() : well(seen, response);
    }, certificate);
    const flags = [
      "--endpoint",
      slow.address,
      "--password-env",
      "PASSWORD",
      "--insecure",
      "--wait",
      "1m",
    ];
    const env = { ...home.env, PASSWORD };
    const ended = await home.runWith(env, "verify", "slm.json", ...flags);
    expect(ended.stdout).toContain("Result: 7/7 tests passed");
  });

  it.each([
    [["--insecure", "--ca", "ca.pem"], "cannot be used with option"],
    [["--fingerprint", "abc"], "The fingerprint is not a SHA-256"],
    [["--password-env", "NOT_SET"], "the environment variable NOT_SET is not set"],
    [["--wait", "5"], "--wait 5: use for example 5m"],
    [["--ca", "none.pem"], "none.pem cannot be read"],
    [["--ca", "no.pem"], "no.pem contains no PEM certificate"],
  ])("refuses %j", async (flags, credentials) => {
    const { exitCode, stdout, stderr } = await verify(...flags);
    expect([2, 4]).toContain(exitCode);
    expect(stdout).toBe("");
    expect(stderr.replaceAll("\n", " ")).toContain(credentials);
  });

  it.each([
    [["slm.json", "--endpoint", "ftp://x"], "is not an http(s) URL"],
    [
      ["slm.json", "--endpoint", "https://me:secret@10.0.0.1"],
      "contains a user name or a password",
    ],
    [["slm.json", "--endpoint", "http://10.0.0.1", "--ca", "ca.pem"], "require an https endpoint"],
    [["slm.json"], "required option '--endpoint <url>'"],
    [["bare.json", "--endpoint", "10.0.0.1"], "has no acceptance section"],
    [["inside.json", "--endpoint", "10.0.0.1"], "has no HTTP checks"],
  ])("refuses %j with exit 2", async (args, credentials) => {
    const { exitCode, stderr } = await home.run("verify", ...args);
    expect(exitCode).toBe(2);
    expect(stderr.replaceAll("\n", " ")).toContain(credentials);
  });
});

describe("make test ENDPOINT=… PASSWORD=…", () => {
  const make = async (...args: string[]) => {
    const env = { ...process.env, ...home.env };
    const root = resolve(".");
    const own = ["-C", root, `NAME=${join(home.folder, "slm.json")}`];
    try {
      const { stdout } = await promisify(execFile)("make", ["test", ...own, ...args], { env });
      return { code: 0, stdout, stderr: "" };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  };

  it("verifies the instance with any characters in the password", async () => {
    const { code, stdout } = await make(`ENDPOINT=${server.address}`, `PASSWORD=${PASSWORD}`);
    expect(stdout).toContain("Result: 7/7 tests passed");
    // The recipe is not echoed, and no argument list of it contains the password.
    expect(stdout).not.toContain('ec"ret');
    expect(code).toBe(0);
  });

  it("fails with a wrong password, and without one names the missing variable", async () => {
    const wrong = await make(`ENDPOINT=${server.address}`, "PASSWORD=wrong");
    expect(wrong.code).not.toBe(0);
    expect(wrong.stdout).toContain("Result: 3/7 tests passed");
    const none = await make(`ENDPOINT=${server.address}`, "PASSWORD=");
    expect(none.code).not.toBe(0);
    expect(none.stderr).toContain("PASSWORD");
  });
});
