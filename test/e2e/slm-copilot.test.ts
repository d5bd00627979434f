/**
 * Builds SLM-Copilot with its own template from Debian packages, with inputs served on loopback,
 * and boots it as OpenNebula does, with only a CONTEXT disk.
 */
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findFreePort } from "../../src/machine/ports.js";
import type { Sandbox, Ended } from "../support/e2e.js";
import { createSandbox, eventually, processesOf } from "../support/e2e.js";
import type { FileServer } from "../support/http-server.js";
import { startFileServer } from "../support/http-server.js";
import { hexOf } from "../support/inputs.js";
import { serveImage } from "../support/registry.js";

const TEMPLATE = resolve("appliances/slm-copilot/slm-copilot.json");
const STANDINS = resolve("test/standins");
const MODEL = "Devstral-Small-2-24B-Instruct-2512-Q4_K_M.gguf";
const PASSWORD = `it's $(touch /tmp/owned) "so"/7`;

let sandbox: Sandbox;
let server: FileServer;

/** Serves the inputs that the template downloads, and returns options with their addresses. */
async function serveInputs(sha256?: string): Promise<string[]> {
  const engine = await readFile(join(STANDINS, "local-ai"));
  const model = await readFile(join(STANDINS, "model.gguf"));
  const layer = execFileSync("tar", ["-czf", "-", "-C", join(STANDINS, "llama-cpp"), "."]);
  const sums = `${hexOf("sha256", engine)}  local-ai-v3.11.0-linux-amd64\n`;
  const pointer = `oid sha256:${sha256 ?? hexOf("sha256", model)}\nsize ${model.length}\n`;
  server.serve(`/model/resolve/main/${MODEL}`, model);
  server.serve(
    `/model/raw/main/${MODEL}`,
    Buffer.from(`version https://git-lfs.github.com/spec/v1\n${pointer}`),
  );
  const image = serveImage(server, "go-skynet/local-ai-backends:v3.11.0-cpu-llama-cpp", [layer]);
  const engineUrl = server.serve("/localai/local-ai-v3.11.0-linux-amd64", engine);
  const sumsUrl = server.serve("/localai/LocalAI-v3.11.0-checksums.txt", Buffer.from(sums));
  return [
    ...["--var", `model=${server.origin}/model`],
    ...["--set", `inputs.localAi.url=${engineUrl}`],
    ...["--set", `inputs.localAi.checksum=file:${sumsUrl}`],
    ...["--set", `inputs.llamaCpp.oci=${image.name}`],
  ];
}

/** Creates a CD with another program. */
async function makeDisk(source: string, label: string, disk: string): Promise<void> {
  const options = ["-as", "mkisofs", "-quiet", "-V", label, "-J", "-R", "-o", disk, source];
  await execa("xorriso", options);
}

/**
 * Base with packages that the service would otherwise install in the guest, twice: an emulated one
 * takes minutes to unpack certbot, to compile its modules, and to start nginx. jq is left to it.
 */
const BASE = {
  bootstrap: { suite: "bookworm", packages: ["certbot", "curl", "nginx", "openssl"] },
};

/** Settings of a machine that test hosts can emulate. */
const SMALL = [
  ...["--set", `base=${JSON.stringify(BASE)}`, "--accel", "tcg"],
  ...["--memory", "1536M", "--cpus", "1"],
];

function build(...args: string[]): Promise<Ended> {
  const apps = ["--input", `oneApps=${join(STANDINS, "one-apps")}`];
  const context = ["--input", `oneContext=${join(sandbox.folder, "one-context.iso")}`];
  const all = [...SMALL, "--disk", "6G", ...apps, ...context, ...args];
  return sandbox.build(TEMPLATE, ...all).ended;
}

