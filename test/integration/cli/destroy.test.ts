/** `vmbuild destroy` and `vmbuild list --watch` as processes. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { createSlowBuild } from "../../support/detached-runs.js";
import type { SlowBuild } from "../../support/detached-runs.js";
import { eventually, isAlive } from "../../support/e2e.js";

let slow: SlowBuild;
beforeEach(async () => {
  slow = await createSlowBuild();
});
afterEach(() => slow[Symbol.asyncDispose]());

/** Writes an artifact of a build, and the record of the run that made it. */
async function publish(name: string, owner = name): Promise<string> {
  const { home } = slow;
  const output = join(home.folder, `output-${name}`);
  const sha256 = createHash("sha256").update("image").digest("hex");
  const image = `${name}-1.0.0.qcow2`;
  const manifest = formatManifest({
    ...{ manifestVersion: 1, name: owner, version: "1.0.0", created: "2026-02-14T17:04:00.000Z" },
    template: { digest: `sha256:${sha256}` },
    base: { kind: "path", origin: "base.qcow2" },
    ...{ inputs: [], vmbuild: { version: "0.1.0" }, qemu: { version: "7.2" }, accelerator: "tcg" },
    files: [{ name: image, format: "qcow2", size: 5, checksums: { sha256 } }],
    ...{ companions: ["report.txt", "folder"], steps: [] },
  });
  await home.write({
    [join(output, image)]: "image",
    [join(output, `${image}.sha256`)]: `${sha256}  ${image}\n`,
    [join(output, "report.txt")]: "report",
    [join(output, "folder/inside")]: "x",
    [join(output, "manifest.json")]: manifest,
    [join(home.builds, name, "runs/20260214-170400-aaaaaa/run.json")]: {
      ...{ runId: "20260214-170400-aaaaaa", name, version: "1.0.0", template: "/t.json", pid: 1 },
      ...{ startedAt: "2026-02-14T17:04:00.000Z", state: "done", artifact: join(output, image) },
    },
    [join(home.builds, name, "disk.qcow2")]: "disk",
  });
  return output;
}

describe("vmbuild destroy", () => {
  it("ends the run, and removes the build but not its image; again, it does nothing", async () => {
    const { home } = slow;
    const output = await publish("slow");
    const { pid } = await slow.detach("--ttl", "1h");
    const destroyed = await home.run("destroy", "slow");
    expect(destroyed).toMatchObject({ exitCode: 0 });
    expect(destroyed.stderr).toContain("was kept");
    expect(await isAlive(pid)).toBe(false);
    expect(await readdir(home.builds)).toEqual([]);
    expect(await readdir(home.runtime)).toEqual([]);
    expect((await readdir(output)).length).toBe(5);
    const again = await home.run("destroy", "slow");
    expect(again).toMatchObject({ exitCode: 0, stdout: "" });
    expect((await home.run("list", "--json")).stdout).toBe('{"builds":[]}');
    // A new run begins from nothing.
    await slow.detach();
  });

  it("removes the image and the files beside it with --all, and nothing else", async () => {
    const { home } = slow;
    const output = await publish("demo");
    await home.write({ [join(output, "notes.txt")]: "mine" });
    const other = await publish("other", "somebody");
    expect((await home.run("destroy", "demo", "--all")).exitCode).toBe(0);
    expect(await readdir(output)).toEqual(["notes.txt"]);
    // The manifest says that this image is another template's.
    const { stdout } = await home.run("destroy", "other", "--all", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ removed: [join(home.builds, "other")] });
    expect((await readdir(other)).length).toBe(5);
    const empty = await publish("empty");
    await home.run("destroy", "empty", "--all");
    expect(existsSync(empty)).toBe(false);
  });

  it("takes names only, never paths", async () => {
    const { home } = slow;
    await mkdir(join(home.folder, "precious"));
    for (const name of ["../../work/precious", home.folder, "..", ".", ""]) {
      const { exitCode, stderr } = await home.run("destroy", name, "--all");
      expect(exitCode).toBe(2);
      expect(stderr).toContain("is not the name of a build");
    }
    expect(existsSync(join(home.folder, "precious"))).toBe(true);
    const both = await home.run("destroy", "slow", "--all", "--keep-artifact");
    expect(both.exitCode).toBe(2);
  });
});

describe("vmbuild list --watch", () => {
  it("prints the list again when it has changed, until it is interrupted", async () => {
    const watching = slow.start("list", "--watch", "--json");
    let seen = "";
    watching.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    await eventually(() => Promise.resolve(seen.includes('{"builds":[]}\n')), 20);
    await slow.detach();
    await eventually(() => Promise.resolve(seen.includes('"state":"running"')), 20);
    watching.kill("SIGINT");
    expect((await watching).exitCode).toBe(130);
    expect(seen.match(/\{"builds":\[\]\}/g)).toHaveLength(1);
  });
});
