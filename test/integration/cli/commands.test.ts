/** Behaviour common to all commands, and doctor. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

describe("the command line", () => {
  it.each([
    [["vlidate"], "unknown command 'vlidate'", "Did you mean validate?"],
    [["validate", "x", "--jsn"], "validate: unknown option '--jsn'", "Did you mean --json?"],
    [["run"], "No template is given", "Name one or more templates, or use --all."],
    [["run", "x", "--accel", "warp"], "Allowed choices are kvm, tcg, auto.", "See vmbuild run"],
    [["run", "x", "--cpus", "0"], "It must be a whole number of at least 1.", "See vmbuild run"],
    [["inspect", "x", "--var", "novalue"], "--var novalue: use NAME=VALUE", "--help"],
    [["inspect", "x", "--base", "https://x/y"], "--base does not accept a URL", "--set 'base="],
    [["completion", "tcsh"], "Allowed choices are bash, zsh, fish.", "See vmbuild completion"],
  ])("refuses %j with exit 2, and says what would do", async (args, message, hint) => {
    const { exitCode, stdout, stderr } = await home.run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    const text = stderr.replaceAll("\n", " ");
    expect(text).toContain(message);
    expect(text).toContain(hint);
  });

  it("prints help and version on stdout, and help without a command on stderr", async () => {
    const help = await home.run("--help");
    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    expect(help.stdout).toContain("Usage: vmbuild");
    expect((await home.run("help", "prune")).stdout).toContain("--dry-run");
    expect((await home.run("--version")).stdout).toMatch(/^\d+\.\d+\.\d+$/);
    const bare = await home.run();
    expect(bare).toMatchObject({ exitCode: 2, stdout: "" });
    expect(bare.stderr).toContain("Usage: vmbuild");
  });

  it("reports errors as JSON where progress is JSON", async () => {
    const { exitCode, stderr } = await home.run("inspect", "nope", "--log-format", "json");
    expect(exitCode).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({
      type: "error",
      error: { code: "TEMPLATE_NOT_FOUND", exit: 2 },
    });
  });
});

describe("vmbuild doctor", () => {
  interface Report {
    ready: boolean;
    checks: { name: string; status: string; fix?: string; cost?: string }[];
  }

  it("names each prerequisite, and a remedy for each that is lacking", async () => {
    const { exitCode, stdout } = await home.run("doctor", "--accel", "tcg", "--json");
    const { ready, checks } = JSON.parse(stdout) as Report;
    expect(exitCode).toBe(ready ? 0 : 3);
    const names = checks.map(({ name }) => name);
    for (const name of ["node", "qemu-system-x86_64", "qemu-img", "xorriso", "memory"]) {
      expect(names).toContain(name);
    }
    for (const check of checks.filter(({ status }) => status !== "ok")) {
      expect([check.name, typeof check.fix, typeof check.cost]).toEqual([
        check.name,
        "string",
        "string",
      ]);
    }
  });

  it("treats every program that all runs start as required", async () => {
    // With an empty search path, only Debian's programs in /usr/sbin are found.
    const env = { ...home.env, PATH: home.folder };
    const { exitCode, stdout } = await home.runWith(env, "doctor", "--accel", "tcg", "--json");
    expect(exitCode).toBe(3);
    const { checks } = JSON.parse(stdout) as Report;
    const failed = checks.filter(({ status }) => status === "fail").map(({ name }) => name);
    expect(failed).toEqual(
      expect.arrayContaining(["qemu-img", "qemu-io", "xorriso", "setpriv", "sync", "fallocate"]),
    );
    expect(failed).not.toContain("mmdebstrap");
  });

  it("fails for a template only by its own requirements", async () => {
    await home.write({
      "t.json": {
        name: "t",
        base: { path: "base.qcow2" },
        machine: { binary: "qemu-none", accelerator: "tcg", memory: "256M" },
      },
    });
    const { exitCode, stdout } = await home.run("doctor", "t.json");
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^fail {2}qemu-none +not installed$/m);
    expect(stdout).toContain("This host cannot build t: 1 failure");
    expect(stdout).not.toContain("mmdebstrap");
    expect((await home.run("doctor", "t.json", "--set", "machine.binary=/bin/true")).exitCode).toBe(
      0,
    );
  });

  it("is a dependency check for an appliance: QEMU, the seed's disk, KVM, and what fetches it", async () => {
    await home.write({
      "t.json": {
        name: "t",
        base: {
          url: "https://x.invalid/base.img",
          checksum: "file:https://x.invalid/SHA256SUMS",
          signature: { url: "https://x.invalid/SHA256SUMS.gpg", keyring: "k.gpg" },
        },
        inputs: { oneApps: { git: "https://x.invalid/one-apps", ref: "v1" } },
      },
    });
    const { stdout } = await home.run("doctor", "t.json", "--json");
    const names = (JSON.parse(stdout) as Report).checks.map(({ name }) => name);
    const wanted = ["qemu-system-x86_64", "qemu-img", "xorriso", "kvm", "memory", "git", "gpgv"];
    expect(names).toEqual(expect.arrayContaining([...wanted, "cache space", "state space"]));
    expect(names).not.toContain("mmdebstrap");
  });
});
