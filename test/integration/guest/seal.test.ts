/** The seal's shell scripts in root file systems of busybox, without bash, systemd and getent. */
import { readFile, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sealScript } from "../../../src/guest/seal.js";
import { CHECK_HOST_KEYS, hostKeyWarnings } from "../../../src/guest/seal/host-keys.js";
import { foundPlaces } from "../../../src/guest/seal/search.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";
import { createBusyboxRoot, runInRoot } from "../../support/busybox-guest.js";
import type { BusyboxRoot } from "../../support/busybox-guest.js";

const keys = makeBuildKeys();
const other = makeBuildKeys();

let created: BusyboxRoot;
let root: string;
beforeEach(async () => {
  created = await createBusyboxRoot();
  root = created.folder;
});
afterEach(() => created[Symbol.asyncDispose]());

const put: BusyboxRoot["put"] = (...file) => created.put(...file);

const read = (path: string) => readFile(join(root, path), "utf8");
const exists = async (path: string): Promise<boolean> =>
  (await readdir(join(root, dirname(path)))).includes(path.split("/").at(-1) ?? "");

describe("the seal of an installed base", () => {
  const { client: base } = makeBuildKeys();

  it("removes the key of the base, and what the installer left", async () => {
    await put("root/.ssh/authorized_keys", `${base.public}\n${other.client.public}\n`);
    await put("var/log/installer/syslog", `authorized ${base.public}\n`);
    await put("root/anaconda-ks.cfg", "rootpw secret\n");
    await put("etc/cloud/cloud.cfg.d/99-installer.cfg", `keys: [${base.public}]\n`);
    expect(foundPlaces(await runInRoot(root, sealScript({ ...keys, base })))).toEqual([]);
    expect(await read("root/.ssh/authorized_keys")).toBe(`${other.client.public}\n`);
    expect(await exists("root/anaconda-ks.cfg")).toBe(false);
    expect(await exists("var/log/installer")).toBe(false);
  });

  it("is not done to other bases", async () => {
    await put("var/log/installer/syslog", "installed by hand\n");
    await runInRoot(root, sealScript(keys));
    expect(await read("var/log/installer/syslog")).toBe("installed by hand\n");
  });
});

describe("the seal in a guest without getent", () => {
  const BOTH = `${keys.client.public}\n${other.client.public}\n`;

  it.each([
    "root/.ssh/authorized_keys",
    "data/build/.ssh/authorized_keys",
    "data/build/.ssh/authorized_keys.d/ignition",
    "etc/dropbear/authorized_keys",
  ])("removes only the build's key from %s, and keeps the mode", async (path) => {
    await put(path, BOTH, 0o640);
    expect(foundPlaces(await runInRoot(root, sealScript(keys)))).toEqual([]);
    expect(await read(path)).toBe(`${other.client.public}\n`);
    expect((await stat(join(root, path))).mode & 0o777).toBe(0o640);
  });

  it("removes a file that had no other key", async () => {
    await put("root/.ssh/authorized_keys", `${keys.client.public}\n`);
    expect(foundPlaces(await runInRoot(root, sealScript(keys)))).toEqual([]);
    expect(await exists("root/.ssh/authorized_keys")).toBe(false);
  });

  it.each([
    ["/etc/ssh/keys/%u", "etc/ssh/keys/build"],
    ["%h/auth/keys", "data/build/auth/keys"],
    ["auth/%u.keys other", "data/build/auth/build.keys"],
  ])("follows AuthorizedKeysFile %s", async (pattern, path) => {
    await put("etc/ssh/sshd_config.d/own.conf", `AuthorizedKeysFile ${pattern}\n`);
    await put(path, BOTH);
    expect(foundPlaces(await runInRoot(root, sealScript(keys)))).toEqual([]);
    expect(await read(path)).toBe(`${other.client.public}\n`);
  });

  it("finds copies in the homes of users, wherever they are", async () => {
    await put("data/build/copy", BOTH);
    const found = foundPlaces(await runInRoot(root, sealScript(keys)));
    expect(found).toEqual(["/data/build/copy"]);
  });
});

describe("host keys", () => {
  const check = async () =>
    hostKeyWarnings(await runInRoot(root, CHECK_HOST_KEYS)).map(({ message }) => message);
  const UNIT = "usr/lib/systemd/system/sshd-keygen.service";
  const MAKES = "[Service]\nExecStart=ssh-keygen -A\n";
  const AT_FIRST_BOOT = `[Unit]\nConditionFirstBoot=yes\n${MAKES}`;
  const NONE = /no SSH host keys, and no service/;
  const SHARED = /which all machines made from it will share/;

  beforeEach(() => put("usr/sbin/sshd", "", 0o755));

  it("are missed where nothing creates them", async () => {
    expect(await check()).toEqual([expect.stringMatching(NONE)]);
  });

  it("come from a unit that runs at each boot", async () => {
    await put("etc/machine-id", "");
    await put(UNIT, MAKES);
    expect(await check()).toEqual([]);
  });

  it("do not come from a unit of the first boot, since an empty machine ID is none", async () => {
    await put("etc/machine-id", "");
    await put(UNIT, AT_FIRST_BOOT);
    expect(await check()).toEqual([expect.stringMatching(NONE)]);
  });

  it("come from a unit of the first boot where there is no machine ID", async () => {
    await put(UNIT, AT_FIRST_BOOT);
    expect(await check()).toEqual([]);
  });

  it("come from a script of an init system without systemd", async () => {
    await put("etc/init.d/sshd", "ssh-keygen -A\n", 0o755);
    expect(await check()).toEqual([]);
  });

  it("come from cloud-init", async () => {
    await put("etc/ssh/ssh_host_ed25519_key", "key");
    await put("usr/bin/cloud-init", "", 0o755);
    expect(await check()).toEqual([]);
  });

  it("are reported where the image contains them", async () => {
    await put("etc/ssh/ssh_host_ed25519_key", "key");
    expect(await check()).toEqual([expect.stringMatching(SHARED)]);
  });

  it("of dropbear are reported where it does not make new ones", async () => {
    await rm(join(root, "usr/sbin/sshd"));
    expect(await check()).toEqual([]);
    await put("etc/dropbear/dropbear_ed25519_host_key", "key");
    expect(await check()).toEqual([expect.stringMatching(SHARED)]);
  });
});
