/** Steps and checks run on machines that exist: SSH servers on loopback. */
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { createBus } from "../../../src/events/bus.js";
import type { ProvisionResult } from "../../../src/events/result.js";
import { Secrets } from "../../../src/events/secrets.js";
import type { RunEvent } from "../../../src/events/types.js";
import { parseHostSpec } from "../../../src/provision/host-spec.js";
import { provision } from "../../../src/provision/provision.js";
import type { ProvisionOptions } from "../../../src/provision/provision.js";
import { loadTemplate } from "../../../src/template/load.js";
import { PASSWORD, USER, canStartAccounts, startAccount } from "../../support/account.js";
import { errorOf } from "../../support/inputs.js";
import { hostKeyOf, makeSshHome, textOf, writeLoginKey } from "../../support/ssh-home.js";
import type { SshHome } from "../../support/ssh-home.js";
import { startRestartingSshd } from "../../support/restarting-sshd.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

let folder: string;
let server: Sshd;
let home: SshHome;
let events: RunEvent[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-provision-"));
  vi.stubEnv("XDG_STATE_HOME", join(folder, "state"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  vi.stubEnv("SSH_AUTH_SOCK", "");
  server = await startSshd();
  home = await makeSshHome();
  events = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Runs steps on a host of the configuration. */
async function run(
  steps: readonly object[],
  more: Partial<ProvisionOptions> & { readonly on?: string } = {},
): Promise<ProvisionResult> {
  const path = join(folder, "demo.json");
  const base = { path: "/nowhere/base.qcow2" };
  await writeFile(path, JSON.stringify({ name: "demo", version: "1.2", base, steps }));
  const secrets = new Secrets();
  const sink = { handle: (event: RunEvent) => void events.push(event), close: () => {} };
  const bus = createBus("demo", secrets, [sink]);
  try {
    return await provision({
      template: await loadTemplate(path),
      host: parseHostSpec(more.on ?? "web", "--host"),
      bus,
      secrets,
      signal: new AbortController().signal,
      configFile: home.config,
      ...more,
    });
  } finally {
    await bus.close();
  }
}

/** Step that adds a line to a file of the test. */
const writes = (name: string, more: object = {}) => ({
  name,
  actions: [{ run: `echo ${name} >>${folder}/done` }],
  ...more,
});
/** Command of a local action that logs in to the machine. */
const SSH =
  'ssh -F /dev/null -i "$VMBUILD_SSH_KEY" -o IdentitiesOnly=yes -o BatchMode=yes ' +
  '-o UserKnownHostsFile="$VMBUILD_SSH_KNOWN_HOSTS" -p "$VMBUILD_SSH_PORT" ' +
  '"$VMBUILD_SSH_USER@$VMBUILD_SSH_HOST"';
const done = () => textOf(join(folder, "done"));
const typesOf = () => events.map(({ type }) => type);

describe("provision", () => {
  it("runs steps on a known machine, with the logs, events and record of a run", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const result = await run([
      writes("one", { verify: [`test -s ${folder}/done`] }),
      {
        name: "two",
        actions: [
          { write: `${folder}/greeting`, content: "hello\n" },
          { download: `${folder}/greeting`, to: "greeting.txt" },
        ],
      },
    ]);
    expect(await done()).toBe("one\n");
    expect(result).toMatchObject({ name: "demo", version: "1.2", host: "web", verifyOnly: false });
    expect(result.steps.map(({ name }) => name)).toEqual(["one", "two"]);
    expect(await readFile(join(result.outputs ?? "", "greeting.txt"), "utf8")).toBe("hello\n");
    expect(typesOf()[0]).toBe("run.started");
    expect(typesOf().at(-1)).toBe("run.finished");
    expect(await readdir(join(result.runFolder, "steps"))).toEqual(["01-one.log", "02-two.log"]);
    const record = JSON.parse(await readFile(join(result.runFolder, "run.json"), "utf8")) as object;
    expect(record).toMatchObject({ name: "demo@web", state: "done" });
    expect(result.runFolder).toContain(`${folder}/state/vmbuild/builds/demo@web/runs/`);
    // No disk, no keys, no seed.
    expect(await readdir(join(folder, "state/vmbuild/builds/demo@web"))).toEqual(["lock", "runs"]);
  });

  it("ends with the first step that fails, and names it in the record", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const bad = { name: "bad", actions: [{ run: "echo why >&2; exit 3" }] };
    const error = await errorOf(run([bad, writes("after")]));
    expect(error).toMatchObject({ code: "STEP_FAILED", details: { step: "bad" } });
    expect(error.lines.join("\n")).toContain("why");
    expect(error.hint).toContain("--steps");
    expect(await done()).toBe("");
    const failed = events.find(({ type }) => type === "run.started") as { runFolder: string };
    const record = await readFile(join(failed.runFolder, "run.json"), "utf8");
    expect(JSON.parse(record)).toMatchObject({
      state: "failed",
      outcome: "STEP_FAILED",
      failedStep: "bad",
    });
  });

  it("runs the named steps only, in the template's order", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const steps = [writes("one"), writes("two"), writes("three")];
    await run(steps, { steps: ["three", "one"] });
    expect(await done()).toBe("one\nthree\n");
    expect(events.find(({ type }) => type === "step.started")).toMatchObject({
      index: 1,
      total: 3,
    });
    await expect(errorOf(run(steps, { steps: ["four"] }))).resolves.toMatchObject({
      code: "USAGE",
    });
  });

  it("runs all checks and no actions with verifyOnly", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const steps = [
      writes("one", { verify: ["false"], retries: 2 }),
      writes("two"),
      writes("three", { verify: ["true", "test 1 = 2"] }),
    ];
    const error = await errorOf(run(steps, { verifyOnly: true }));
    expect(error).toMatchObject({ code: "VERIFY_FAILED", exitCode: 8 });
    expect(error.message).toBe("The checks of 2 of 3 steps failed");
    expect(error.lines.join("\n")).toMatch(/"one".*\n.*false.*\n.*"three".*\n.*test 1 = 2/);
    expect(await done()).toBe("");
    const fine = await run([writes("one", { verify: ["true"] })], { verifyOnly: true });
    expect(fine).toMatchObject({ verifyOnly: true, steps: [{ name: "one" }] });
  });

  it("says which steps were already satisfied", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const steps = [
      writes("guarded", { skipIf: "true" }),
      writes("proved", { verify: ["true"] }),
      writes("needed", { verify: [`grep needed ${folder}/done`] }),
      writes("unproved"),
    ];
    const result = await run(steps, { skipSatisfied: true });
    expect(await done()).toBe("needed\nunproved\n");
    expect(result.steps.map(({ skipped }) => skipped)).toEqual([
      "skipIf",
      "verify",
      undefined,
      undefined,
    ]);
    const [guarded] = events.filter(({ type }) => type === "step.skipped");
    expect(guarded).toMatchObject({ step: "guarded", reason: "skipIf", index: 1, total: 4 });
  });

  it("refuses a second run on the same machine", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const wait = `until [ -e ${folder}/go ]; do sleep 0.05; done`;
    const first = run([{ name: "wait", actions: [{ run: wait }] }]);
    await vi.waitFor(() => expect(typesOf()).toContain("action.started"), 30_000);
    const locked = await errorOf(run([writes("two")]));
    expect(locked).toMatchObject({ code: "BUILD_LOCKED", exitCode: 3 });
    expect(locked.hint).toContain("vmbuild logs demo@web --follow");
    await writeFile(join(folder, "go"), "");
    await first;
    expect(await done()).toBe("");
  });

  it("ends the processes of a step on the machine when it is cancelled", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const cancel = new AbortController();
    const command = `trap "" HUP; echo $$ >${folder}/pid; exec sleep 600`;
    const { signal } = cancel;
    const running = run([{ name: "long", actions: [{ run: command }] }], { signal });
    const ended = errorOf(running);
    await vi.waitFor(async () => expect(await textOf(join(folder, "pid"))).not.toBe(""), 30_000);
    cancel.abort(new VmbuildError("INTERRUPTED", "Interrupted (Ctrl-C)"));
    await expect(ended).resolves.toMatchObject({ code: "INTERRUPTED" });
    const pid = Number(await textOf(join(folder, "pid")));
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  it("follows a machine that a script restarts", async () => {
    await using restarting = await startRestartingSshd();
    await home.addHost("web", restarting.sshd);
    await home.addKnown(restarting.sshd);
    const script = { run: `touch ${folder}/going; sleep 60`, expectReboot: true };
    const running = run([{ name: "restart", actions: [script] }, writes("after")]);
    await vi.waitFor(() => readFile(join(folder, "going")), 30_000);
    await restarting.restart();
    await running;
    expect(await done()).toBe("after\n");
    expect(events.filter(({ type }) => type === "guest.ready").length).toBeGreaterThan(1);
  });
});

