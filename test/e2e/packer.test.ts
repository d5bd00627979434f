/**
 * One unchanged Packer template of nine provisioners, built by vmbuild and by Packer itself on the
 * same base: the steps leave the same files. A changed variable resumes from a checkpoint.
 */
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootstrapLocation, bootstrapSpec } from "../../src/base/cached-bootstrap.js";
import { createSandbox, requireDone } from "../support/e2e.js";
import type { Ended, Sandbox } from "../support/e2e.js";
import { differingPaths, listImage } from "../support/image-tree.js";

/** The template with its files; the bench measures it too. */
const TEMPLATE = "bench/templates/packer";

/**
 * Files that differ between two builds by Packer too, because they belong to one machine or one
 * boot; the seal removes most of them.
 */
const OF_A_MACHINE =
  /^\/(etc\/(machine-id|shadow|ssh\/ssh_host_.*|sudoers\.d\/90-cloud-init-users|systemd\/network\/10-cloud-init-.*)|root\/\.ssh\/authorized_keys|var\/(cache\/apt|lib\/cloud|lib\/systemd|log)\/.*)$/;

let sandbox: Sandbox;
let folder: string;
let base: string;
beforeAll(async () => {
  sandbox = await createSandbox({ boots: true });
  folder = await mkdtemp(join(tmpdir(), "vmb-packer-"));
  await cp(TEMPLATE, sandbox.folder, { recursive: true });
  base = bootstrapLocation(bootstrapSpec({ suite: "bookworm", packages: [] }));
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Runs the template in the folder of its files, as Packer's users do. */
async function run(...args: string[]): Promise<Ended> {
  const variables = ["--var", `base=${base}`, "--var", `output_dir=${join(sandbox.folder, "out")}`];
  const ended = await sandbox.vmbuild(
    ...["run", "web.pkr.hcl", "--log-format", "plain", ...variables, ...args],
  );
  requireDone(ended);
  return ended;
}

const image = (): string => join(sandbox.folder, "out/web.qcow2");

describe("an unchanged Packer template", () => {
  it("builds the image, the checksum file and the manifest that Packer would", async () => {
    await run();
    const sums = await readFile(join(sandbox.folder, "out/SHA256SUMS"), "utf8");
    const { stdout } = await execa("sha256sum", [image()]);
    expect(sums.split(/\s/)[0]).toBe(stdout.split(" ")[0]);
    const manifest = await readFile(join(sandbox.folder, "packer-manifest.json"), "utf8");
    expect(JSON.parse(manifest)).toMatchObject({
      builds: [{ name: "web", builder_type: "qemu", files: [{ name: "web.qcow2" }] }],
    });
  });

  it("leaves the files that Packer's own build leaves", async ({ skip }) => {
    const packer = await execa("packer", ["version"], { reject: false });
    if (packer.failed) skip("Packer is not installed");
    const output = join(folder, "packer");
    const variables = ["-var", `base=${base}`, "-var", `output_dir=${output}`];
    await execa("packer", ["build", "-color=false", ...variables, "web.pkr.hcl"], {
      cwd: sandbox.folder,
      env: { CHECKPOINT_DISABLE: "1", PACKER_CACHE_DIR: join(folder, "cache") },
    });
    const [ours, theirs] = [
      await listImage(image(), folder),
      await listImage(join(output, "web.qcow2"), folder),
    ];
    const made = ["/context/one/two.txt", "/opt/web/site/index.html", "/opt/one-appliance/bin/log"];
    expect([...ours.keys()]).toEqual(expect.arrayContaining([...made, "/root/who"]));
    expect(differingPaths(ours, theirs).filter((path) => !OF_A_MACHINE.test(path))).toEqual([]);
  });

  it("resumes from the checkpoint before the provisioner that uses a changed variable", async () => {
    const { stderr } = await run("--var", "word=two");
    expect(stderr).toMatch(/checkpoint after file-service/);
    const tree = await listImage(image(), folder);
    const word = `two it's "quoted" web\n`;
    const digest = createHash("sha256").update(word).digest("hex");
    expect(tree.get("/opt/web/word")).toBe(`file 644 ${digest}`);
  });
});
