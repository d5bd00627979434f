/** The seal's shell scripts in root file systems of busybox, without bash, systemd and getent. */
import { readFile, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sealScript } from "../../../src/guest/seal.js";
import { CHECK_HOST_KEYS, hostKeyWarnings } from "../../../src/guest/seal/host-keys.js";
import { readPrivateKeys } from "../../../src/guest/seal/private-keys.js";
import { relabelWarnings } from "../../../src/guest/seal/selinux.js";
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

  it("fails where find does not know an option of the search", async () => {
    // busybox prefers its own programs to those in PATH, and a function to both.
    const find = "find() { echo 'find: unrecognized: -prune' >&2; return 1; }";
    expect(foundPlaces(await runInRoot(root, `${find}\n${sealScript(keys)}`))).toEqual([
      "the guest's find and grep do not find what is there",
    ]);
    expect((await readdir(join(root, "etc"))).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("names each file with a trace that it does not remove", async () => {
    await put("opt/notes", `host key ${keys.host.public}\n`);
    await put("srv/with space", `${keys.client.public}\n`);
    expect(foundPlaces(await runInRoot(root, sealScript(keys))).toSorted()).toEqual([
      "/opt/notes",
      "/srv/with space",
    ]);
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

describe("private keys", () => {
  const KEY = other.client.private;
  const seal = async (...keep: string[]) =>
    readPrivateKeys(await runInRoot(root, sealScript(keys, "", keep)));

  it("are reported where seal.keep declares them, and missed where there is none", async () => {
    await put("root/.ssh/id_cluster", KEY, 0o600);
    await put("etc/pki/node.key", "-----BEGIN RSA PRIVATE KEY-----\n", 0o600);
    await put("root/.ssh/empty", "");
    const declared = ["/root/.ssh/id_cluster", "/etc/pki/node.key", "/root/.ssh/empty", "/x y"];
    const found = await seal(...declared);
    expect(found.notes).toEqual([
      expect.stringMatching(
        /^All machines .* the private key \/root\/\.ssh\/id_cluster.*seal\.keep/,
      ),
      expect.stringContaining("/etc/pki/node.key"),
    ]);
    expect(found.missing).toEqual([
      "/root/.ssh/empty: seal.keep declares a private key, and there is none",
      "/x y: seal.keep declares a private key, and there is none",
    ]);
    expect(found.warnings).toEqual([]);
    expect(await read("root/.ssh/id_cluster")).toBe(KEY);
  });

  it("cause a warning where nothing declares them", async () => {
    await put("root/.ssh/id_ed25519", KEY, 0o600);
    await put("root/.ssh/id_ed25519.pub", other.client.public);
    await put("data/build/.ssh/own key", KEY, 0o600);
    const { warnings, notes } = await seal("/root/.ssh/id_ed25519");
    expect(notes).toHaveLength(1);
    expect(warnings.map(({ message }) => message)).toEqual([
      "The image contains the private key /data/build/.ssh/own key, which all machines made from it will share",
    ]);
  });

  it("are looked for in homes only, and / is nobody's", async () => {
    await put(".ssh/id_ed25519", KEY, 0o600);
    expect((await seal()).warnings).toEqual([]);
  });
});

describe("the network of the build", () => {
  it("is removed where cloud-init wrote it for NetworkManager or network scripts", async () => {
    await put("usr/bin/cloud-init", "", 0o755);
    const own = "[connection]\nid=own\n";
    await put("etc/NetworkManager/system-connections/own.nmconnection", own, 0o600);
    await put("etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection", own, 0o600);
    await put("etc/sysconfig/network-scripts/ifcfg-eth0", "# Created by cloud-init on boot\n");
    await put("etc/sysconfig/network-scripts/ifcfg-lo", "DEVICE=lo\n");
    await runInRoot(root, sealScript(keys));
    expect(await readdir(join(root, "etc/NetworkManager/system-connections"))).toEqual([
      "own.nmconnection",
    ]);
    expect(await readdir(join(root, "etc/sysconfig/network-scripts"))).toEqual(["ifcfg-lo"]);
  });
});

describe("a guest with SELinux", () => {
  const seal = async () => relabelWarnings(await runInRoot(root, sealScript(keys)));

  it("relabels at the first boot where SELinux is configured and not active", async () => {
    await put("usr/sbin/restorecon", "#!/bin/sh\nexit 1\n", 0o755);
    await put("etc/selinux/config", "# SELINUX= can be:\nSELINUX=enforcing\n");
    const [warning] = await seal();
    expect(warning?.message).toContain("relabels its files at its first boot");
    expect(await exists(".autorelabel")).toBe(true);
  });

  it.each(["SELINUX=disabled\n", "# SELINUX=enforcing\n"])(
    "does not where the configuration is %j",
    async (config) => {
      await put("usr/sbin/restorecon", "#!/bin/sh\nexit 1\n", 0o755);
      await put("etc/selinux/config", config);
      expect(await seal()).toEqual([]);
      expect(await exists(".autorelabel")).toBe(false);
    },
  );
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

  it("are not reported where seal.keep declares them", async () => {
    await put("etc/ssh/ssh_host_rsa_key", "key");
    const declared = 'kept="\n/etc/ssh/ssh_host_rsa_key\n"\n';
    const findings = async () =>
      hostKeyWarnings(await runInRoot(root, `${declared}${CHECK_HOST_KEYS}`)).length;
    expect(await findings()).toBe(0);
    await put("etc/ssh/ssh_host_ed25519_key", "key");
    expect(await findings()).toBe(1);
  });

  it("of dropbear are reported where it does not make new ones", async () => {
    await rm(join(root, "usr/sbin/sshd"));
    expect(await check()).toEqual([]);
    await put("etc/dropbear/dropbear_ed25519_host_key", "key");
    expect(await check()).toEqual([expect.stringMatching(SHARED)]);
  });
});