describe("host keys", () => {
  it("refuses a key that is not known, and shows its fingerprint", async () => {
    await home.addHost("web", server);
    const { stdout } = await execa("ssh-keygen", ["-lf", join(server.folder, "host_key")]);
    const error = await errorOf(run([writes("one")]));
    expect(error).toMatchObject({ code: "GUEST_HOST_KEY", exitCode: 6 });
    expect(error.lines.join("\n")).toContain(stdout.split(" ")[1]);
    expect(error.hint).toContain("--accept-new");
    expect(await done()).toBe("");
    expect(await textOf(home.knownHosts)).toBe("");
  });

  it.each([
    ["hashed", "HashKnownHosts yes", /^\|1\|\S+\|\S+ ssh-ed25519 \S+\n$/],
    ["plain", "HashKnownHosts no", /^\[127\.0\.0\.1\]:\d+ ssh-ed25519 \S+\n$/],
  ])("adds a new key with acceptNew, %s, and finds it again", async (_name, line, expected) => {
    await home.addHost("web", server, [line]);
    await run([writes("one")], { acceptNew: true });
    expect(await textOf(home.knownHosts)).toMatch(expected);
    await run([writes("two")]);
    expect(await done()).toBe("one\ntwo\n");
    // OpenSSH reads the entry too.
    await execa("ssh", ["-F", home.config, "-o", "BatchMode=yes", "web", "true"]);
  });

  it("follows StrictHostKeyChecking accept-new of the configuration", async () => {
    await home.addHost("web", server, ["StrictHostKeyChecking accept-new"]);
    await run([writes("one")]);
    expect(await textOf(home.knownHosts)).toContain("ssh-ed25519");
  });

  it("finds hashed entries and patterns", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    await execa("ssh-keygen", ["-H", "-f", home.knownHosts]);
    expect(await textOf(home.knownHosts)).toMatch(/^\|1\|/);
    await run([writes("one")]);
    await writeFile(home.knownHosts, `[127.0.0.*]:* ${await hostKeyOf(server)}\n`);
    await run([writes("two")]);
    expect(await done()).toBe("one\ntwo\n");
  });

  it("always refuses a key other than the known one", async () => {
    await using other = await startSshd();
    await home.addHost("web", server, ["StrictHostKeyChecking no"]);
    const name = `[127.0.0.1]:${server.target.port}`;
    await writeFile(home.knownHosts, `# comment\n${name} ${await hostKeyOf(other)}\n`);
    const before = await textOf(home.knownHosts);
    const error = await errorOf(run([writes("one")], { acceptNew: true }));
    expect(error.code).toBe("GUEST_HOST_KEY");
    expect(error.lines.join("\n")).toMatch(
      /expected .*known_hosts:2\)\nfound {5}ssh-ed25519 SHA256:/,
    );
    expect(error.hint).toContain(`ssh-keygen -R '${name}'`);
    expect(await textOf(home.knownHosts)).toBe(before);
    expect(await done()).toBe("");
  });

  it("refuses a revoked key, and one of a certificate authority", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    await home.addKnown(server, "@revoked");
    const revoked = await errorOf(run([writes("one")], { acceptNew: true }));
    expect(revoked.message).toMatch(/revoked in .*known_hosts:2$/);
    await rm(home.knownHosts);
    await home.addKnown(server, "@cert-authority");
    const authority = await errorOf(run([writes("one")]));
    expect(authority.message).toContain("does not verify host certificates");
  });

  it("asks a server with several keys for the known one", async () => {
    const rsa = join(home.folder, "rsa");
    await execa("ssh-keygen", ["-q", "-t", "rsa", "-N", "", "-f", rsa]);
    await using two = await startSshd({ configuration: [`HostKey ${rsa}`] });
    await home.addHost("two", two);
    const key = (await readFile(`${rsa}.pub`, "utf8")).split(" ").slice(0, 2).join(" ");
    await writeFile(home.knownHosts, `[127.0.0.1]:${two.target.port} ${key}\n`);
    await run([writes("one")], { on: "two" });
    expect(await done()).toBe("one\n");
  });
});

