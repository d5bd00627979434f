/** `vmbuild publish` of archives of patches, and the lines for the manifest of a release. */
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatManifest, readManifest } from "../../../src/artifact/manifest.js";
import { sha256Of, writeArtifact } from "../../support/artifact.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

const ARCHIVE = "node-patches-main-1234567.tgz";
/** Each test starts vmbuild several times. */
const TIMEOUT_MS = 180_000;

let home: CliHome;
let root: string;
beforeEach(async () => {
  home = await makeCliHome();
  root = join(home.folder, "html");
  for (const name of ["builds", "repos"]) await mkdir(join(root, name), { recursive: true });
  await writeArtifact(home, "node", "image");
  const path = join(home.folder, "output/node/manifest.json");
  const manifest = await readManifest(path);
  const content = "archive";
  const patches = {
    ...{ name: ARCHIVE, folder: "node-patches", size: content.length, sha256: sha256Of(content) },
    ...{ packages: 2, signed: false, sbom: `${ARCHIVE}.cdx.json` },
  };
  await home.write({
    [`output/node/${ARCHIVE}`]: content,
    [`output/node/${ARCHIVE}.cdx.json`]: "{}",
    "output/node/manifest.json": formatManifest({ ...manifest, patches }),
  });
});
afterEach(() => home[Symbol.asyncDispose]());

const publish = (...flags: string[]) =>
  home.run("publish", "node", "--to", "html/builds/", "--patches", "html/repos/", ...flags);

describe("vmbuild publish --patches", { timeout: TIMEOUT_MS }, () => {
  it("places the archive with its sum, and leaves equal content as it is", async () => {
    const first = await publish();
    expect(first.stdout.split("\n")).toEqual([
      `node: ${root}/builds/node-1.0.0.qcow2 created (5 B)`,
      `node (patches): ${root}/repos/${ARCHIVE} created (7 B)`,
      "Updated 1 of 1 image(s)",
    ]);
    expect(first.exitCode).toBe(0);
    expect((await readdir(join(root, "repos"))).toSorted()).toEqual([ARCHIVE, `${ARCHIVE}.sha256`]);
    expect((await publish()).stdout).toContain(
      `node (patches): ${root}/repos/${ARCHIVE} unchanged`,
    );
    await publish("--metadata");
    expect(await readFile(join(root, `repos/${ARCHIVE}.cdx.json`), "utf8")).toBe("{}");
  });

  it("refuses an archive that was altered since the build, and an image without one", async () => {
    await writeFile(join(home.folder, `output/node/${ARCHIVE}`), "ARCHIVE");
    const altered = await publish();
    expect(altered.exitCode).toBe(9);
    expect(altered.stderr).toContain("does not have its recorded");
    expect(await readdir(join(root, "repos"))).toEqual([]);
    await rm(join(home.folder, `output/node/${ARCHIVE}`));
    expect((await publish()).exitCode).toBe(4);
    await writeArtifact(home, "node", "image");
    const without = await publish();
    expect(without.exitCode).toBe(4);
    expect(without.stderr).toContain("vmbuild run node --create-patches");
  });
});

describe("vmbuild publish --entries", { timeout: TIMEOUT_MS }, () => {
  it("prints the lines for manifest.yaml, which a bundle is made from", async () => {
    const { stdout, stderr } = await publish("--entries", "--root", root);
    expect(parse(stdout)).toEqual([
      {
        ...{ kind: "image", name: "node", path: "builds/node-1.0.0.qcow2" },
        sha256: sha256Of("image"),
      },
      { kind: "patches", name: "node", path: `repos/${ARCHIVE}`, sha256: sha256Of("archive") },
    ]);
    expect(stderr).toContain("Updated 1 of 1 image(s)");
    await writeFile(join(home.folder, "manifest.yaml"), `${stdout}\n`);
    const args = ["create", "manifest.yaml", "--files", root, "--output", "release.tar"];
    expect(await home.run("bundle", ...args)).toMatchObject({ exitCode: 0 });
    expect(await home.run("bundle", "verify", "release.tar")).toMatchObject({ exitCode: 0 });
  });

  it("reports the images that are in place when the archives cannot be sent", async () => {
    const target = "ssh://nobody@127.0.0.1:1/srv/";
    const { exitCode, stdout, stderr } = await home.run(
      ...["publish", "node", "--to", "html/builds/", "--patches", target],
    );
    expect(stdout).toContain("node-1.0.0.qcow2 created");
    expect(stdout).toContain("Updated 1 of 1 image(s)");
    expect(stderr).toContain("127.0.0.1");
    expect(exitCode).not.toBe(0);
  });

  it("has the paths of the target unless --root is given, which must contain them", async () => {
    const { stdout } = await publish("--entries");
    expect(stdout).toContain(`path: ${root}/builds/node-1.0.0.qcow2`);
    const json = JSON.parse((await publish("--entries", "--json")).stdout) as { entries: unknown };
    expect(json.entries).toEqual(parse(stdout));
    await rm(join(root, "builds/node-1.0.0.qcow2"));
    const outside = await publish("--entries", "--root", "/nowhere");
    expect(outside.exitCode).toBe(2);
    expect(outside.stderr).toContain("is not below it");
    // It was found before anything was sent.
    expect(await readdir(join(root, "builds"))).not.toContain("node-1.0.0.qcow2");
    expect((await publish("--root", root)).exitCode).toBe(2);
  });
});
