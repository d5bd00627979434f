/** `vmbuild fetch`: a real sshd with a user of its own stands for the other host. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canStartAccounts } from "../../support/account.js";
import { sha256Of } from "../../support/artifact.js";
import { startBuilder } from "../../support/builder.js";
import type { Builder } from "../../support/builder.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";

describe.skipIf(!canStartAccounts)("vmbuild fetch", () => {
  let home: CliHome;
  let builder: Builder;
  beforeEach(async () => {
    home = await makeCliHome();
    builder = await startBuilder();
  });
  afterEach(async () => {
    await builder[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  const fetch = (...args: string[]): Promise<CliResult> =>
    home.runWith({ ...home.env, ...builder.env }, "fetch", ...args, "--on", "ssh://builder");
  const at = (...names: string[]): string => join(home.folder, "out", ...names);

  it("gets all files of the image, and nothing that is there already", async () => {
    const content = randomBytes(3_000_000);
    await builder.writeImage("demo", content);
    const first = await fetch("demo", "--output", "out");
    expect(first).toMatchObject({ exitCode: 0, stdout: at("demo-1.0.0.qcow2") });
    expect((await readdir(at())).toSorted()).toEqual([
      "demo-1.0.0.qcow2",
      "demo-1.0.0.qcow2.sha256",
      "manifest.json",
      "site",
    ]);
    expect(await readFile(at("demo-1.0.0.qcow2"))).toEqual(content);
    expect(await readFile(at("site/index.html"), "utf8")).toBe("made by a step\n");

    const second = await fetch("demo", "--output", "out");
    expect(second).toMatchObject({ exitCode: 0, stdout: at("demo-1.0.0.qcow2") });
    expect(second.stderr).toContain("already");
  });

  it("continues a transfer, and replaces a damaged image with its sums", async () => {
    const content = randomBytes(3_000_000);
    await builder.writeImage("demo", content);
    await fetch("demo", "--output", "out");
    await writeFile(at("demo-1.0.0.qcow2"), "damaged");
    await mkdir(at(".vmbuild-fetch"));
    await writeFile(at(".vmbuild-fetch", sha256Of(content)), content.subarray(0, 1_000_000));
    const result = await fetch("demo", "--output", "out");
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stderr).toContain("Fetched 1.9 MiB");
    expect(await readFile(at("demo-1.0.0.qcow2"))).toEqual(content);
    const sums = await readFile(at("demo-1.0.0.qcow2.sha256"), "utf8");
    expect(sums).toContain(sha256Of(content));
    expect(await readdir(at())).toContain("manifest.json");
    expect(await readdir(at())).not.toContain(".vmbuild-fetch");
  });

  it("leaves the folder as it was when the image is not the one of its manifest", async () => {
    await builder.writeImage("demo", randomBytes(1000));
    await fetch("demo", "--output", "out");
    const before = await readFile(at("manifest.json"), "utf8");
    await builder.writeImage("demo", randomBytes(1000), "0".repeat(64));
    const result = await fetch("demo", "--output", "out");
    expect(result).toMatchObject({ exitCode: 9, stdout: "" });
    expect(result.stderr).toContain("[FETCH_FAILED]");
    expect(await readFile(at("manifest.json"), "utf8")).toBe(before);
  });

  it("does not replace the image of another template", async () => {
    await builder.writeImage("demo", randomBytes(1000));
    await fetch("demo", "--output", "out");
    await builder.writeImage("other", randomBytes(1000));
    const result = await fetch("other", "--output", "out");
    expect(result).toMatchObject({ exitCode: 9, stdout: "" });
    expect(result.stderr).toContain("[OUTPUT_TAKEN]");
  });

  it("says what is missing: the build, the host, the folder", async () => {
    const unknown = await fetch("nothing", "--output", "out");
    expect(unknown).toMatchObject({ exitCode: 2, stdout: "" });
    expect(unknown.stderr).toContain("[BUILD_UNKNOWN]");
    const folder = await fetch("demo");
    expect(folder).toMatchObject({ exitCode: 2 });
    expect(folder.stderr).toContain("--output DIR");
    const host = await home.run("fetch", "demo", "--output", "out");
    expect(host).toMatchObject({ exitCode: 2 });
    expect(host.stderr).toContain("--on ssh://USER@HOST");
    await rm(at(), { recursive: true, force: true });
  });
});
