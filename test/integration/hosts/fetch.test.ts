/** `vmbuild fetch`: a real sshd with a user of its own stands for the other host. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canStartAccounts } from "../../support/account.js";
import { sha256Of } from "../../support/artifact.js";
import { startBuilder } from "../../support/builder.js";
import type { Builder } from "../../support/builder.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";

describe.skipIf(!canStartAccounts)("vmbuild fetch", () => {
  let home: CliHome;
  let builder: Builder;
  const content = randomBytes(3_000_000);
  const digest = sha256Of(content);
  const image = "demo-1.0.0.qcow2";
  beforeAll(async () => {
    home = await makeCliHome();
    builder = await startBuilder();
    await builder.writeImage("demo", content);
  });
  afterAll(async () => {
    await builder[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  const fetch = (...args: string[]): Promise<CliResult> =>
    home.runWith({ ...home.env, ...builder.env }, "fetch", ...args, "--on", "ssh://builder");
  const at = (...names: string[]): string => join(home.folder, "out", ...names);

  it("gets all files of the image, verified, and nothing that is there already", async () => {
    // An earlier transfer is continued.
    await mkdir(at(".vmbuild-fetch"), { recursive: true });
    await writeFile(at(".vmbuild-fetch", digest), content.subarray(0, 1_000_000));
    const first = await fetch("demo", "--output", "out");
    expect(first).toMatchObject({ exitCode: 0, stdout: at(image) });
    expect(first.stderr).toContain("Fetched 1.9 MiB");
    const names = [image, `${image}.sha256`, "manifest.json", "site"];
    expect((await readdir(at())).toSorted()).toEqual(names);
    expect(sha256Of(await readFile(at(image)))).toBe(digest);
    expect(await readFile(at(`${image}.sha256`), "utf8")).toContain(digest);
    expect(await readFile(at("site/index.html"), "utf8")).toBe("made by a step\n");

    const second = await fetch("demo", "--output", "out");
    expect(second).toMatchObject({ exitCode: 0, stdout: at(image) });
    expect(second.stderr).toContain("already");

    await writeFile(at(image), "damaged");
    expect(await fetch("demo", "--output", "out")).toMatchObject({ exitCode: 0 });
    expect(sha256Of(await readFile(at(image)))).toBe(digest);
    expect((await readdir(at())).toSorted()).toEqual(names);
  });

  it("leaves the folder as it was when the image is not the one of its manifest", async () => {
    const before = await readFile(at("manifest.json"), "utf8");
    await builder.writeImage("demo", randomBytes(1000), { sha256: "0".repeat(64) });
    const result = await fetch("demo", "--output", "out");
    expect(result).toMatchObject({ exitCode: 9, stdout: "" });
    expect(result.stderr).toContain("[FETCH_FAILED]");
    expect(await readFile(at("manifest.json"), "utf8")).toBe(before);
    expect(sha256Of(await readFile(at(image)))).toBe(digest);
  });

  it("does not replace the image of another template", async () => {
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
  });
});
