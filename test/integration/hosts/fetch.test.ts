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

  it("gets the image of an earlier run while it is there, by id or version", async () => {
    const old = randomBytes(2000);
    const ids = ["20260301-100000-aaaaaa", "20260302-100000-bbbbbb"] as const;
    await builder.writeImage("twice", old, {
      runId: ids[0],
      startedAt: "2026-03-01T10:00:00.000Z",
    });
    const at = "2026-03-02T10:00:00.000Z";
    await builder.writeRun("twice", { runId: ids[1], startedAt: at, state: "failed" });
    const last = await fetch("twice", "--output", "twice");
    expect(last).toMatchObject({ exitCode: 9, stdout: "" });
    expect(last.stderr).toContain("vmbuild fetch twice --run ID");
    expect((await fetch("twice", "--run", "bbbbbb", "--output", "twice")).stderr).toContain(
      `The run ${ids[1]} of twice made no image`,
    );
    for (const run of ["aaaaaa", "1.0.0"]) {
      const image = join(home.folder, "twice", "twice-1.0.0.qcow2");
      const result = await fetch("twice", "--run", run, "--output", "twice");
      expect(result).toMatchObject({ exitCode: 0, stdout: image });
      expect(sha256Of(await readFile(image))).toBe(sha256Of(old));
    }
    const facts = { version: "2.0.0", runId: "20260303-100000-cccccc" };
    const later = { ...facts, startedAt: "2026-03-03T10:00:00.000Z" };
    await builder.writeImage("twice", randomBytes(1000), later);
    const replaced = await fetch("twice", "--run", "1.0.0", "--output", "twice");
    expect(replaced).toMatchObject({ exitCode: 9, stdout: "" });
    expect(replaced.stderr.replaceAll(/\s+/g, " ")).toContain(
      "Images that are there: 20260303-100000-cccccc (2.0.0)",
    );
  }, 240_000);

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
