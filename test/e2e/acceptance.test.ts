/**
 * Builds a small image with a web service that its CONTEXT disk configures, and tests it with
 * passing and failing checks.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, processesOf } from "../support/e2e.js";
import { makeCertificate } from "../support/https-server.js";

/**
 * Service that stands for an appliance: it reads its password from the CONTEXT disk at each start.
 */
const SERVICE = `import base64, http.server, json, ssl, time
expected = open("/run/app.password").read()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *words): pass
    def answer(self, status, body, kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path == "/readyz": return self.answer(200, b"")
        basic = "Basic " + base64.b64encode(("copilot:" + expected).encode()).decode()
        if self.headers.get("Authorization") not in (basic, "Bearer " + expected):
            return self.answer(401, b"who are you?")
        if self.path == "/v1/models":
            return self.answer(200, json.dumps({"data": [{"id": "small"}]}).encode(), "application/json")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for word in ("He", "llo"):
            self.wfile.write(("data: " + json.dumps({"delta": word}) + "\\n\\n").encode())
            self.wfile.flush()
            time.sleep(0.2)
        self.wfile.write(b"data: [DONE]\\n\\n")
        self.close_connection = True
server = http.server.ThreadingHTTPServer(("", 443), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("/etc/app/cert.pem", "/etc/app/key.pem")
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
`;

/** Script that does what one-context does, as far as this service needs it. */
const READ_CONTEXT = `#!/bin/sh
set -eu
umask 077
mount -o ro LABEL=CONTEXT /mnt
. /mnt/context.sh
umount /mnt
printf %s "$APP_PASSWORD" >/run/app.password
printf %s "\${APP_NOTE:-}" >/run/app.note
`;

/**
 * cloud-init reads CONTEXT disks too. By default it would not let root log in, and its other modules
 * take most of the time that an emulated guest needs to boot. The services of its last two stages
 * are masked, because starting them takes long even without modules.
 */
const CLOUD_CONFIG = `disable_root: false
cloud_init_modules: [set_hostname, users-groups, ssh]
cloud_config_modules: []
cloud_final_modules: []
`;

const unit = (...lines: string[]): string => `${lines.join("\n")}\n`;
const NOTE = `it's "$(touch /run/obeyed)" \\ \`id\`\n$HOME ü`;

const checks = [
  { name: "HTTPS connectivity", http: "/", status: [200, 401], within: "10m", timeout: "20s" },
  { name: "Health endpoint (/readyz)", http: "/readyz" },
  { name: "Auth rejection (no credentials)", http: "/v1/models", status: 401 },
  {
    name: "Auth rejection (wrong password)",
    http: "/v1/models",
    auth: { scheme: "basic", secret: "wrong" },
    status: 401,
  },
  {
    name: "Model listing (small)",
    http: "/v1/models",
    auth: "basic",
    expect: { json: { "data[*].id": "small" } },
  },
  {
    name: "Streaming SSE",
    http: "/stream",
    auth: "bearer",
    expect: { events: { atLeast: 3, json: { delta: "llo" }, last: "[DONE]", spread: "100ms" } },
  },
  { name: "Fixed address", run: "ip -brief -4 address", output: "\\b10\\.0\\.2\\.77/24\\b" },
  { name: "Host name", run: "hostname", output: "^copilot$" },
  {
    name: "Context as it was given",
    run: ["test ! -e /run/obeyed", "cat /run/app.note"],
    output: "it's",
  },
  { name: "No failed units", system: "no-failed-units" },
  { name: "No kernel errors", system: "no-kernel-errors" },
  { name: "Boot time", system: "boot-time", atMost: "15m" },
];

const acceptance = {
  title: "A small appliance",
  boot: {
    context: { ETH0_IP: "10.0.2.77", SET_HOSTNAME: "copilot", APP_NOTE: NOTE },
    memory: "640M",
  },
  endpoint: { insecure: true },
  credentials: { user: "copilot", passwordContext: "APP_PASSWORD" },
  checks,
  rounds: [
    {
      name: "After a restart with a new password",
      newCredentials: true,
      checks: [
        {
          name: "Auth rejection (old password)",
          http: "/v1/models",
          auth: { scheme: "basic", previous: true },
          status: 401,
        },
      ],
    },
  ],
};

const wanting = {
  boot: { context: { APP_PASSWORD: "" } },
  endpoint: { insecure: true },
  credentials: { user: "copilot", password: "none" },
  checks: [
    { name: "up", http: "/readyz", within: "10m" },
    { name: "wrong password", http: "/v1/models", auth: "basic" },
    { name: "no listener", http: "/", scheme: "http" },
    { name: "exit code", run: "echo words; exit 3" },
    { name: "too slow", run: "sleep 60", timeout: "2s" },
    {
      name: "break it",
      run: ["systemctl start broken || true", "echo '<2>BUG: a fake one' >/dev/kmsg"],
    },
    { name: "units", system: "no-failed-units" },
    { name: "kernel", system: "no-kernel-errors" },
    { name: "boot time", system: "boot-time", atMost: "1s" },
  ],
};

