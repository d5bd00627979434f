import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { makeBuildKeys } from "../../../src/seed/keys.js";
import { composeSeed, parseUserData } from "../../../src/seed/nocloud.js";
import type { SeedOptions } from "../../../src/seed/nocloud.js";
import { errorOf } from "../../support/inputs.js";

const keys = makeBuildKeys();
const options: SeedOptions = { instanceId: "vmbuild-1", hostname: "demo", user: "root", keys };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-seed-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function userData(text: string): Promise<string> {
  const path = join(folder, "user-data.yaml");
  await writeFile(path, text);
  return path;
}

async function configOf(more: Partial<SeedOptions> = {}): Promise<Record<string, unknown>> {
  const text = (await composeSeed({ ...options, ...more }))["user-data"];
  expect(text.startsWith("#cloud-config\n")).toBe(true);
  return parse(text) as Record<string, unknown>;
}

const BUILDS_OWN = {
  disable_root: false,
  ssh_pwauth: false,
  ssh_authorized_keys: [keys.client.public],
  ssh_keys: { ed25519_private: keys.host.private, ed25519_public: keys.host.public },
};

describe("without user-data", () => {
  it("has what a build needs, and the modules for that alone", async () => {
    expect(await configOf()).toEqual({
      ...BUILDS_OWN,
      users: [[]],
      bootcmd: [expect.stringContaining("systemctl --no-block stop cloud-config.service")],
      cloud_init_modules: ["seed_random", "bootcmd", "growpart", "resizefs", "users-groups", "ssh"],
      cloud_config_modules: [],
      cloud_final_modules: [],
    });
  });

  it("gives another user than root the key", async () => {
    const config = await configOf({ user: "builder" });
    expect(config["users"]).toEqual([
      {
        name: "builder",
        shell: "/bin/bash",
        sudo: "ALL=(ALL) NOPASSWD:ALL",
        lock_passwd: true,
        ssh_authorized_keys: [keys.client.public],
      },
      [],
    ]);
    expect(config["ssh_authorized_keys"]).toBeUndefined();
  });

  it("sets no password for anybody", async () => {
    expect(JSON.stringify(await configOf())).not.toMatch(/passw?d(?!auth)|chpasswd/);
  });

  it("names the instance, and brings no network-config", async () => {
    const files = await composeSeed(options);
    expect(parse(files["meta-data"])).toEqual({
      "instance-id": "vmbuild-1",
      "local-hostname": "demo",
    });
    expect(Object.keys(files)).toEqual(["user-data", "meta-data"]);
  });
});

describe("with user-data", () => {
  it("leaves all modules to run, and adds the build's own", async () => {
    const own = "#cloud-config\npackages: [jq]\nruncmd:\n  - echo hi\n";
    expect(await configOf({ userData: await userData(own) })).toEqual({
      packages: ["jq"],
      runcmd: ["echo hi"],
      ...BUILDS_OWN,
    });
  });

  it("joins lists, and lets nothing unlock what the build closed", async () => {
    const own = [
      "#cloud-config",
      "ssh_authorized_keys: [ssh-ed25519 AAAA mine]",
      "ssh_pwauth: true",
      "disable_root: true",
      "ssh_keys: {rsa_private: mine}",
    ].join("\n");
    const config = await configOf({ userData: await userData(own) });
    expect(config).toEqual({
      ...BUILDS_OWN,
      ssh_authorized_keys: [keys.client.public, "ssh-ed25519 AAAA mine"],
    });
  });

  it("keeps the template's users beside the build's", async () => {
    const own = "#cloud-config\nusers: [default, {name: app}]\n";
    const config = await configOf({ user: "builder", userData: await userData(own) });
    expect(config["users"]).toMatchObject([{ name: "builder" }, "default", { name: "app" }]);
  });

  it("takes a network-config as it is", async () => {
    const path = join(folder, "network.yaml");
    await writeFile(path, "version: 2\n# a comment\n");
    const files = await composeSeed({ ...options, networkConfig: path });
    expect(files["network-config"]).toBe(await readFile(path, "utf8"));
  });

  it("says which file cannot be read", async () => {
    const path = join(folder, "nothing.yaml");
    const error = await errorOf(composeSeed({ ...options, userData: path }));
    expect(error).toMatchObject({ code: "TEMPLATE_INVALID" });
    expect(error.message).toContain(path);
  });
});

describe("parseUserData", () => {
  it.each([
    ["#cloud-config", {}],
    ["#cloud-config\n", {}],
    ["#cloud-config\n# nothing else\n", {}],
    ["#cloud-config\r\na: 1\r\n", { a: 1 }],
    ["#cloud-config\na: &x [1]\nb: *x\n", { a: [1], b: [1] }],
  ])("takes %j", (text, value) => {
    expect(parseUserData(text, "u.yaml")).toEqual(value);
  });

  it.each([
    ["a: 1\n", "does not begin with #cloud-config"],
    ["#!/bin/sh\necho\n", "does not begin with #cloud-config"],
    ["\n#cloud-config\n", "does not begin with #cloud-config"],
    ["#cloud-config\na: [1\n", "is not YAML"],
    ["#cloud-config\na: 1\na: 2\n", "is not YAML"],
    ["#cloud-config\na: *nothing\n", "is not YAML"],
    ["#cloud-config\n- a\n", "is not a mapping"],
    ["#cloud-config\njust text\n", "is not a mapping"],
    ["#cloud-config-archive\n- type: text/cloud-config\n", "does not begin with #cloud-config"],
  ])("refuses %j", async (text, message) => {
    const error = await errorOf(Promise.resolve().then(() => parseUserData(text, "u.yaml")));
    expect(error.code).toBe("TEMPLATE_INVALID");
    expect(error.message).toBe(`u.yaml: ${message}`);
  });
});