describe("logins", () => {
  it("uses the agent, also for programs of this host", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    vi.stubEnv("SSH_AUTH_SOCK", await home.startAgent(server));
    // Its key file is gone, and IdentitiesOnly forbids keys without a file.
    const refused = await errorOf(run([writes("one")]));
    expect(refused).toMatchObject({ code: "GUEST_AUTH", exitCode: 6 });
    const config = await textOf(home.config);
    await writeFile(home.config, config.replace("IdentitiesOnly yes", "IdentitiesOnly no"));
    await run([
      writes("one"),
      { name: "two", actions: [{ local: `${SSH} 'echo two >>${folder}/done'` }] },
    ]);
    expect(await done()).toBe("one\ntwo\n");
  });

  it("offers a key with a passphrase through the agent only", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const socket = await home.startAgent(server);
    const key = await writeLoginKey(server, home.folder);
    await execa("ssh-keygen", ["-p", "-N", "secret", "-f", key]);
    const { stdout } = await execa("ssh-keygen", ["-y", "-P", "secret", "-f", key]);
    await writeFile(`${key}.pub`, `${stdout}\n`);
    const error = await errorOf(run([writes("one")]));
    expect(error.code).toBe("GUEST_AUTH");
    expect(error.lines.join("\n")).toContain(`${key} needs a passphrase`);
    await writeFile(home.config, `IdentityAgent ${socket}\n${await textOf(home.config)}`);
    await run([writes("one")]);
    expect(await done()).toBe("one\n");
  });

  it.runIf(canStartAccounts)("becomes root by sudo, and takes a password", async () => {
    const rule = { "sudoers.d/tester": `${USER} ALL=(ALL) NOPASSWD:ALL\n` };
    await using account = await startAccount({ files: rule });
    const on = `${USER}@127.0.0.1:${account.port}`;
    const config = `UserKnownHostsFile ${home.knownHosts}\nGlobalKnownHostsFile none\nIdentityFile none\n`;
    await writeFile(home.config, config);
    const step = { name: "who", actions: [{ run: `id -un >${folder}/done` }] };
    await run([step], { on, acceptNew: true, password: PASSWORD });
    expect(await done()).toBe("root\n");
    const refused = await errorOf(run([step], { on, password: "wrong" }));
    expect(refused.code).toBe("GUEST_AUTH");
  });

  it.runIf(canStartAccounts)(
    "refuses a user who cannot become root, and grants nothing",
    async () => {
      await using account = await startAccount();
      const on = `${USER}@127.0.0.1:${account.port}`;
      await writeFile(home.config, `UserKnownHostsFile ${home.knownHosts}\nIdentityFile none\n`);
      const error = await errorOf(
        run([writes("one")], { on, acceptNew: true, password: PASSWORD }),
      );
      expect(error).toMatchObject({ code: "GUEST_SHELL" });
      expect(error.hint).toContain("NOPASSWD");
      expect(JSON.stringify(events)).not.toContain(PASSWORD);
    },
  );
});

