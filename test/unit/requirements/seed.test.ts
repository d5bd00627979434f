/** Choice of the seed from a template and from what is known about its base. */
import { describe, expect, it } from "vitest";
import { systemOf } from "../../../src/base/cached-bootstrap.js";
import { planSeed, requireWayIn } from "../../../src/requirements/seed.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";
import { load, templateText } from "../template/support.js";

const CREDENTIALS = /^systemd credentials \(systemd (252|257)\), without cloud-init$/;
const CLOUD_INIT = /^cloud-init, /;

/** Returns how the build gets into a bootstrapped base. */
async function wayOf(more: Record<string, unknown>, systemd: number | undefined): Promise<string> {
  const template = await load(templateText(more));
  return planSeed(template, systemd === undefined ? {} : { system: { systemd } }).way;
}

describe("planSeed", () => {
  it.each([
    ["a base with systemd 252", {}, 252, CREDENTIALS],
    ["a base with systemd 257", {}, 257, CREDENTIALS],
    ["a base with systemd 251", {}, 251, CLOUD_INIT],
    ["a base about which nothing is known", {}, undefined, CLOUD_INIT],
    ["the machine type pc", { machine: { type: "pc" } }, 252, CREDENTIALS],
    ["a versioned machine type", { machine: { type: "pc-q35-7.2" } }, 252, CREDENTIALS],
    ["a machine without SMBIOS", { machine: { type: "microvm" } }, 252, CLOUD_INIT],
    ["the kind cloud-init", { seed: { kind: "cloud-init" } }, 252, CLOUD_INIT],
    ["user-data", { seed: { userData: "user-data" } }, 252, /^cloud-init, user-data$/],
    ["a network-config", { seed: { networkConfig: "network" } }, 252, CLOUD_INIT],
    ["another user", { ssh: { user: "builder" } }, 252, CLOUD_INIT],
    ["a password", { ssh: { password: "secret" } }, 252, CLOUD_INIT],
    ["a private key", { ssh: { privateKey: "key" } }, 252, CLOUD_INIT],
    ["the kind opennebula", { seed: { kind: "opennebula" } }, 252, /^one-context/],
    [
      "the kind ignition",
      { seed: { kind: "ignition", config: "c.ign" }, ssh: { user: "core" } },
      252,
      /^Ignition, c\.ign$/,
    ],
    [
      "the kind none",
      { seed: { kind: "none" }, ssh: { password: "secret" } },
      252,
      /^the base's own/,
    ],
  ])("with %s", async (_, more, systemd, way) => {
    expect(await wayOf(more, systemd)).toMatch(way);
  });

  it.each([
    ["root", {}, {}, ["/etc/sudoers.d/90-cloud-init-users"]],
    ["user-data", { userData: "u" }, {}, ["/etc/sudoers.d/zz-vmbuild-build"]],
    ["a password", {}, { password: "secret" }, ["/etc/sudoers.d/zz-vmbuild-build"]],
    ["one-context and root", { kind: "opennebula" }, {}, []],
    [
      "one-context and another user",
      { kind: "opennebula" },
      { user: "builder" },
      ["/etc/sudoers.d/one-context"],
    ],
  ])("has the sealed sudo rules with %s", async (_, seed, ssh, rules) => {
    const template = await load(templateText({ seed, ssh }));
    expect(planSeed(template, {}).sudoRules).toEqual(rules);
  });
});

describe("requireWayIn", () => {
  const installed = { base: { install: { iso: { path: "x.iso" } } }, seed: { kind: "none" } };
  const key = makeBuildKeys().client;

  it("refuses an installed base that nothing lets the build into", async () => {
    const template = await load(templateText(installed));
    expect(() => requireWayIn(template, { isComplete: true })).toThrow(
      expect.objectContaining({
        code: "TEMPLATE_INVALID",
        hint: expect.stringContaining("${ssh.publicKey}") as string,
      }),
    );
  });

  it.each([
    ["a key of the base", {}, { key }],
    ["a password", { ssh: { password: "secret" } }, {}],
    ["the kind cloud-init", { seed: { kind: "cloud-init" } }, {}],
    ["neither steps nor seal", { steps: [], seal: false }, {}],
  ])("accepts an installed base with %s", async (_, more, base) => {
    const template = await load(templateText({ ...installed, ...more }));
    expect(() => requireWayIn(template, { isComplete: true, ...base })).not.toThrow();
  });
});

describe("systemOf", () => {
  it.each([
    [["libc6=2.36-9", "systemd=252.39-1~deb12u2", "systemd-sysv=252.39-1~deb12u2"], 252],
    [["systemd=257.13-1~deb13u1"], 257],
    [["systemd=1:260~rc1-1"], 260],
  ])("reads the version of systemd from %j", (packages, systemd) => {
    expect(systemOf(packages)).toEqual({ systemd });
  });

  it("knows nothing about a system without systemd", () => {
    expect(systemOf(["runit=2.1", "systemd-standalone-tmpfiles=252"])).toBeUndefined();
  });
});
