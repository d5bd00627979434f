/** Builds the demo appliance and boots the finished image. */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { z } from "zod";
import { parsePackages } from "../../src/packages/list.js";
import { readPublished } from "../../src/artifact/published.js";
import { loadKeys, tracesOf } from "../../src/seed/keys.js";
import type { BuildKeys } from "../../src/seed/keys.js";
import type { Sandbox, Ended } from "../support/e2e.js";
import { createSandbox, processesOf } from "../support/e2e.js";
import { bootImage, textsInFile } from "../support/e2e-guest.js";

const NAME = "demo-1.0.0.qcow2";
let sandbox: Sandbox;
let ended: Ended;
let keys: BuildKeys;

beforeAll(async () => {
  sandbox = await createSandbox();
  const demo = resolve("appliances/demo/demo.json");
  // The working folder is retained for its keys, which must not be in the image.
  ended = await sandbox.build(demo, "--accel", "tcg", "--keep-work").ended;
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
  keys = await loadKeys(join(sandbox.buildFolder("demo"), "keys"));
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** Returns what must not be in the image: both public keys, and lines of the private ones. */
function traces(): string[] {
  const lines = keys.client.private.split("\n").slice(2, 4);
  return [...tracesOf(keys), ...lines];
}

it("succeeds, and reports the image's path", async () => {
  expect(ended.exitCode).toBe(0);
  expect(ended.stdout).toBe(`${join(sandbox.output, NAME)}\n`);
  expect(ended.stderr).toMatch(/demo 1\.0\.0 built in /);
  expect(ended.stderr).toContain("shutdown done");
  expect(await processesOf(sandbox.folder)).toEqual([]);
});

it("writes the image, its checksums, its downloads, and a manifest", async () => {
  expect((await readdir(sandbox.output)).toSorted()).toEqual([
    ".cache-key",
    NAME,
    `${NAME}.md5`,
    `${NAME}.sha256`,
    "index.html",
    "manifest.json",
    "packages.txt",
    "sbom.cdx.json",
  ]);
  const manifest = await readPublished(sandbox.output);
  expect(manifest).toMatchObject({ name: "demo", version: "1.0.0", accelerator: "tcg" });
  expect(manifest.steps.map(({ name }) => name)).toEqual([
    "packages",
    "site",
    "service",
    "cleanup",
  ]);
  expect(await readFile(join(sandbox.output, "index.html"), "utf8")).toContain(
    "Hello from vmbuild",
  );
});

it("lists the packages of the guest, and describes them as an SBOM", async () => {
  const read = (name: string): Promise<string> => readFile(join(sandbox.output, name), "utf8");
  const packages = parsePackages(await read("packages.txt"));
  expect(packages.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["bash", "nginx-light", "openssh-server"]),
  );
  const { packages: described } = await readPublished(sandbox.output);
  expect(described?.count).toBe(packages.length);
  const sbom = await read("sbom.cdx.json");
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  expect(await validator.validate(sbom)).toBeNull();
  expect(sbom).toMatch(/"pkg:deb\/debian\/nginx-light@[^?"]+\?arch=(all|amd64)&distro=debian-12/);
});

it("writes checksums that the usual programs accept, and an intact image", () => {
  const check = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { cwd: sandbox.output, encoding: "utf8" });
  expect(check("sha256sum", "-c", `${NAME}.sha256`)).toBe(`${NAME}: OK\n`);
  expect(check("md5sum", "-c", `${NAME}.md5`)).toBe(`${NAME}: OK\n`);
  expect(check("qemu-img", "check", NAME)).toContain("No errors were found");
  const info = z
    .object({ "virtual-size": z.number(), "backing-filename": z.string().optional() })
    .parse(JSON.parse(check("qemu-img", "info", "--output=json", NAME)));
  expect(info).toEqual({ "virtual-size": 4 * 2 ** 30 });
});

it("leaves no traces of the build on the disk", async () => {
  const raw = join(sandbox.folder, "image.raw");
  execFileSync("qemu-img", ["convert", "-O", "raw", join(sandbox.output, NAME), raw]);
  // The search is effective: it finds the boot loader's name.
  expect(await textsInFile(raw, ["GNU GRUB", ...traces()])).toEqual(["GNU GRUB"]);

  const table = z
    .object({ partitiontable: z.object({ partitions: z.array(z.looseObject({})) }) })
    .parse(JSON.parse(execFileSync("sfdisk", ["-J", raw], { encoding: "utf8" })));
  const sizes = z.array(z.object({ start: z.number(), size: z.number() }));
  const partitions = sizes.parse(table.partitiontable.partitions);
  const root = partitions.toSorted((a, b) => b.size - a.size)[0];
  const at = `${raw}?offset=${(root?.start ?? 0) * 512}`;
  const debugfs = (command: string): string =>
    execFileSync("debugfs", ["-R", command, at], { encoding: "utf8", stdio: "pipe" });
  expect(debugfs("stat /etc/machine-id")).toMatch(/\bSize: 0\b/);
  expect(debugfs("ls -p /etc/ssh")).not.toContain("ssh_host_");
  expect(debugfs("ls -p /root/.ssh")).not.toContain("authorized_keys");
});

it("boots again with another seed, as a machine of its own", async () => {
  const folder = join(sandbox.folder, "again");
  await mkdir(folder, { mode: 0o700 });
  // An answer proves that cloud-init ran again and used the new host key of its seed.
  await using image = await bootImage(join(sandbox.output, NAME), folder);
  expect(await image.ask("hostname")).toBe("again");
  expect(await image.ask("cat /etc/machine-id")).toMatch(/^[0-9a-f]{32}$/);
  expect(await image.ask("cat /etc/motd")).toContain("demo 1.0.0, built by vmbuild");
  await image.ask("systemctl is-active --wait nginx");
  const page = await image.ask(
    "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3",
  );
  expect(page).toContain("200 OK");
  expect(page).toContain("Hello from vmbuild");
  const places = "/boot /etc /home /opt /root /srv /tmp /usr/local /var";
  const patterns = traces().map((text) => `-e '${text}'`);
  expect(await image.ask(`grep -rlF ${patterns.join(" ")} ${places} || true`)).toBe("");
});
