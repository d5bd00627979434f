/** Section `seed` of a template: its kinds and their fields. */
import { describe, expect, it } from "vitest";
import { defaultMac } from "../../../src/machine/networks.js";
import { createRedact } from "../../../src/checkpoints/secrets.js";
import { planSeed } from "../../../src/requirements/seed.js";
import { load, loadError, templateText } from "../template/support.js";

/** Returns the lines of the error without their positions. */
async function problemsOf(more: Record<string, unknown>): Promise<string[]> {
  const { lines } = await loadError(templateText(more));
  return lines.map((line) => line.replace(/^t\.json:\d+:\d+: /, ""));
}

describe("the schema", () => {
  it.each([
    [
      "a field of another kind",
      { seed: { kind: "cloud-init", context: {} } },
      "seed.context: belongs to the kind opennebula, and this seed has the kind cloud-init",
    ],
    [
      "a field of a kind that is not given",
      { seed: { config: "a.ign" } },
      'seed.config: belongs to another kind of seed; add "kind": "ignition"',
    ],
    [
      "user-data for one-context",
      { seed: { kind: "opennebula", userData: "u" } },
      "seed.userData: belongs to the kind cloud-init, and this seed has the kind opennebula",
    ],
    [
      "an unknown kind",
      { seed: { kind: "vmware" } },
      'seed.kind: expected one of "cloud-init", "opennebula", "ignition", "none"',
    ],
    [
      "no way in",
      { seed: { kind: "none" } },
      "seed.kind: nothing lets the build in: the kind none gives the guest no key; add ssh.password or ssh.privateKey, or choose another kind",
    ],
    [
      "a host key alone",
      { seed: { kind: "none" }, ssh: { hostKey: `SHA256:${"A".repeat(43)}` } },
      "seed.kind: nothing lets the build in: the kind none gives the guest no key; add ssh.password or ssh.privateKey, or choose another kind",
    ],
    [
      "Ignition with another user",
      { seed: { kind: "ignition" } },
      'seed.kind: Ignition lets the build in as core; add "ssh": { "user": "core" }',
    ],
    [
      "another USERNAME than the build's",
      { seed: { kind: "opennebula", context: { USERNAME: "app" } } },
      "seed.context.USERNAME: one-context gives the build's key to app, and the build logs in as root; set ssh.user to the same name",
    ],
    [
      "an address that the machine's network does not have",
      { seed: { kind: "opennebula", context: { ETH0_IP: "192.168.1.2" } } },
      "seed.context.ETH0_IP: 192.168.1.2 is not in the machine's network, 10.0.2.0/24; use an address from 10.0.2.5 to 10.0.2.254, or ETH0_METHOD dhcp",
    ],
    [
      "an invalid name",
      { seed: { kind: "opennebula", context: { "A-B": "1" } } },
      "seed.context.A-B: not a valid name for a CONTEXT variable",
    ],
    [
      "a NUL character",
      { seed: { kind: "opennebula", context: { A: "a\0" } } },
      "seed.context.A: must not contain a NUL character",
    ],
  ])("refuses %s", async (_, more, problem) => {
    expect(await problemsOf(more)).toEqual([problem]);
  });

  it.each([
    ["a password", { password: "secret" }],
    ["a private key", { privateKey: "key" }],
  ])("accepts the kind none with %s", async (_, ssh) => {
    const template = await load(templateText({ seed: { kind: "none" }, ssh }));
    expect(planSeed(template, {}).media).toEqual({});
  });
});

describe("a CONTEXT disk", () => {
  const seedWith = async (context: Record<string, unknown>, more: Record<string, unknown> = {}) => {
    const seed = { kind: "opennebula", context };
    const template = await load(templateText({ seed, ...more }));
    return { template, seed: planSeed(template, {}) };
  };

  it("is a disk and a CD, with the static address of QEMU's network", async () => {
    const { seed } = await seedWith({});
    expect(seed.media).toEqual({ disk: true, cd: true, guestAddress: "10.0.2.15" });
    expect(seed.givesHostKey).toBe(false);
  });

  it.each([
    ["the template's own address", { ETH0_IP: "10.0.2.77" }, "10.0.2.77"],
    ["DHCP", { ETH0_METHOD: "dhcp" }, undefined],
    ["no network", { NETWORK: "NO" }, undefined],
  ])("uses %s", async (_, context, address) => {
    expect((await seedWith(context)).seed.media.guestAddress).toBe(address);
  });

  it("is described by its variables, with the placeholder's host name and the build's user", async () => {
    const { seed } = await seedWith({ ONEAPP_N: 3 }, { ssh: { user: "app" } });
    expect(await seed.describe((text) => text)).toMatchObject({
      seed: "CONTEXT disk",
      "seed context USERNAME": "app",
      "seed context SET_HOSTNAME": "vmbuild-guest",
      "seed context ETH0_MAC": defaultMac(0),
      "seed context ONEAPP_N": "3",
      "seed context SSH_PUBLIC_KEY": "",
    });
  });

  it("is described without secrets, and differently for another secret", async () => {
    const describe = async (value: string) => {
      const { template, seed } = await seedWith(
        { PASSWORD: "literal-1", START_SCRIPT: "echo ${var.token} >/x" },
        { variables: { token: { sensitive: true, default: value } } },
      );
      return seed.describe(await createRedact(template.secrets));
    };
    const [one, same, other] = [
      await describe("opensesame"),
      await describe("opensesame"),
      await describe("hunter2hunter2"),
    ];
    expect(JSON.stringify(one)).not.toMatch(/opensesame|literal-1/);
    expect(one["seed context START_SCRIPT"]).toMatch(/^echo <secret [0-9a-f]{24}> >\/x$/);
    expect(one).toEqual(same);
    expect(one["seed context START_SCRIPT"]).not.toBe(other["seed context START_SCRIPT"]);
  });
});
