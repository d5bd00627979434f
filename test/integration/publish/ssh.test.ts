/** `vmbuild publish` to another host, for which a real sshd on loopback stands. */
import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import ssh2 from "ssh2";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Of, writeArtifact } from "../../support/artifact.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { eventually } from "../../support/e2e.js";
import { kill, startSshd } from "../../support/sshd.js";
import type { Sshd, SshdOptions } from "../../support/sshd.js";

const SFTP = "Subsystem sftp internal-sftp";
let home: CliHome;
let sshd: Sshd;
let target: string;

async function start(options: SshdOptions = {}): Promise<void> {
  const configuration = [SFTP, ...(options.configuration ?? [])];
  sshd = await startSshd({ ...options, configuration });
  target = join(sshd.folder, "srv");
  await mkdir(target);
}

/** Returns the public key of the server as known_hosts files contain it. */
async function hostKey(): Promise<string> {
  const parsed = ssh2.utils.parseKey(await readFile(join(sshd.folder, "host_key")));
  if (parsed instanceof Error) throw parsed;
  return `${parsed.type} ${parsed.getPublicSSH().toString("base64")}`;
}

/** Writes the user's own files for SSH. */
async function writeUser(knownHosts: string): Promise<void> {
  const folder = join(dirname(home.folder), ".ssh");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, "known_hosts"), knownHosts);
  const [login] = sshd.target.login.keys;
  const key = login && "private" in login ? login.private : "";
  await writeFile(join(folder, "id_ed25519"), key, { mode: 0o600 });
}

const server = (): string => `ssh://127.0.0.1:${sshd.target.port}`;
const name = (): string => `[127.0.0.1]:${sshd.target.port}`;
const flat = (text: string): string => text.replaceAll(/\s+/g, " ");

async function publish(image: string, path: string, ...flags: string[]) {
  return home.run("publish", image, "--to", `${server()}${path}`, ...flags);
}

beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(async () => {
  await sshd[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

describe("vmbuild publish over SSH", () => {
  it("places an image with its sum, and skips equal content", async () => {
    await start();
    await writeUser(`${name()} ${await hostKey()}\n`);
    const content = Buffer.concat([Buffer.alloc(3 * 2 ** 20), Buffer.from("end")]);
    await writeArtifact(home, "small", content);
    const first = await publish("small", `${target}/`);
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stdout).toContain("Updated 1 of 1 image(s)");
    const file = "small-1.0.0.qcow2";
    expect(sha256Of(await readFile(join(target, file)))).toBe(sha256Of(content));
    await execa("sha256sum", ["-c", `${file}.sha256`], { cwd: target });
    const { ino } = await stat(join(target, file));
    const second = await publish("small", `${target}/`);
    expect(second.stdout).toContain("unchanged");
    expect((await stat(join(target, file))).ino).toBe(ino);
    await writeArtifact(home, "small", "new");
    const third = await publish("small", `${target}/${file}`);
    expect(third.stdout).toContain("replaced");
    expect(await readFile(join(target, file), "utf8")).toBe("new");
    expect((await readdir(target)).toSorted()).toEqual([file, `${file}.sha256`]);
  });

  it("works with an account that has SFTP and no shell", async () => {
    await start({ configuration: ["ForceCommand internal-sftp"] });
    await writeUser(`${name()} ${await hostKey()}\n`);
    await writeArtifact(home, "small", "content");
    const first = await publish("small", `${target}/x.img`);
    expect(first).toMatchObject({ exitCode: 0 });
    expect((await publish("small", `${target}/x.img`)).stdout).toContain("Updated 0 of 1");
    expect(await readFile(join(target, "x.img"), "utf8")).toBe("content");
  });

  it("refuses a host key that is not known, or another than the known one", async () => {
    await start();
    await writeUser("");
    await writeArtifact(home, "small", "content");
    const unknown = await publish("small", `${target}/`);
    expect(unknown.exitCode).toBe(9);
    expect(flat(unknown.stderr)).toContain("is not known: ssh-ed25519 SHA256:");
    expect(flat(unknown.stderr)).toContain(`ssh-keyscan -t ed25519 -p ${sshd.target.port}`);
    const other = ssh2.utils.generateKeyPairSync("ed25519").public;
    await writeUser(`${name()} ${other}\n`);
    const changed = await publish("small", `${target}/`);
    expect(changed.exitCode).toBe(9);
    expect(flat(changed.stderr)).toContain("presented another host key than the known one");
    expect(await readdir(target)).toEqual([]);
  });

  it("says which keys were offered when the server accepts none", async () => {
    await start({ otherClientKey: true });
    await writeUser(`${name()} ${await hostKey()}\n`);
    await writeArtifact(home, "small", "content");
    const ended = await publish("small", `${target}/`);
    expect(ended.exitCode).toBe(9);
    expect(flat(ended.stderr)).toContain("accepts none of your keys");
    expect(flat(ended.stderr)).toContain("id_ed25519 was offered");
  });

  it("reports a folder that cannot be written, and one that does not exist", async () => {
    await start({ configuration: ["ForceCommand internal-sftp -R"] });
    await writeUser(`${name()} ${await hostKey()}\n`);
    await writeArtifact(home, "small", "content");
    const denied = await publish("small", `${target}/`);
    expect(denied.exitCode).toBe(9);
    expect(flat(denied.stderr)).toContain("permission is denied");
    const missing = await publish("small", `${target}/none/`);
    expect(flat(missing.stderr)).toContain("none does not exist");
    expect(await readdir(target)).toEqual([]);
  });

  it("reports a server that does not answer", async () => {
    await start();
    await writeUser("");
    await writeArtifact(home, "small", "content");
    const { port } = sshd.target;
    await sshd[Symbol.asyncDispose]();
    const ended = await home.run("publish", "small", "--to", `ssh://127.0.0.1:${port}/srv/`);
    expect(ended.exitCode).toBe(9);
    expect(flat(ended.stderr)).toContain("cannot be reached: connect ECONNREFUSED");
    await start();
  });

  it("writes one after the other when two publish at once", async () => {
    await start({ configuration: ["MaxStartups 100"] });
    await writeUser(`${name()} ${await hostKey()}\n`);
    await writeArtifact(home, "one", Buffer.alloc(4 * 2 ** 20, "1"));
    await writeArtifact(home, "two", Buffer.alloc(4 * 2 ** 20, "2"));
    const images = ["one", "two", "one"];
    const ended = await Promise.all(images.map((image) => publish(image, `${target}/x.img`)));
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    await execa("sha256sum", ["-c", "x.img.sha256"], { cwd: target });
    expect((await readdir(target)).toSorted()).toEqual(["x.img", "x.img.sha256"]);
  });

  it("says that the disk of the other host is full", async (context) => {
    await start();
    const options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", target];
    const mounted = await execa("mount", options, { reject: false });
    if (mounted.exitCode !== 0) return context.skip(); // Only root can mount.
    try {
      await writeUser(`${name()} ${await hostKey()}\n`);
      await writeArtifact(home, "big", Buffer.alloc(4 * 2 ** 20, "x"));
      const ended = await publish("big", `${target}/`);
      expect(ended.exitCode).toBe(9);
      expect(flat(ended.stderr)).toContain("is full: 4 MiB are needed");
      expect(await readdir(target)).toEqual([]);
    } finally {
      // The server may still close the file of a connection that has ended.
      const unmount = () => execa("umount", [target], { reject: false });
      await eventually(async () => (await unmount()).exitCode === 0);
    }
  });
});

describe("vmbuild publish over a connection that is cut", () => {
  const SIZE = 64 * 2 ** 20;

  /** Publishes a large image, and calls a function once, while it is being written. */
  async function publishAndCut(cut: () => Promise<void>) {
    await writeArtifact(home, "big", Buffer.alloc(SIZE, "x"));
    const args = ["publish", "big", "--to", `${server()}${target}/x.img`, "--log-format", "json"];
    const { CLI_MAIN } = await import("../../support/cli.js");
    const child = execa(process.execPath, [CLI_MAIN, ...args], {
      ...{ cwd: home.folder, env: home.env, extendEnv: false, reject: false },
    });
    let isCut = false;
    child.stderr.on("data", (data: Buffer) => {
      if (isCut || !data.includes('"task":"publish"')) return;
      isCut = true;
      void cut();
    });
    const ended = await child;
    expect(isCut).toBe(true);
    return ended;
  }

  async function killSessions(): Promise<void> {
    for (const pid of await sshd.sessions()) kill(pid);
  }

  it("goes on where it was", async () => {
    await start();
    await writeUser(`${name()} ${await hostKey()}\n`);
    const ended = await publishAndCut(killSessions);
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toContain("was lost; connecting again");
    await execa("sha256sum", ["-c", "x.img.sha256"], { cwd: target });
    expect((await readdir(target)).toSorted()).toEqual(["x.img", "x.img.sha256"]);
  });

  it("leaves what was there before when it cannot go on", async () => {
    await start();
    await writeUser(`${name()} ${await hostKey()}\n`);
    await writeFile(join(target, "x.img"), "old");
    const ended = await publishAndCut(async () => {
      await writeFile(join(sshd.folder, "authorized_keys"), "");
      await killSessions();
    });
    expect(ended.exitCode).toBe(9);
    expect(ended.stderr).toContain("accepts none of your keys");
    expect(await readFile(join(target, "x.img"), "utf8")).toBe("old");
    const left = (await readdir(target)).filter((one) => !one.startsWith("."));
    expect(left).toEqual(["x.img"]);
  });
});
