/**
 * SLM-Copilot as it is meant to be: built by its own template from Debian's packages, its inputs
 * served on loopback, then booted as OpenNebula boots it, with a CONTEXT disk and nothing else.
 */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createOverlay } from "../../src/machine/disk.js";
import { launchMachine } from "../../src/machine/machine.js";
import { qemuVersion } from "../../src/machine/qemu-version.js";
import type { Bench, Ended } from "../support/e2e.js";
import { createBench, eventually } from "../support/e2e.js";
import type { FileServer } from "../support/http-server.js";
import { startFileServer } from "../support/http-server.js";
import { hexOf } from "../support/inputs.js";
import { serveImage } from "../support/registry.js";

const STANDINS = resolve("test/standins");
const MODEL = "Devstral-Small-2-24B-Instruct-2512-Q4_K_M.gguf";
const PASSWORD = `it's $(touch /tmp/owned) "so"/7`;

let bench: Bench;
let server: FileServer;
let built: Ended;

/** What the template names behind addresses, behind addresses of this host. */
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
  const image = serveImage(server, "go-skynet/local-ai-backends", "v3.11.0-cpu-llama-cpp", [layer]);
  const engineUrl = server.serve("/localai/local-ai-v3.11.0-linux-amd64", engine);
  const sumsUrl = server.serve("/localai/LocalAI-v3.11.0-checksums.txt", Buffer.from(sums));
  return [
    ...["--var", `model=${server.origin}/model`],
    ...["--set", `inputs.localAi.url=${engineUrl}`],
    ...["--set", `inputs.localAi.checksum=file:${sumsUrl}`],
    ...["--set", `inputs.llamaCpp.oci=${image.name}`],
  ];
}

/** A CD as other programs make it. */
async function makeDisk(source: string, label: string, disk: string): Promise<void> {
  const options = ["-as", "mkisofs", "-quiet", "-V", label, "-J", "-R", "-o", disk, source];
  await execa("xorriso", options);
}

function build(...args: string[]): Promise<Ended> {
  const small = ["--base", "bootstrap:bookworm", "--accel", "tcg", "--memory", "1536M"];
  const local = ["--input", `oneApps=${join(STANDINS, "one-apps")}`];
  const context = ["--input", `oneContext=${join(bench.folder, "one-context.iso")}`];
  const all = [...small, "--cpus", "2", "--disk", "6G", ...local, ...context, ...args];
  return bench.build(resolve("appliances/slm-copilot/slm-copilot.json"), ...all).ended;
}

beforeAll(async () => {
  bench = await createBench();
  server = await startFileServer();
  // The official form: an ISO with the packages of all systems.
  const packages = join(bench.folder, "packages");
  await mkdir(packages);
  await execa(join(STANDINS, "one-context/build"), [join(packages, "one-context_99.0-1.deb")]);
  await writeFile(join(packages, "one-context-99.0-1.el9.noarch.rpm"), "");
  await makeDisk(packages, "one-context-99.0", join(bench.folder, "one-context.iso"));
  built = await build(...(await serveInputs()), "--var", "readyTimeout=120");
}, 1_800_000);
afterAll(async () => {
  await server.close();
  await bench[Symbol.asyncDispose]();
});

it("refuses a model that is not what its pointer says, before any machine starts", async () => {
  const { exitCode, stderr } = await build(...(await serveInputs("0".repeat(64))));
  expect(exitCode).toBe(4);
  expect(stderr).toContain("[INPUT_CHECKSUM]");
  expect(stderr).toContain(`${MODEL} has the wrong checksum`);
  expect(stderr).not.toContain("SSH port");
});

it("builds in eight steps, each with its post-conditions", () => {
  expect(built.stderr).toContain("slm-copilot 1.0.0 built in");
  expect(built.exitCode).toBe(0);
  const names = [...built.stderr.matchAll(/step \[\d\/8\] (\S+) done/g)].map(([, name]) => name);
  expect(names).toEqual([
    ...["ssh-hardening", "one-context", "directories", "framework"],
    ...["appliance", "context-hooks", "service-install", "cleanup"],
  ]);
  expect(built.stderr.match(/ verified: /g)?.length).toBeGreaterThan(40);
});