beforeAll(async () => {
  sandbox = await createSandbox();
  server = await startFileServer();
  // The official form: an ISO with the packages of all systems.
  const packages = join(sandbox.folder, "packages");
  await mkdir(packages);
  await execa(join(STANDINS, "one-context/build"), [join(packages, "one-context_99.0-1.deb")]);
  await writeFile(join(packages, "one-context-99.0-1.el9.noarch.rpm"), "");
  await makeDisk(packages, "one-context-99.0", join(sandbox.folder, "one-context.iso"));
}, 600_000);
afterAll(async () => {
  await server.close();
  await sandbox[Symbol.asyncDispose]();
});

it("refuses a model that is not what its pointer says, before any machine starts", async () => {
  const { exitCode, stderr } = await build(...(await serveInputs("0".repeat(64))));
  expect(exitCode).toBe(4);
  expect(stderr).toContain("[INPUT_CHECKSUM]");
  expect(stderr).toContain(`${MODEL} has the wrong checksum`);
  expect(stderr).not.toContain("SSH port");
});

it("refuses a framework that lacks a file, before any machine starts", async () => {
  const folder = join(sandbox.folder, "one-apps");
  await cp(join(STANDINS, "one-apps"), folder, { recursive: true });
  await rm(join(folder, "appliances/scripts/net-99-report-ready"));
  const { exitCode, stderr } = await build(
    ...(await serveInputs()),
    ...["--input", `oneApps=${folder}`],
  );
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /one-apps\/base\.json:\d+:\d+: steps\[3\]\.actions\[4\]\.upload: .*\/net-99-report-ready does not exist/,
  );
  expect(stderr).not.toContain("SSH port");
});

it("builds in eight steps, each with its post-conditions", async () => {
  const built = await build(...(await serveInputs()), "--var", "readyTimeout=600");
  expect(built.stderr).toContain("slm-copilot 1.0.0 built in");
  expect(built.exitCode).toBe(0);
  const names = [...built.stderr.matchAll(/step \[\d\/8\] (\S+) done/g)].map(([, name]) => name);
  expect(names).toEqual([
    ...["ssh-hardening", "one-context", "directories", "framework"],
    ...["appliance", "context-hooks", "service-install", "cleanup"],
  ]);
  expect(built.stderr.match(/ verified: /g)?.length).toBeGreaterThan(35);
}, 1_800_000);

/** Checks of the template, equal to those of the post-deployment test. */
const SEVEN = [
  "HTTPS connectivity",
  "Health endpoint (/readyz)",
  "Auth rejection (no credentials)",
  "Auth acceptance (valid credentials)",
  "Model listing (devstral-small-2)",
  "Chat completion (non-streaming)",
  "Chat completion (streaming SSE)",
];
const allPass = (subject: string): string =>
  [
    "SLM-Copilot Post-Deployment Test",
    "================================",
    subject,
    "",
    ...SEVEN.map((name) => `[PASS] ${name}`),
    "",
    "Result: 7/7 tests passed",
    "",
  ].join("\n");

/** Runs `vmbuild verify` against a deployed instance. */
function verify(port: number, password: string, ...args: string[]): Promise<Ended> {
  sandbox.env["COPILOT_PASSWORD"] = password;
  const endpoint = ["--endpoint", `https://127.0.0.1:${port}`];
  return sandbox.vmbuild(
    ...["verify", TEMPLATE, ...endpoint, "--password-env", "COPILOT_PASSWORD", ...args],
  );
}

