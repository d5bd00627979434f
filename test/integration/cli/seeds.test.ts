/** Section `seed` of a template, as `vmbuild validate` and `vmbuild inspect` report it. */
import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bootstrapKey } from "../../../src/base/bootstrap/bootstrap.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

const TEMPLATE = { name: "t", base: { bootstrap: { suite: "bookworm" } } };

describe("vmbuild validate", () => {
  it("warns about passwords of a CONTEXT disk that are not sensitive", async () => {
    const context = { PASSWORD: "${var.good}", ONEAPP_TOKEN: "${var.bad}", NOTE: "plain" };
    await home.write({
      "t.json": {
        ...TEMPLATE,
        variables: { good: { sensitive: true, default: "one-1" }, bad: { default: "two-2" } },
        seed: { kind: "opennebula", context },
      },
    });
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(0);
    expect(stderr.match(/seed\.[^:]+: .*/g)).toEqual([
      "seed.context.ONEAPP_TOKEN: the value is in the template,",
    ]);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(
      'or in a variable that is not sensitive; declare a variable with "sensitive": true for it',
    );
  });

  it.each([
    ["does not exist", undefined, "seed.config: own.ign does not exist"],
    ["is Butane's", "variant: flatcar\n", "seed.config: own.ign is not JSON: "],
    [
      "has version 2",
      '{"ignition": {"version": "2.3.0"}}',
      "seed.config: own.ign is not an Ignition configuration of version 3",
    ],
  ])("refuses an Ignition configuration that %s", async (_, text, problem) => {
    const seed = { kind: "ignition", config: "own.ign" };
    await home.write({ "t.json": { ...TEMPLATE, ssh: { user: "core" }, seed } });
    if (text !== undefined) await home.write({ "own.ign": text });
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(2);
    expect(stderr).toContain(problem);
  });

  it("refuses an artifact that would overwrite the seed's file", async () => {
    const text = '{"ignition": {"version": "3.0.0"}}';
    const seed = { kind: "ignition", config: "own.ign" };
    const output = { directory: ".", filename: "own.ign" };
    await home.write({
      "own.ign": text,
      "t.json": { ...TEMPLATE, ssh: { user: "core" }, seed, output },
    });
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("would overwrite a file of the seed");
  });
});

describe("vmbuild inspect", () => {
  const wayIn = async (): Promise<string> => {
    const { stdout } = await home.run("inspect", "t.json");
    return /^ *way in +(.*)$/m.exec(stdout)?.[1] ?? "";
  };

  /** Places an empty base with a record of these packages into the cache. */
  async function cacheBase(...packages: string[]): Promise<void> {
    const key = bootstrapKey({ suite: "bookworm", packages: [] }).slice(0, 20);
    const path = `${home.cache}/bases/${key}/bookworm.qcow2`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "");
    const { size, mtimeMs } = await stat(path);
    const record = { size, mtimeMs, digest: "0", facts: { packages } };
    await writeFile(`${path}.json`, JSON.stringify(record));
  }

  it("says what the way in depends on while the base does not exist", async () => {
    await home.write({ "t.json": TEMPLATE });
    expect(await wayIn()).toBe(
      "cloud-init, with vmbuild's own configuration only, or systemd credentials, once the base exists",
    );
  });

  it.each([
    ["systemd=252.39-1~deb12u2", "systemd credentials (systemd 252), without cloud-init"],
    ["systemd=247.3-7", "cloud-init, with vmbuild's own configuration only"],
  ])("shows the way into a base with %s", async (entry, way) => {
    await cacheBase("bash=5", entry);
    await home.write({ "t.json": TEMPLATE });
    expect(await wayIn()).toBe(way);
  });

  it("shows a CONTEXT disk as a disk and as a CD, and no secret", async () => {
    await home.write({
      "t.json": {
        ...TEMPLATE,
        variables: { pw: { sensitive: true, default: "S3CRET-pw" } },
        seed: { kind: "opennebula", context: { PASSWORD: "${var.pw}" } },
      },
    });
    expect(await wayIn()).toBe("one-context, with a CONTEXT disk");
    const { stdout } = await home.run("inspect", "t.json", "--json");
    expect(stdout).not.toContain("S3CRET");
    const { seed, qemu } = JSON.parse(stdout) as {
      seed: unknown;
      qemu: { arguments: string[] };
    };
    expect(seed).toMatchObject({ kind: "opennebula", context: { PASSWORD: "***" } });
    const line = qemu.arguments.join(" ");
    expect(line).toContain("virtio-blk-pci,drive=ro0");
    expect(line).toContain("scsi-cd,bus=scsi.0,drive=cd0");
    expect(line).toContain("dhcpstart=10.0.2.15,");
  });
});