describe("ways to a machine", () => {
  it("passes jump hosts, whose keys OpenSSH verifies", async () => {
    await using first = await startSshd();
    await using second = await startSshd();
    await home.addHost("first", first);
    await home.addHost("second", second);
    await home.addHost("web", server, ["ProxyJump first,second"]);
    for (const known of [server, second]) await home.addKnown(known);
    const refused = await errorOf(run([writes("one")]));
    expect(refused).toMatchObject({ code: "GUEST_TIMEOUT", exitCode: 6 });
    expect(refused.lines.join("\n")).toContain("Host key verification failed");
    expect(await done()).toBe("");
    await home.addKnown(first);
    await run([
      writes("one"),
      { name: "two", actions: [{ local: `${SSH} 'echo two >>${folder}/done'` }] },
    ]);
    expect(await done()).toBe("one\ntwo\n");
  });

  it("accepts new keys of jump hosts too", async () => {
    await using jump = await startSshd();
    await home.addHost("jump", jump);
    await home.addHost("web", server, ["ProxyJump jump"]);
    await run([writes("one")], { acceptNew: true });
    expect(await done()).toBe("one\n");
    expect((await textOf(home.knownHosts)).trim().split("\n")).toHaveLength(2);
  });

  it("uses ProxyCommand, and reports what it says", async () => {
    await home.addHost("web", server, [
      `ProxyCommand ${process.execPath} ${home.folder}/pipe.cjs %h %p`,
    ]);
    await home.addKnown(server);
    const pipe = `const s = require("net").connect(process.argv[3], process.argv[2]); process.stdin.pipe(s).pipe(process.stdout);`;
    await writeFile(join(home.folder, "pipe.cjs"), pipe);
    await run([writes("one")]);
    expect(await done()).toBe("one\n");
    await writeFile(
      join(home.folder, "pipe.cjs"),
      `console.error("the gate is closed"); process.exit(1);`,
    );
    const error = await errorOf(run([writes("two")]));
    expect(error.code).toBe("GUEST_TIMEOUT");
    expect(error.lines).toContain("the gate is closed");
  });

  it("waits for a machine that is starting", async () => {
    await home.addHost("web", server);
    await home.addKnown(server);
    const marker = join(folder, "up");
    const gate = `if (!require("fs").existsSync(${JSON.stringify(marker)})) { require("fs").writeFileSync(${JSON.stringify(marker)}, ""); process.exit(1); }`;
    const pipe = `const s = require("net").connect(${server.target.port}, "127.0.0.1"); process.stdin.pipe(s).pipe(process.stdout);`;
    await writeFile(join(home.folder, "pipe.cjs"), `${gate}\n${pipe}`);
    const config = await textOf(home.config);
    await writeFile(
      home.config,
      `ProxyCommand ${process.execPath} ${home.folder}/pipe.cjs\n${config}`,
    );
    await run([writes("one")], { waitMs: 60_000 });
    expect(events.find(({ type }) => type === "guest.ready")).toMatchObject({ attempts: 2 });
  });

  it("refuses settings that it cannot follow", async () => {
    await home.addHost("web", server, [`RevokedHostKeys ${home.folder}/revoked`]);
    await expect(errorOf(run([writes("one")]))).resolves.toMatchObject({ code: "USAGE" });
    await writeFile(home.config, "Nonsense yes\n");
    const error = await errorOf(run([writes("one")]));
    expect(error.lines.join("\n")).toMatch(/bad configuration option/i);
  });
});
