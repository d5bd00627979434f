/** Login shells that print something, or exit, before they run the command. */
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitForCloudInit } from "../../../src/guest/cloud-init.js";
import type { Guest } from "../../../src/guest/guest.js";
import { reconnectAfterReboot } from "../../../src/guest/reboot.js";
import { errorOf } from "../../support/inputs.js";
import { guestOf } from "../../support/guest-of.js";
import { kill, startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

const homes: string[] = [];
afterAll(async () => {
  for (const home of homes) await rm(home, { recursive: true });
});

/** Starts a server whose sessions read this text as ~/.bashrc and search these programs first. */
async function serverWith(
  bashrc: string,
  programs: Record<string, string> = {},
): Promise<{ sshd: Sshd; guest: Guest }> {
  const home = await mkdtemp(join(tmpdir(), "vmbuild-home-"));
  homes.push(home);
  const tools = join(home, "tools");
  await mkdir(tools);
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(tools, name), text, { mode: 0o755 });
  }
  await writeFile(join(home, ".bashrc"), bashrc);
  const path = `PATH=${tools}:/usr/sbin:/usr/bin:/sbin:/bin`;
  const sshd = await startSshd({ configuration: [`SetEnv HOME=${home} ${path}`] });
  return { sshd, guest: await guestOf(sshd) };
}

/** Start-up file that prints in all ways that could corrupt an answer. */
const NOISY = `
echo "Welcome to $HOSTNAME"
echo '12 aaaaaaaa  -'
echo tree; echo closed; echo unseeded
echo "to run: $BASH_EXECUTION_STRING"
head -c 20000 /dev/zero | tr '\\0' x
head -c 300 /dev/urandom
printf 'no line break at the end: '
`;

describe("a login shell that prints", () => {
  let sshd: Sshd;
  let guest: Guest;
  let there: string;
  let host: string;
  beforeAll(async () => {
    ({ sshd, guest } = await serverWith(NOISY, {
      "cloud-init":
        '#!/bin/sh\ncase "$*" in *json*) printf \'{"status":"done",\\n"errors":[]}\\n\' ;; esac\n',
    }));
    [there, host] = [join(sshd.folder, "there"), join(sshd.folder, "host")];
    await mkdir(there);
    await mkdir(host);
  });
  afterAll(() => sshd[Symbol.asyncDispose]());

  it("prints in this test", async () => {
    const { client } = await sshd.connect();
    const text = await new Promise<string>((done, failed) => {
      client.exec("echo end", (error, channel) => {
        if (error) return failed(error);
        let said = "";
        channel.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
        channel.stderr.resume();
        channel.on("close", () => done(said));
      });
    });
    expect(text).toContain("Welcome to");
    expect(text).toContain("at the end: end");
  });

  it("does not add lines to the output of scripts and commands", async () => {
    const lines: string[] = [];
    const end = await guest.run({
      content: "echo one; echo two",
      interpreter: ["/bin/sh"],
      onLine: (line) => lines.push(line),
    });
    expect(end.exitCode).toBe(0);
    expect(lines).toEqual(["one", "two"]);
    expect(await guest.ask("echo fine", "asking")).toEqual(["fine"]);
  });

  it("does not prevent a deadline from ending the script", async () => {
    const seconds = "27182818";
    const end = await guest.run({
      content: `exec sleep ${seconds}`,
      interpreter: ["/bin/sh"],
      timeoutMs: 1500,
    });
    expect(end.timedOut).toBe(true);
    const lists = await Promise.all(
      (await readdir("/proc"))
        .filter((name) => /^\d+$/.test(name))
        .map(async (pid) => {
          const list = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
          return list === `sleep\0${seconds}\0` ? [Number(pid)] : [];
        }),
    );
    for (const pid of lists.flat()) kill(pid);
    expect(lists.flat()).toEqual([]);
  });

  it("does not corrupt files and folders in both directions", async () => {
    const content = randomBytes(3_000_000);
    await mkdir(join(host, "tree/deep"), { recursive: true });
    await writeFile(join(host, "tree/deep/file"), content);
    await guest.write("text", join(there, "written"), {});
    await guest.upload(join(host, "tree/deep/file"), join(there, "file"));
    await guest.upload(join(host, "tree"), join(there, "tree"));
    await guest.download(join(there, "file"), join(host, "file"));
    await guest.download(join(there, "tree"), join(host, "back"));
    expect(await readFile(join(there, "written"), "utf8")).toBe("text");
    for (const path of [join(there, "file"), join(host, "file"), join(host, "back/deep/file")]) {
      expect((await readFile(path)).equals(content)).toBe(true);
    }
  });

  it("does not corrupt cloud-init's status", async () => {
    await expect(
      waitForCloudInit(guest, { restartMs: 1000, emit: () => {} }),
    ).resolves.toBeUndefined();
  });
});

it("does not make an old boot look like a new one", async () => {
  const { sshd, guest } = await serverWith("date +%N; echo -n $RANDOM\n", {
    systemctl: "#!/bin/sh\ntrue\n",
    reboot: "#!/bin/sh\ntrue\n",
  });
  await using _ = sshd;
  guest.close();
  const error = await errorOf(
    reconnectAfterReboot({
      connection: await sshd.connect(),
      connect: () => sshd.connect(),
      timeoutMs: 4000,
      signal: sshd.signal,
      privilege: "root",
    }),
  );
  expect(error).toMatchObject({ code: "GUEST_TIMEOUT" });
});

describe("a login shell that ends", () => {
  it.each(["exit 0", "exit 3"])("is not taken for what it should have run: %s", async (ending) => {
    const { sshd, guest } = await serverWith(`echo 'Access is closed.'; ${ending}\n`);
    await using server = sshd;
    const path = join(server.folder, "file");
    const works = [
      () => guest.ask("true", "asking"),
      () => guest.write("x", path, {}),
      () => guest.download("/etc/passwd", join(server.folder, "passwd")),
    ];
    for (const work of works) {
      const error = await errorOf(work());
      expect(error.code).toBe("GUEST_SHELL");
      expect(error.lines).toContain("Access is closed.");
    }
  });

  it("fails a script that never ran, whatever its exit code, with what the shell printed", async () => {
    for (const ending of ["exit 0", "exit 3"]) {
      const { sshd, guest } = await serverWith(`echo 'Access is closed.'; ${ending}\n`);
      await using _ = sshd;
      const lines: string[] = [];
      const onLine = (line: string): void => void lines.push(line);
      const error = await errorOf(guest.run({ content: "true", interpreter: ["/bin/sh"], onLine }));
      expect(error).toMatchObject({ code: "GUEST_SHELL", lines: ["Access is closed."] });
      expect(lines).toEqual(["Access is closed."]);
    }
  });
});