it("boots from its context on a fixed address, passes 7 of 7, and is reconfigured", async () => {
  const key = join(sandbox.folder, "key");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const [https, ssh] = [await findFreePort(), await findFreePort()];
  const start = Buffer.from("#!/bin/sh\ntouch /root/started\n").toString("base64");
  const context = {
    ETH0_IP: "10.0.2.15",
    REPORT_READY: "YES",
    SET_HOSTNAME: "copilot-1",
    SSH_PUBLIC_KEY: (await readFile(`${key}.pub`, "utf8")).trim(),
    START_SCRIPT_BASE64: start,
    ONEAPP_COPILOT_PASSWORD: PASSWORD,
  };
  const instance = sandbox.start(
    ...["boot", TEMPLATE, ...SMALL, "--output", sandbox.output],
    ...Object.entries(context).flatMap(([name, value]) => ["--context", `${name}=${value}`]),
    ...["--forward", `${https}:443`, "--forward", `${ssh}:22`],
    ...["--console", join(sandbox.folder, "console.log")],
  );
  // The machine creates its own host keys, which are not known in advance.
  const trusting = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"];
  const options = [...trusting, "BatchMode=yes", "ConnectTimeout=10"];
  const ask = async (script: string): Promise<string> => {
    const { stdout } = await execa(
      "ssh",
      [
        ...["-F", "none", "-i", key, "-p", String(ssh)],
        ...options.flatMap((option) => ["-o", option]),
        ...["root@127.0.0.1", "bash -s"],
      ],
      { input: script },
    );
    return stdout;
  };

  const first = await verify(https, PASSWORD, "--insecure", "--wait", "15m");
  expect(first.stdout).toBe(allPass(`Endpoint: https://127.0.0.1:${https}`));
  expect(first.exitCode).toBe(0);

  // Waits until one-context has run all of its scripts.
  await eventually(async () => (await ask("systemctl is-active one-context || true")) === "active");
  expect(await ask("hostname; ls /root/started /run/one-context/reported-ready")).toBe(
    "copilot-1\n/root/started\n/run/one-context/reported-ready",
  );
  expect(await ask("ip -brief -4 address show scope global")).toContain("10.0.2.15/24");
  // QEMU's DHCP would assign the same address; this one must come from the context.
  expect(await ask("ip -brief -4 address show scope global dynamic")).toBe("");
  expect(await ask("! test -e /tmp/owned && systemctl --failed --no-legend")).toBe("");
  const report = await ask("stat -c %a /etc/one-appliance/config; cat /etc/one-appliance/config");
  expect(report).toMatch(/^600\n/);
  expect(report).toContain("base_url     = https://10.0.2.15/v1");
  expect(await ask("journalctl --no-pager; cat /var/log/one-appliance/*")).not.toContain(PASSWORD);
  // The engine can connect to this machine only.
  expect(await ask("systemctl show -p IPAddressDeny --value local-ai")).toContain("0.0.0.0/0");

  // A self-signed certificate is accepted only with an option.
  const doubted = await verify(https, PASSWORD);
  expect(doubted.exitCode).toBe(8);
  expect(doubted.stdout).toMatch(/\[FAIL\] HTTPS connectivity -- .*certificate/);
  const print = await ask(
    "openssl x509 -noout -fingerprint -sha256 -in /etc/slm-copilot/tls/selfsigned.crt | cut -d= -f2",
  );
  expect((await verify(https, PASSWORD, "--fingerprint", print)).exitCode).toBe(0);

  // Sets a new password at run time, as a new context does.
  await ask(`export ONEAPP_COPILOT_PASSWORD='another one'
    /etc/one-appliance/service configure && /etc/one-appliance/service bootstrap`);
  expect((await verify(https, "another one", "--insecure")).exitCode).toBe(0);
  const refused = await verify(https, PASSWORD, "--insecure");
  expect(refused.stdout.match(/\[FAIL\] .* -- got HTTP 401, expected 200/g)).toHaveLength(4);
  expect(refused.exitCode).toBe(8);

  instance.child.kill("SIGINT");
  await instance.ended;
  expect(await processesOf(sandbox.folder)).toEqual([]);
}, 1_800_000);

it("passes its template's own test", async () => {
  const { stdout, exitCode } = await sandbox.vmbuild(
    ...["test", TEMPLATE, ...SMALL, "--output", sandbox.output],
  );
  const lines = stdout.split("\n").filter((line) => /^(\[|Result)/.test(line));
  expect(lines).toEqual([...SEVEN.map((name) => `[PASS] ${name}`), "Result: 7/7 tests passed"]);
  expect(exitCode).toBe(0);
}, 1_800_000);
