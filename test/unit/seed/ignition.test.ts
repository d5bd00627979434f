/** Configurations for Ignition. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { qemuArguments } from "../../../src/machine/argv.js";
import { ignitionConfig } from "../../../src/seed/ignition.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";
import { attachSeed } from "../../../src/seed/media.js";
import { seedOf } from "../../../src/seed/registry.js";
import { SMALL_SHAPE } from "../../support/machine.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-ignition-"));
});
afterEach(() => rm(folder, { recursive: true }));

const keys = makeBuildKeys();

interface Config {
  readonly ignition: { version: string; config?: { merge: { source: string }[] } };
  readonly passwd?: { users: { name: string; sshAuthorizedKeys: string[] }[] };
  readonly storage?: {
    files: { path: string; mode: number; overwrite: boolean; contents: { source: string } }[];
  };
}

const contentOf = (source: string): string =>
  Buffer.from(source.replace("data:;base64,", ""), "base64").toString();

const seedFor = (config?: string) =>
  seedOf(
    { kind: "ignition", ...(config === undefined ? {} : { config }) },
    { folder, user: "core", hasOwnCredentials: false, mac: "" },
  );

/** Writes the seed's file and reads it. */
async function writtenBy(config?: string): Promise<Config> {
  const path = join(folder, "seed");
  await seedFor(config).write(keys, path);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  return JSON.parse(await readFile(path, "utf8")) as Config;
}

describe("ignitionConfig", () => {
  it("lets the user in, pins the host key, and names the host", () => {
    const config = JSON.parse(ignitionConfig({ user: "core", keys })) as Config;
    expect(config.ignition).toEqual({ version: "3.0.0" });
    expect(config.passwd?.users).toEqual([
      { name: "core", sshAuthorizedKeys: [keys.client.public] },
    ]);
    const files = config.storage?.files.map(({ path, mode, overwrite, contents }) => [
      path,
      mode,
      overwrite,
      contentOf(contents.source),
    ]);
    expect(files).toEqual([
      ["/etc/hostname", 0o644, true, "vmbuild-guest\n"],
      ["/etc/ssh/ssh_host_ed25519_key", 0o600, true, keys.host.private],
      ["/etc/ssh/ssh_host_ed25519_key.pub", 0o644, true, `${keys.host.public}\n`],
    ]);
  });
});

describe("the seed", () => {
  it("merges the template's own configuration, unchanged, before the build's", async () => {
    const own = '{"ignition": {"version": "3.3.0"}, "systemd": {"units": [{"name": "a.service"}]}}';
    await writeFile(join(folder, "own.ign"), own);
    const { ignition, passwd } = await writtenBy("own.ign");
    expect(passwd).toBeUndefined();
    const [first, second] = ignition.config?.merge.map(({ source }) => contentOf(source)) ?? [];
    expect(first).toBe(own);
    expect(JSON.parse(second ?? "")).toEqual(JSON.parse(ignitionConfig({ user: "core", keys })));
  });

  it.each([
    ["a Butane file", "variant: fcos\nversion: 1.5.0\n", /own\.ign is not JSON/],
    ["version 2", '{"ignition": {"version": "2.3.0"}}', /is not an Ignition configuration/],
    ["other JSON", "[]", /is not an Ignition configuration of version 3/],
    ["null", "null", /is not an Ignition configuration of version 3/],
  ])("refuses %s", async (_, text, message) => {
    await writeFile(join(folder, "own.ign"), text);
    await expect(writtenBy("own.ign")).rejects.toThrow(message);
  });

  it("refuses a file that does not exist", async () => {
    await expect(writtenBy("none.ign")).rejects.toThrow(/none\.ign cannot be read/);
  });

  it("is described by its configuration without the keys", async () => {
    await writeFile(join(folder, "own.ign"), '{"ignition": {"version": "3.0.0"}}');
    const plain = (text: string) => text;
    const [without, same, own] = [
      await seedFor().describe(plain),
      await seedFor().describe(plain),
      await seedFor("own.ign").describe(plain),
    ];
    expect(without).toEqual(same);
    expect(own).not.toEqual(without);
  });

  it("reaches the guest under the names of both distributions, outside the argument list", () => {
    const args = qemuArguments(SMALL_SHAPE, {
      ...{ disk: "/d", qmpSocket: "/q", console: "/c", sshPort: 1 },
      ...attachSeed(seedFor().media, "/b,1/seed"),
    });
    expect(args.filter((word) => word.includes("/seed"))).toEqual([
      "name=opt/com.coreos/config,file=/b,,1/seed",
      "name=opt/org.flatcar-linux/config,file=/b,,1/seed",
    ]);
  });
});
