import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { Guest } from "../../../src/guest/guest.js";
import type { SshTarget } from "../../../src/guest/connection.js";
import { sshEnvironment, writeSshFiles } from "../../../src/guest/ssh-files.js";
import type { SshFiles } from "../../../src/guest/ssh-files.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";
import { guestOf } from "../../support/guest-of.js";
import { errorOf } from "../../support/inputs.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

const guestWith = (server: Sshd, servers: readonly SshTarget[]): Promise<Guest> =>
  guestOf(server, { servers });

/** Runs a command by OpenSSH's client, which uses the files only. */
async function ssh(files: SshFiles, command: string): Promise<string> {
  const options = ["UserKnownHostsFile=" + files.knownHosts, "StrictHostKeyChecking=yes"];
  const more = ["BatchMode=yes", "IdentitiesOnly=yes", "GlobalKnownHostsFile=/dev/null"];
  const { stdout } = await promisify(execFile)("ssh", [
    ...["-F", "/dev/null", "-i", files.key, "-p", String(files.port)],
    ...[...options, ...more].flatMap((option) => ["-o", option]),
    `${files.user}@${files.host}`,
    command,
  ]);
  return stdout;
}

it("let OpenSSH's client in, with the guest's host key and a private file", async () => {
  await using server = await startSshd();
  const files = await writeSshFiles(await guestWith(server, [server.target]));
  expect(await ssh(files, "echo in as $USER")).toBe(`in as ${files.user}\n`);
  expect((await stat(files.key)).mode & 0o777).toBe(0o600);
  expect(await readFile(files.knownHosts, "utf8")).toMatch(
    new RegExp(`^\\[127\\.0\\.0\\.1\\]:${server.target.port} ssh-ed25519 \\S+\\n$`),
  );
  expect(sshEnvironment(files)).toEqual({
    VMBUILD_SSH_HOST: "127.0.0.1",
    VMBUILD_SSH_PORT: String(server.target.port),
    VMBUILD_SSH_USER: files.user,
    VMBUILD_SSH_KEY: files.key,
    VMBUILD_SSH_KNOWN_HOSTS: files.knownHosts,
  });
});

it("are those of the first server and key that the guest accepts", async () => {
  await using closed = await startSshd({ otherClientKey: true });
  await using server = await startSshd();
  const { user, keys: accepted } = server.target.login;
  const other = { name: "another key", private: makeBuildKeys().client.private };
  const withKeys = { ...server.target, login: { user, keys: [other, ...accepted] } };
  const files = await writeSshFiles(await guestWith(server, [closed.target, withKeys]));
  expect(files.port).toBe(server.target.port);
  expect(await ssh(files, "echo yes")).toBe("yes\n");
});

it("are not written where no server accepts a key", async () => {
  await using closed = await startSshd({ otherClientKey: true });
  await using strange = await startSshd({ otherHostKey: true });
  await using server = await startSshd();
  const guest = await guestWith(server, [closed.target, strange.target]);
  const error = await errorOf(writeSshFiles(guest));
  expect(error).toMatchObject({ code: "GUEST_AUTH", exitCode: 6 });
  expect(error.lines).toEqual([
    `port ${closed.target.port}: All configured authentication methods failed`,
    expect.stringContaining(`port ${strange.target.port}: The SSH server presented a host key`),
  ]);
});
