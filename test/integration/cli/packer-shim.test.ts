/** `vmbuild-packer` answers as Packer does. Most commands run in this process, which is faster. */
import { chmod, readFile, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runShim } from "../../../src/cli/packer-shim/run.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";

const TEMPLATE = `packer {
  required_plugins {
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = "~> 1"
    }
    git = {
      source  = "github.com/ethanmdavidson/git"
      version = ">= 0.6"
    }
  }
}

variable "who" {
  default = "you"
}

variable "password" {
  type      = string
  sensitive = true
}

locals {
  greeting = "hello, \${var.who}"
}

source "qemu" "debian" {
  disk_image   = true
  iso_url      = "base.img"
  iso_checksum = "none"
  ssh_username = "root"
}

build {
  name    = "b"
  sources = ["source.qemu.debian"]

  provisioner "shell" {
    inline = ["echo \${local.greeting}", "echo \${var.password}"]
  }

  post-processor "manifest" {}
}
`;

const LEGACY = {
  description: "An older one.",
  variables: { need: null, a: "1" },
  builders: [
    { type: "qemu", disk_image: true, iso_url: "base.img", iso_checksum: "none" },
    { name: "x", type: "virtualbox-iso" },
  ],
  provisioners: [{ type: "shell", inline: ["echo {{user `a`}}"] }],
};

const GIVEN = ["-var", "password=geheim"];

let home: CliHome;

/** Runs a command in this process, in the home's folder and with its environment. */
async function packer(
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const environment = { ...home.env, ...more };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  let [stdout, stderr] = ["", ""];
  const exitCode = await runShim(args, {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    environment,
  });
  vi.unstubAllEnvs();
  return { exitCode, stdout: stdout.replace(/\n$/, ""), stderr };
}

beforeAll(async () => {
  home = await makeCliHome();
  process.chdir(home.folder);
  await home.write({
    "debian.pkr.hcl": TEMPLATE,
    "plugins/plugins.pkr.hcl": 'packer {\n  required_version = ">= 1.7"\n}\n',
    "broken.pkr.hcl": 'source "qemu" {\n  a = \n}\n',
    "ugly.pkr.hcl": "a=1\n",
    "legacy.json": LEGACY,
    "more.pkrvars.hcl": 'password = "geheim"\nunknown = 1\n',
  });
});
afterAll(() => home[Symbol.asyncDispose]());

describe("version", () => {
  it.each([["version"], ["-v"], ["--version"]])("is printed for %s", async (word) => {
    const { exitCode, stdout } = await home.packer([word]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Packer v1\.\d+\.\d+$/);
  });

  it("is machine-readable", async () => {
    const { exitCode, stdout } = await packer(["version", "-machine-readable"]);
    expect(exitCode).toBe(0);
    const [first, , , said] = stdout.split("\n");
    expect(first).toMatch(/^\d{10},,version,1\.\d+\.\d+$/);
    expect(said).toMatch(/^\d{10},,ui,say,Packer v1\.\d+\.\d+$/);
  });
});

describe("commands", () => {
  it("are listed with the exit code 127 where there is none", async () => {
    for (const { exitCode, stdout } of [await packer([]), await home.packer(["bogus"])]) {
      expect(exitCode).toBe(127);
      expect(stdout).toContain("Usage: packer [--version] [--help] <command> [<args>]");
      expect(stdout).toMatch(/^ {4}validate +check/m);
    }
  });

  it("show their usage with the exit code 1 for wrong arguments and flags", async () => {
    const none = await packer(["validate"]);
    expect(none).toMatchObject({ exitCode: 1 });
    expect(none.stdout).toContain("Usage: packer validate [options] TEMPLATE");
    // As in Packer, flags come first.
    expect(await packer(["build", "debian.pkr.hcl", "-force"])).toMatchObject({ exitCode: 1 });
    const bogus = await packer(["validate", "-bogus", "debian.pkr.hcl"]);
    expect(bogus).toMatchObject({ exitCode: 1 });
    expect(bogus.stdout).toMatch(/^Usage: [^]*\nflag provided but not defined: -bogus$/);
    for (const args of [
      ["build", "-help"],
      ["--help", "build"],
    ]) {
      const { exitCode, stdout } = await packer(args);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/^Usage: packer build \[options\] TEMPLATE\n/);
    }
    expect(await packer(["--help"])).toMatchObject({ exitCode: 0 });
  });

  it("that vmbuild does not have say so", async () => {
    const { exitCode, stdout } = await packer(["hcl2_upgrade", "legacy.json"]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("vmbuild import TEMPLATE");
  });
});

