/** Packer templates on the command line. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

const TEMPLATE = `
variable "greeting" { default = "hello" }
source "qemu" "one" {
  disk_image       = true
  iso_url          = "base.qcow2"
  iso_checksum     = "none"
  disk_size        = "64M"
  headless         = true
  ssh_username     = "root"
  shutdown_command = "poweroff"
}
source "qemu" "two" {
  disk_image   = true
  iso_url      = "base.qcow2"
  iso_checksum = "none"
  memory       = 1024
  ssh_username = "root"
}
build {
  sources = ["qemu.one", "qemu.two"]
  provisioner "shell" { inline = ["echo \${var.greeting}"] }
}
`;

async function write(text = TEMPLATE): Promise<void> {
  await home.write({ "packer/images.pkr.hcl": text });
  await execa("qemu-img", ["create", "-q", "-f", "qcow2", "base.qcow2", "32M"], {
    cwd: home.folder,
  });
}

describe("a Packer template", () => {
  it("is validated as it is, with a line for each image", async () => {
    await write();
    const { exitCode, stdout, stderr } = await home.run("validate", "packer");
    expect([exitCode, stderr]).toEqual([0, expect.anything()]);
    expect(stdout).toContain("images.pkr.hcl: one: valid (1 step, 0 inputs)");
    expect(stdout).toContain("images.pkr.hcl: two: valid (1 step, 0 inputs)");
  });

  it("is inspected with its options in three groups", async () => {
    await write(
      TEMPLATE.replace("headless         = true", 'headless = true\n accelerator = "xen"'),
    );
    const args = ["packer/images.pkr.hcl", "--only", "qemu.one", "--var", "greeting=hi", "--json"];
    const { exitCode, stdout } = await home.run("inspect", ...args);
    expect(exitCode).toBe(0);
    const { name, packer, steps } = JSON.parse(stdout) as {
      name: string;
      packer: Record<string, { option: string; text: string; place: string }[]>;
      steps: { name: string }[];
    };
    const options = (group: string): string[] => (packer[group] ?? []).map(({ option }) => option);
    expect(name).toBe("one");
    expect(steps.map((step) => step.name)).toEqual(["shell-echo-hi"]);
    expect(options("mapped")).toContain("qemu.one disk_size");
    expect(options("nothing")).toContain("qemu.one headless");
    expect(options("refused")).toEqual(["qemu.one accelerator"]);
  });

  it("is refused with the place of each option that cannot be followed", async () => {
    await write(TEMPLATE.replace("headless         = true", 'no_option = 1\n accelerator = "xen"'));
    const { exitCode, stderr } = await home.run("run", "packer", "--only", "qemu.one");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/images\.pkr\.hcl:8:\d+: qemu\.one no_option: is not an option/);
    expect(stderr).toMatch(/images\.pkr\.hcl:9:\d+: qemu\.one accelerator: "xen"/);
  });

  it("is converted, and the results validate", async () => {
    await write();
    const made = await home.run("import", "packer", "-o", "made/");
    expect([made.exitCode, made.stderr]).toEqual([0, expect.anything()]);
    expect(made.stdout.split("\n")).toEqual(["made/one.json", "made/two.json"]);
    const text = await readFile(join(home.folder, "made/one.json"), "utf8");
    expect(text).toContain('"base": { "path": "../base.qcow2" }');
    expect(text).toContain('"run": ["echo ${var.greeting}"]');
    const { exitCode } = await home.run("validate", "made/one.json", "made/two.json");
    expect(exitCode).toBe(0);
    const again = await home.run("import", "packer", "-o", "made/");
    expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining("already exists")]);
  });

  it("is converted to standard output, without a file", async () => {
    await write();
    const args = ["import", "packer", "--only", "qemu.one", "-o", "-"];
    const { exitCode, stdout, stderr } = await home.run(...args);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('"name": "one"');
    expect(stderr).toContain("one.json: ");
    expect(await readdir(home.folder)).not.toContain("one.json");
    expect(await readdir(home.folder)).not.toContain("-");
  });

  it("has to be one image for commands that take one", async () => {
    await write();
    const { exitCode, stderr } = await home.run("boot", "packer");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("packer has several images: one, two");
  });
});