/** A CONTEXT disk as OpenNebula makes it: shell assignments, quoted in its way. */
async function writeContext(folder: string, values: Record<string, string>): Promise<string> {
  const lines = Object.entries(values).map(
    ([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'\n`,
  );
  const source = join(folder, "context");
  await mkdir(source);
  await writeFile(join(source, "context.sh"), `# Context variables\n${lines.join("")}`);
  const disk = join(folder, "context.iso");
  await makeDisk(source, "CONTEXT", disk);
  return disk;
}

/** The seven checks of the appliance, as one script that prints a line for each. */
const SEVEN = `
u=https://10.0.2.15
curl() { command curl -sk --max-time 60 "$@"; }
code() { curl -o /dev/null -w '%{http_code}' "$@"; }
chat() { curl -u "copilot:$P" -H 'Content-Type: application/json' -d "$1" $u/v1/chat/completions; }
check() { if [ "$2" = "$3" ]; then echo "[PASS] $1"; else echo "[FAIL] $1: $2"; fi; }
check https "$(code $u/)" 401
check readyz "$(code $u/readyz)" 200
check rejection "$(code $u/v1/models)" 401
check acceptance "$(code -u "copilot:$P" $u/v1/models)" 200
check listing "$(curl -H "Authorization: Bearer $P" $u/v1/models | jq -r '.data[].id')" devstral-small-2
check completion "$(chat '{"model":"devstral-small-2","messages":[{"role":"user","content":"hello"}]}' | jq -r '.choices[0].message.content' | cut -d' ' -f1-3)" 'You said: hello'
check stream "$(chat '{"model":"devstral-small-2","stream":true,"messages":[{"role":"user","content":"hello"}]}' | grep -c '^data: ')" 6
`;

it("boots from its context on a fixed address, is configured, and stays so", async () => {
  const folder = join(bench.folder, "instance");
  await mkdir(folder, { mode: 0o700 });
  const key = join(folder, "key");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const context = await writeContext(folder, {
    NETWORK: "YES",
    ETH0_MAC: "52:54:00:76:6d:62",
    ETH0_METHOD: "static",
    ETH0_IP: "10.0.2.15",
    ETH0_MASK: "255.255.255.0",
    ETH0_GATEWAY: "10.0.2.2",
    ETH0_DNS: "10.0.2.3",
    REPORT_READY: "YES",
    SET_HOSTNAME: "copilot-1",
    SSH_PUBLIC_KEY: (await readFile(`${key}.pub`, "utf8")).trim(),
    START_SCRIPT_BASE64: Buffer.from("#!/bin/sh\ntouch /root/started\n").toString("base64"),
    ONEAPP_COPILOT_PASSWORD: PASSWORD,
  });
  const disk = join(folder, "overlay.qcow2");
  const backing = join(bench.output, "slm-copilot-1.0.0.qcow2");
  await createOverlay({ path: disk, backing, backingFormat: "qcow2" });
  const { signal } = new AbortController();
  const machine = await launchMachine({
    shape: {
      ...{ name: "instance", binary: "qemu-system-x86_64", cpus: 2, memory: 1536 * 2 ** 20 },
      ...{ accelerator: "tcg", cpuModel: "max", machineType: "q35", firmware: "bios" },
      ...{ network: "user", extraArguments: [] },
    },
    files: { disk, readOnlyDisks: [context], console: join(folder, "console.log") },
    version: await qemuVersion("qemu-system-x86_64"),
    runtimeFolder: folder,
    runId: "instance",
    log: join(folder, "qemu.log"),
    emit: () => {},
    signal,
  });
  // The machine makes host keys of its own: nobody can know them beforehand.
  const options = ["-F", "none", "-i", key, "-p", String(machine.sshPort), "-o", "BatchMode=yes"];
  const trusting = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"];
  const ssh = (script: string) =>
    execa(
      "ssh",
      [
        ...options,
        ...[...trusting, "ConnectTimeout=10"].flatMap((option) => ["-o", option]),
        "root@127.0.0.1",
        "bash -s",
      ],
      { input: script, reject: false },
    );
  const ask = async (script: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await ssh(script);
    if (exitCode !== 0) throw new Error(`${script}\nexit ${exitCode}\n${stdout}\n${stderr}`);
    return stdout;
  };
  const quoted = (text: string): string => `P='${text.replaceAll("'", `'\\''`)}'\n`;
  /** Until one-context has run all of its scripts, in a boot that is not this one. */
  const configured = async (before = ""): Promise<void> =>
    eventually(async () => {
      const { stdout } = await ssh(
        "cat /proc/sys/kernel/random/boot_id; systemctl is-active one-context; cat /etc/one-appliance/status",
      );
      const [boot = "", unit, status] = stdout.split("\n");
      if (status?.endsWith("_failure")) throw new Error(await ask("cat /var/log/one-appliance/*"));
      return boot !== "" && boot !== before && unit === "active" && status === "bootstrap_success";
    }, 2000);
  const passes = async (password: string): Promise<string[]> =>
    (await ask(quoted(password) + SEVEN)).split("\n");
  const sevenOfSeven = [
    "https",
    "readyz",
    "rejection",
    "acceptance",
    "listing",
    "completion",
    "stream",
  ].map((name) => `[PASS] ${name}`);

  try {
    await configured();
    expect(await ask("hostname; ls /root/started; ls /run/one-context/reported-ready*")).toBe(
      "copilot-1\n/root/started\n/run/one-context/reported-ready",
    );
    expect(await passes(PASSWORD)).toEqual(sevenOfSeven);
    expect(await ask("! test -e /tmp/owned && systemctl --failed --no-legend")).toBe("");
    const report = await ask("stat -c %a /etc/one-appliance/config; cat /etc/one-appliance/config");
    expect(report).toMatch(/^600\n/);
    expect(report).toContain("base_url     = https://10.0.2.15/v1");
    expect(await ask("journalctl --no-pager; cat /var/log/one-appliance/*")).not.toContain(
      PASSWORD,
    );
    // The engine can talk to nobody but this machine.
    expect(await ask("systemctl show -p IPAddressDeny --value local-ai")).toContain("0.0.0.0/0");

    // A new password while it runs, as a new context brings it.
    await ask(`${quoted("another one")}export ONEAPP_COPILOT_PASSWORD=$P
      /etc/one-appliance/service configure && /etc/one-appliance/service bootstrap`);
    expect(await passes("another one")).toEqual(sevenOfSeven);
    expect((await passes(PASSWORD)).filter((line) => line.startsWith("[FAIL]"))).toHaveLength(4);

    // The context's own again, after a restart.
    const boot = await ask("cat /proc/sys/kernel/random/boot_id; systemctl reboot");
    await configured(boot.trim());
    expect(await passes(PASSWORD)).toEqual(sevenOfSeven);
  } finally {
    await machine.kill();
  }
}, 1_800_000);