describe("init and plugins", () => {
  it("need no values of variables, and name plugins that vmbuild does not replace", async () => {
    const { exitCode, stdout } = await packer(["init", "debian.pkr.hcl"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("github.com/ethanmdavidson/git is not installed");
    expect(stdout).not.toContain("hashicorp/qemu");
    const required = await packer(["plugins", "required", "debian.pkr.hcl"]);
    expect(required.stdout).toContain('github.com/hashicorp/qemu "~> 1"');
  });

  it("accept a folder that only names plugins, and an older template", async () => {
    for (const path of ["plugins", "legacy.json"]) {
      const { exitCode, stdout } = await packer(["init", "-upgrade", path]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain("No plugins requirement found");
    }
  });

  it("fail for a template with errors of syntax", async () => {
    const { exitCode, stdout } = await packer(["init", "broken.pkr.hcl"]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^Error: .*\n\n {2}on broken\.pkr\.hcl line \d+, column \d+:/);
  });
});

describe("validate", () => {
  it("lists what is wrong with its place", async () => {
    const { exitCode, stdout } = await packer(["validate", "debian.pkr.hcl"]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('Error: The variable "password" has no default');
    expect(stdout).toContain("  on debian.pkr.hcl line 18, column 1:");
  });

  it("reports a missing file, and hides secrets", async () => {
    const { exitCode, stdout } = await packer(["validate", ...GIVEN, "debian.pkr.hcl"]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("base.img does not exist");
    expect(stdout).not.toContain("geheim");
  });

  it("takes variables from files and the environment", async () => {
    const undeclared = 'Warning: The variable "unknown" is not declared';
    const args = ["-var-file=more.pkrvars.hcl", "debian.pkr.hcl"];
    expect((await packer(["validate", ...args])).stdout).toContain(undeclared);
    const quiet = await packer(["validate", "-no-warn-undeclared-var", ...args]);
    expect(quiet.stdout).not.toContain(undeclared);
    expect(quiet.stdout).not.toContain("has no default");
    const given = { PKR_VAR_password: "geheim" };
    expect((await packer(["validate", "debian.pkr.hcl"], given)).stdout).not.toContain(
      "has no default",
    );
  });

  it("checks only the syntax if that is asked for", async () => {
    const { exitCode, stdout } = await packer(["validate", "-syntax-only", "debian.pkr.hcl"]);
    expect([exitCode, stdout]).toEqual([0, "Syntax-only check passed. Everything looks okay."]);
    expect(await packer(["validate", "-syntax-only", "broken.pkr.hcl"])).toMatchObject({
      exitCode: 1,
    });
  });

  it("refuses sources of other builders, and a template that is not there", async () => {
    const args = ["validate", "-var", "need=1", "legacy.json"];
    expect((await packer(args)).stdout).toContain("the builder virtualbox-iso does not build");
    const missing = await packer(["validate", "nothere.pkr.hcl"]);
    expect(missing.exitCode).toBe(1);
    expect(missing.stdout).toContain("nothere.pkr.hcl");
  });
});

describe("inspect", () => {
  it("prints the parts of a template in HCL as Packer does", async () => {
    const { exitCode, stdout } = await packer(["inspect", ...GIVEN, "debian.pkr.hcl"]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Packer Inspect: HCL2 mode

> input-variables:

var.password: "<sensitive>"
var.who: "you"

> local-variables:

local.greeting: "hello, you"

> builds:

  > b:

    sources:

      qemu.debian

    provisioners:

      shell

    post-processors:

      0:
        manifest
`);
  });

  it("shows variables without a value", async () => {
    const { exitCode, stdout } = await packer(["inspect", "debian.pkr.hcl"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('var.password: "<unknown>"');
  });

  it("prints the parts of an older template, also machine-readable", async () => {
    const { stdout } = await packer(["inspect", "-machine-readable", "legacy.json"]);
    const lines = stdout.split("\n").map((line) => line.replace(/^\d+/, ""));
    expect(lines).toContain(",,template-variable,need,,1");
    expect(lines).toContain(",,template-variable,a,1,0");
    expect(lines).toContain(",,template-builder,qemu,qemu");
    expect(lines).toContain(",,template-builder,x,virtualbox-iso");
    expect(lines).toContain(",,template-provisioner,shell");
  });
});

describe("fmt", () => {
  it("checks, shows and writes the format", async () => {
    const check = await packer(["fmt", "-check", "-diff", "ugly.pkr.hcl"]);
    expect(check.exitCode).toBe(3);
    expect(check.stdout).toContain("ugly.pkr.hcl\n--- old/ugly.pkr.hcl\n+++ new/ugly.pkr.hcl\n");
    expect(check.stdout).toContain("-a=1\n+a = 1");
    expect(await packer(["fmt", "-check", "debian.pkr.hcl"])).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
    const ugly = join(home.folder, "ugly.pkr.hcl");
    await chmod(ugly, 0o664);
    await symlink("ugly.pkr.hcl", join(home.folder, "link.pkr.hcl"));
    expect(await packer(["fmt", "link.pkr.hcl"])).toMatchObject({
      exitCode: 0,
      stdout: "link.pkr.hcl",
    });
    expect(await readFile(ugly, "utf8")).toBe("a = 1\n");
    expect((await stat(ugly)).mode & 0o777).toBe(0o664);
    expect(await packer(["fmt", "-check", "broken.pkr.hcl"])).toMatchObject({ exitCode: 1 });
  });
});

describe("build", () => {
  it("reports a build that fails, with Packer's headings and exit code", async () => {
    const args = ["build", "-color=false", ...GIVEN, "debian.pkr.hcl"];
    const { exitCode, stdout } = await home.packer(args);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^Build 'b\.qemu\.debian' errored after .+: /m);
    expect(stdout).toContain("==> Wait completed after ");
    expect(stdout).toContain("==> Some builds didn't complete successfully and had errors:");
    expect(stdout).toMatch(/^--> b\.qemu\.debian: .*base\.img/m);
    expect(stdout).toContain("==> Builds finished but no artifacts were created.");
  });

  it("writes a log to PACKER_LOG_PATH, and one on stderr with PACKER_LOG", async () => {
    const path = join(home.folder, "packer.log");
    const args = ["build", "-color=false", "-machine-readable", ...GIVEN, "debian.pkr.hcl"];
    const { stdout } = await packer(args, { PACKER_LOG_PATH: path });
    expect(stdout).toMatch(/^\d{10},b\.qemu\.debian,error,/m);
    expect(stdout).toMatch(/^\d{10},,error-count,1$/m);
    const log = await readFile(path, "utf8");
    expect(log).toMatch(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[INFO\] Packer version: /);
    expect(log).toContain("[INFO] Starting build run: b.qemu.debian");
    const shown = await packer(["version"], { PACKER_LOG: "1" });
    expect(shown.stderr).toContain("[INFO] Packer version: ");
    expect((await packer(["version"], { PACKER_LOG: "0" })).stderr).toBe("");
  });

  it("colors its output unless PACKER_NO_COLOR is set", async () => {
    const args = ["build", ...GIVEN, "debian.pkr.hcl"];
    const { stdout } = await packer(args);
    expect(stdout).toContain("\u001b[1;32mb.qemu.debian: output will be in this color.\u001b[0m");
    expect((await packer(args, { PACKER_NO_COLOR: "1" })).stdout).not.toContain("\u001b[");
  });

  it("builds nothing where -only leaves nothing", async () => {
    const args = ["build", "-only=qemu.other", ...GIVEN, "debian.pkr.hcl"];
    expect(await packer(args)).toMatchObject({ exitCode: 1 });
  });
});
