/** Shell scripts of the seeds in root file systems of busybox. */
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import type { Guest } from "../../../src/guest/guest.js";
import { waitForOneContext } from "../../../src/guest/one-context.js";
import { sealScript } from "../../../src/guest/seal.js";
import { markedLines } from "../../../src/host/lines.js";
import { makeBuildKeys, publicBlob } from "../../../src/seed/keys.js";
import { SEAL_WARNING } from "../../../src/seed/kind.js";
import { seedOf } from "../../../src/seed/registry.js";
import type { SeedSettings } from "../../../src/seed/registry.js";
import { createBusyboxRoot, runInRoot } from "../../support/busybox-guest.js";
import type { BusyboxRoot } from "../../support/busybox-guest.js";

let created: BusyboxRoot;
let root: string;
beforeEach(async () => {
  created = await createBusyboxRoot();
  root = created.folder;
});
afterEach(() => created[Symbol.asyncDispose]());

const put: BusyboxRoot["put"] = (...file) => created.put(...file);

const own = makeBuildKeys();
const generated = makeBuildKeys().host;
const keys = { ...own, learnedHost: publicBlob(generated) };

/** Seals the root with a seed and returns the warnings. */
async function sealWith(settings: SeedSettings, user: string): Promise<string[]> {
  const seed = seedOf(settings, { folder: "/", user, hasOwnCredentials: false, mac: "" });
  return markedLines(await runInRoot(root, sealScript(keys, seed.sealScript(keys))), SEAL_WARNING);
}

describe("the seal after a build by CONTEXT", () => {
  const hostKeys = async () =>
    (await readdir(join(root, "etc/ssh"))).filter((name) => name.startsWith("ssh_host_"));
  const seal = () => sealWith({ kind: "opennebula" }, "root");

  beforeEach(async () => {
    await put("etc/one-context.d/loc-24-ssh_host_key", "ssh-keygen -A\n", 0o755);
    await put("etc/ssh/ssh_host_rsa_key", "rsa");
    await put("etc/ssh/ssh_host_rsa_key.pub", "ssh-rsa AAAA rsa\n");
    await put("etc/ssh/ssh_host_ed25519_key", generated.private);
    await put("etc/ssh/ssh_host_ed25519_key.pub", generated.public);
  });

  it("removes the host keys that one-context generated", async () => {
    await seal();
    expect(await hostKeys()).toEqual([]);
  });

  it("keeps host keys that a step has replaced", async () => {
    await put("etc/ssh/ssh_host_ed25519_key.pub", makeBuildKeys().host.public);
    await seal();
    expect(await hostKeys()).toHaveLength(4);
  });

  it("keeps host keys that nothing would generate again", async () => {
    await rm(join(root, "etc/one-context.d"), { recursive: true });
    await seal();
    expect(await hostKeys()).toHaveLength(4);
  });
});

describe("the seal after a build by Ignition", () => {
  const seal = () => sealWith({ kind: "ignition" }, "core");

  it.each([
    ["Flatcar", "boot/flatcar/grub/grub.cfg", "boot/flatcar/first_boot"],
    ["Fedora CoreOS", "run/ostree-booted", "boot/ignition.firstboot"],
  ])("requests a first boot of %s", async (_, mark, flag) => {
    await put(mark, "");
    await mkdir(join(root, "boot"), { recursive: true });
    expect(await seal()).toEqual([]);
    expect(await readFile(join(root, flag), "utf8")).toBe("");
  });

  it("warns where it does not know the system", async () => {
    expect(await seal()).toEqual([expect.stringContaining("Ignition will not run")]);
  });
});

describe("waitForOneContext", () => {
  /** Waits in a guest with systemd whose `systemctl` is this script; returns the warnings. */
  async function waitWith(systemctl: string, losses = 0): Promise<string[]> {
    await mkdir(join(root, "run/systemd/system"), { recursive: true });
    await put("bin/systemctl", `#!/bin/sh\n${systemctl}\n`, 0o755);
    // No time passes in the guest.
    await put("bin/sleep", "#!/bin/sh\necho >>/slept\n", 0o755);
    const warnings: string[] = [];
    let lost = 0;
    const guest = {
      ask(script: string) {
        if (lost++ < losses) return Promise.reject(new VmbuildError("GUEST_LOST", "lost"));
        return runInRoot(root, script);
      },
      reconnect: () => Promise.resolve(),
    } as unknown as Guest;
    const emit = (event: EventBody) => {
      if (event.type === "warning") warnings.push(event.message);
    };
    await waitForOneContext(guest, { restartMs: 1000, emit });
    return warnings;
  }

  const seconds = async () => (await readFile(join(root, "slept"), "utf8").catch(() => "")).length;

  const AFTER_THREE = `
case $1 in
  is-active) [ "$(wc -l </slept)" -ge 3 ] 2>/dev/null && echo active || { echo "$STATE"; exit 3; } ;;
  list-jobs) echo "1 one-context.service start waiting" ;;
esac`;

  it.each(["inactive", "activating"])("waits while the service is %s", async (state) => {
    expect(await waitWith(`STATE=${state}\n${AFTER_THREE}`)).toEqual([]);
    expect(await seconds()).toBe(3);
  });

  it("does not wait for a service that nothing will start", async () => {
    expect(await waitWith('[ "$1" = list-jobs ] || { echo inactive; exit 3; }')).toEqual([]);
    expect(await seconds()).toBe(0);
  });

  it("warns about a service that has failed", async () => {
    expect(await waitWith("echo failed; exit 3")).toEqual(["one-context.service has failed"]);
  });

  it("waits for five minutes at most", async () => {
    expect(await waitWith(`STATE=activating\n${AFTER_THREE.replace("3 ]", "9999 ]")}`)).toEqual([
      "one-context is not done after 300 s; the steps run beside it",
    ]);
    expect(await seconds()).toBe(300);
  });

  it("connects again when one-context restarts the network, but not for ever", async () => {
    expect(await waitWith("echo active", 3)).toEqual([]);
    await expect(waitWith("echo active", 4)).rejects.toThrow("lost");
  });
});