let sandbox: Sandbox;
let template: string;
let failing: string;

beforeAll(async () => {
  sandbox = await createSandbox();
  const { key, pem } = makeCertificate();
  const document = {
    name: "small",
    version: "1.0.0",
    steps: [
      {
        name: "service",
        actions: [
          { write: "/etc/app/cert.pem", content: pem },
          { write: "/etc/app/key.pem", content: key, mode: "0600" },
          { write: "/opt/app.py", content: SERVICE },
          { write: "/opt/read-context", content: READ_CONTEXT, mode: "0755" },
          {
            write: "/etc/systemd/system/app.service",
            content: unit(
              "[Service]",
              "ExecStartPre=/opt/read-context",
              "ExecStart=/usr/bin/python3 /opt/app.py",
              "[Install]",
              "WantedBy=multi-user.target",
            ),
          },
          {
            write: "/etc/systemd/system/broken.service",
            content: unit("[Service]", "Type=oneshot", "ExecStart=/bin/false"),
          },
          { write: "/etc/cloud/cloud.cfg.d/99-test.cfg", content: CLOUD_CONFIG },
          {
            run: [
              "cd /etc/systemd/system",
              "ln -s /dev/null cloud-config.service",
              "ln -s /dev/null cloud-final.service",
              "systemctl enable app",
            ],
          },
        ],
        verify: ["python3 -c 'import ast; ast.parse(open(\"/opt/app.py\").read())'"],
      },
    ],
  };
  template = await sandbox.template({ ...document, acceptance });
  failing = join(sandbox.folder, "templates", "wanting.json");
  const text = await readFile(template, "utf8");
  const value = JSON.parse(text) as object;
  await writeFile(failing, JSON.stringify({ ...value, acceptance: wanting }));
  const ended = await sandbox.build(template).ended;
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
});
afterAll(() => sandbox[Symbol.asyncDispose]());

it("passes its checks, and again after a restart with a new password", async () => {
  const files = [
    "--junit",
    join(sandbox.folder, "report.xml"),
    "--console",
    join(sandbox.folder, "c"),
  ];
  const ended = await sandbox.vmbuild("test", template, "--output", sandbox.output, ...files);
  expect(ended.stdout).not.toContain("[FAIL]");
  expect(ended.stdout).toMatch(
    /^A small appliance\n=+\nImage: .*small-1\.0\.0\.qcow2\n\n\[PASS\] HTTPS/,
  );
  expect(ended.stdout).toContain("\nAfter a restart with a new password\n[PASS] HTTPS");
  expect(ended.stdout).toContain("[PASS] Auth rejection (old password)");
  expect(ended.stdout).toMatch(/\nResult: 25\/25 tests passed\n$/);
  expect(ended.exitCode).toBe(0);
  const xml = await readFile(join(sandbox.folder, "report.xml"), "utf8");
  expect(xml).toContain('<testsuites name="small" tests="25" failures="0"');
  // Each start has its own console log.
  for (const name of ["c", "c.2"]) {
    expect(await readFile(join(sandbox.folder, name), "utf8")).toContain("Linux version");
  }
  expect(await processesOf(sandbox.folder)).toEqual([]);
});

it("reports failures with their reasons, and exits with 8", async () => {
  const ended = await sandbox.vmbuild("test", failing, "--output", sandbox.output, "--json");
  expect(ended.exitCode).toBe(8);
  const report = JSON.parse(ended.stdout) as {
    rounds: { checks: { name: string; ok: boolean; reason?: string; lines?: string[] }[] }[];
  };
  const results = report.rounds[0]?.checks ?? [];
  const reasons = Object.fromEntries(results.map(({ name, reason }) => [name, reason]));
  expect(reasons).toMatchObject({
    up: undefined,
    "wrong password": "got HTTP 401, expected 200",
    "exit code": "exit code 3, expected 0",
    "too slow": "it exceeded its timeout of 2s",
    "break it": undefined,
    units: "failed: broken.service",
  });
  expect(reasons["no listener"]).toMatch(/refused|reset|closed/);
  expect(reasons["kernel"]).toContain("kernel errors");
  expect(reasons["boot time"]).toMatch(/^it took .+; the maximum is 1s$/);
  expect(results.find(({ name }) => name === "exit code")?.lines).toEqual(["words"]);
  expect(ended.stderr).toContain("small: 7 of 9 acceptance checks failed");
});
