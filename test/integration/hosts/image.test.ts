/**
 * `vmbuild run --on` to its end. The templates need no guest: an installed disk from the cache, which
 * no step changes, is published as it is.
 */
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { canStartAccounts } from "../../support/account.js";
import { startBuilder } from "../../support/builder.js";
import type { Builder } from "../../support/builder.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import { isSameDisk } from "../../support/images.js";
import { cacheInstalledDisk } from "../../support/installed-disk.js";

describe.skipIf(!canStartAccounts)("vmbuild run --on", () => {
  let home: CliHome;
  let builder: Builder;
  beforeAll(async () => {
    home = await makeCliHome();
    builder = await startBuilder();
    vi.stubEnv("XDG_CACHE_HOME", dirname(home.cache));
    const machine = { accelerator: "auto", memory: "64M", disk: "1G" };
    await home.write({
      "appliances/root/root.json": {
        ...{ name: "root", machine, seal: false },
        base: { install: { kernel: { path: "linux" } } },
      },
      "appliances/root/linux": "kernel",
      "appliances/leaf/leaf.json": {
        ...{ name: "leaf", machine, seal: false, base: { appliance: "root" } },
      },
    });
    await cacheInstalledDisk(home, "appliances/root/root.json", "a".repeat(64));
    await builder.copyCache(home.cache);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await builder[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  const runOn = (...args: string[]): Promise<CliResult> =>
    home.runWith({ ...home.env, ...builder.env }, "run", ...args, "--on", "ssh://builder");

  it("leaves the same image here as a run on this host", async () => {
    const local = await home.run("run", "root", "--output", "local");
    expect(local).toMatchObject({ exitCode: 0 });
    const result = await runOn("root", "--fetch", "no");
    expect(result).toMatchObject({ exitCode: 0, stdout: "" });
    expect(result.stderr).toContain("vmbuild fetch root --on ssh://builder");
    expect(await readdir(home.folder)).not.toContain("output");

    // The host and the folder are those of the run.
    const fetched = await home.runWith({ ...home.env, ...builder.env }, "fetch", "root");
    const folder = join(home.folder, "output/root");
    const image = join(folder, "root-0.0.0.qcow2");
    expect(fetched).toMatchObject({ exitCode: 0, stdout: image });
    expect(await isSameDisk(image, join(home.folder, "local/root-0.0.0.qcow2"))).toBe(true);
    const names = (await readdir(folder)).toSorted();
    expect(names).toEqual((await readdir(join(home.folder, "local"))).toSorted());

    // Nothing has changed: nothing is sent, built or fetched.
    const { mtimeMs } = await stat(image);
    const again = await runOn("root", "--json");
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stderr).not.toContain("Sent ");
    expect(JSON.parse(again.stdout)).toMatchObject({
      on: "ssh://builder",
      result: { upToDate: true },
      fetched: [image],
    });
    expect((await stat(image)).mtimeMs).toBe(mtimeMs);
  });

  it("fetches the image of a template whose base is built there, too", async () => {
    const result = await runOn("leaf");
    const image = join(home.folder, "output/leaf/leaf-0.0.0.qcow2");
    expect(result).toMatchObject({ exitCode: 0, stdout: image });
  });
});
