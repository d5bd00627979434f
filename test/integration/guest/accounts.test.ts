/** Users with other login shells, servers and ways to become root than a cloud image has. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/events/types.js";
import { buildKey } from "../../../src/guest/build-target.js";
import type { Connection } from "../../../src/guest/connection.js";
import { grantLogin } from "../../../src/guest/grant-login.js";
import { Guest } from "../../../src/guest/guest.js";
import type { Privilege } from "../../../src/guest/launcher.js";
import { findPrivilege } from "../../../src/guest/privilege.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";
import { PASSWORD, USER, canStartAccounts, startAccount } from "../../support/account.js";
import type { Account } from "../../support/account.js";
import { errorOf } from "../../support/inputs.js";

const NOPASSWD = { "sudoers.d/tester": `${USER} ALL=(ALL) NOPASSWD:ALL\n` };
const ASKS = { "sudoers.d/tester": `${USER} ALL=(ALL) ALL\n` };
const DOAS = { "doas.conf": `permit nopass ${USER}\n` };
const { signal } = new AbortController();
const byPassword = { password: PASSWORD };

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "vmbuild-scratch-"));
});
afterEach(() => rm(scratch, { recursive: true }));

function guestOn(connection: Connection, privilege: Privilege, events: EventBody[] = []): Guest {
  return new Guest({
    connection,
    connect: () => Promise.reject(new Error("not restarted here")),
    slot: undefined,
    user: USER,
    privilege,
    scratchFolder: scratch,
    emit: (event) => events.push(event),
    signal,
  });
}

/** Requires that a guest runs scripts, and transfers files and folders in both directions. */
async function requireWorking(guest: Guest, there: string): Promise<void> {
  const lines: string[] = [];
  const script = {
    content: `printf '%s\\n' "$GREETING"; id -u; exit 3\n`,
    interpreter: ["/bin/sh"],
    environment: { GREETING: "it's `not` $HOME !! \\n" },
    onLine: (line: string) => void lines.push(line),
  };
  expect(await guest.run(script)).toMatchObject({ exitCode: 3, timedOut: false });
  expect(lines).toEqual(["it's `not` $HOME !! \\n", "0"]);
  const content = randomBytes(300_000);
  const name = "it's a !file\\n";
  await mkdir(join(scratch, "tree"));
  await writeFile(join(scratch, "tree", name), content);
  await guest.upload(join(scratch, "tree", name), join(there, name));
  await guest.upload(join(scratch, "tree"), join(there, "tree"));
  await guest.download(join(there, name), join(scratch, "back"));
  await guest.download(join(there, "tree"), join(scratch, "back-tree"));
  expect((await readFile(join(scratch, "back"))).equals(content)).toBe(true);
  expect((await readFile(join(scratch, "back-tree", name))).equals(content)).toBe(true);
  const end = await guest.run({
    content: "exec sleep 600",
    interpreter: ["/bin/sh"],
    timeoutMs: 1000,
  });
  expect(end.timedOut).toBe(true);
}

describe.runIf(canStartAccounts)("a user", () => {
  describe.each(["openssh", "dropbear"] as const)("at a server of %s", (server) => {
    it.each(["/bin/sh", "/bin/bash", "/usr/bin/tcsh", "/usr/bin/fish"])(
      "with the login shell %s",
      async (shell) => {
        await using account = await startAccount({ server, shell, files: NOPASSWD });
        const connection = await account.connect(byPassword);
        const privilege = await findPrivilege(connection, { user: USER }, signal);
        expect(privilege).toBe("sudo");
        await requireWorking(guestOn(connection, privilege), account.home);
      },
    );

    it("gets the build's key after a login by password", async () => {
      await using account = await startAccount({ server, files: NOPASSWD });
      const keys = makeBuildKeys();
      const guest = guestOn(await account.connect(byPassword), "sudo");
      const withKey = { keys: [buildKey(keys)] };
      const events: EventBody[] = [];
      await grantLogin({
        guest,
        login: { user: USER, ...withKey, ...byPassword },
        publicKey: keys.client.public,
        tryKey: async () => (await account.connect(withKey)).close(),
        emit: (event) => events.push(event),
        signal,
      });
      expect(events).toEqual([]);
    });
  });

  it("answers the keyboard-interactive prompts of PAM with the password", async () => {
    const configuration = ["PasswordAuthentication no", "KbdInteractiveAuthentication yes"];
    await using account = await startAccount({ configuration });
    (await account.connect(byPassword)).close();
    await expect(account.connect({ password: "wrong" })).rejects.toMatchObject({
      stage: "authentication",
    });
  });
});

describe.runIf(canStartAccounts)("becoming root", () => {
  const find = async (account: Account, password?: string): Promise<Privilege> =>
    findPrivilege(await account.connect(byPassword), { user: USER, password }, signal);

  it("works through doas, with files and folders", async () => {
    await using account = await startAccount({ files: DOAS });
    expect(await find(account)).toBe("doas");
    await requireWorking(guestOn(await account.connect(byPassword), "doas"), account.home);
  });

  it("works through sudo that asks for the password of the login, from then on without", async () => {
    await using account = await startAccount({ files: ASKS, shell: "/usr/bin/tcsh" });
    expect(await find(account, PASSWORD)).toBe("sudo");
    expect(await readdir(join(account.etc, "sudoers.d"))).toContain("zz-vmbuild-build");
    expect(await find(account)).toBe("sudo");
  });

  it.each([
    ["asks for a password that is not given", ASKS, undefined],
    ["refuses the password", ASKS, "wrong"],
    ["is not allowed", {}, PASSWORD],
    ["is by doas with a password", { "doas.conf": `permit ${USER}\n` }, PASSWORD],
  ])("fails where it %s", async (_, files, password) => {
    await using account = await startAccount({ files });
    const error = await errorOf(find(account, password));
    expect(error).toMatchObject({ code: "GUEST_SHELL", exitCode: 6 });
    expect(error.message).toBe(`The user ${USER} can become root by neither sudo nor doas`);
    expect(JSON.stringify(error.lines)).not.toContain(PASSWORD);
  });
});
