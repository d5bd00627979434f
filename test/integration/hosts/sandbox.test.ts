/** The example of a sandbox manager: its shim for `make remote-build`. */
import { chmod, cp } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { canStartAccounts } from "../../support/account.js";
import { startBuilder } from "../../support/builder.js";
import { CLI_MAIN, makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { cacheInstalledDisk } from "../../support/installed-disk.js";

const example = resolve("examples/sandbox");
let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await home[Symbol.asyncDispose]();
});

it("passes its own verification", async () => {
  const options = { cwd: example, env: home.env, extendEnv: false } as const;
  const { stdout } = await execa("make", ["--silent", "verify"], options);
  expect(stdout).toContain("ok      vmbuild runs the project on the builder");
  expect(stdout).not.toContain("FAILED");
});

describe.skipIf(!canStartAccounts)("make remote-build", () => {
  it("builds a project on another host, and leaves its image here", async () => {
    const folder = join(home.folder, "sandbox");
    await cp(example, folder, { recursive: true });
    // Nothing changes this disk, so that no guest is needed.
    await home.write({
      "sandbox/projects/disk/disk.json": {
        ...{ name: "disk", machine: { accelerator: "auto", memory: "64M", disk: "1G" } },
        ...{ seal: false, base: { install: { kernel: { path: "linux" } } } },
      },
      "sandbox/projects/disk/linux": "kernel",
      "bin/vmbuild": `#!/bin/sh\nexec '${process.execPath}' '${CLI_MAIN}' "$@"\n`,
    });
    await chmod(join(home.folder, "bin/vmbuild"), 0o755);
    vi.stubEnv("XDG_CACHE_HOME", dirname(home.cache));
    await cacheInstalledDisk(home, "sandbox/projects/disk/disk.json", "b".repeat(64));
    await using builder = await startBuilder();
    await builder.copyCache(home.cache);
    const env = {
      ...home.env,
      PATH: `${join(home.folder, "bin")}:${builder.env["PATH"] ?? ""}`,
      BUILDER: "ssh://builder",
    };
    const options = { cwd: folder, env, extendEnv: false } as const;
    const { stdout } = await execa("make", ["--silent", "remote-build", "PROJECT=disk"], options);
    expect(stdout).toBe(join(folder, "output/disk/disk-0.0.0.qcow2"));
  });
});
