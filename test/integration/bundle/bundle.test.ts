/** `vmbuild bundle`: release bundles, with GNU's and busybox' tar. */
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Of } from "../../support/artifact.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";

const IMAGE = "node-main-1234567.qcow2";
const PATCHES = "node-patches-main-1234567.tgz";
const CONTENT = { [IMAGE]: "image".repeat(1000), [PATCHES]: "patches" };

/** Each test starts vmbuild several times. */
const TIMEOUT_MS = 180_000;

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
  await home.write({
    "release/manifest.yaml": manifestOf(CONTENT),
    [`release/builds/${IMAGE}`]: CONTENT[IMAGE],
    [`release/${PATCHES}`]: CONTENT[PATCHES],
  });
});
afterEach(() => home[Symbol.asyncDispose]());

const flat = (text: string): string => text.replaceAll(/\s+/g, " ");

function manifestOf(files: Readonly<Record<string, string>>): string {
  const entries = Object.entries(files).map(([name, content]) => ({
    kind: name.endsWith(".tgz") ? "patches" : "image",
    name: "node",
    path: `builds/${name}`,
    sha256: sha256Of(content),
  }));
  return stringify(entries);
}

const create = (...flags: string[]): Promise<CliResult> =>
  home.run("bundle", "create", "release/manifest.yaml", "--output", "release.tar", ...flags);
const verify = (path = "release.tar"): Promise<CliResult> => home.run("bundle", "verify", path);
const tar = (...args: string[]) => execa("tar", args, { cwd: join(home.folder, "release") });

describe("vmbuild bundle create", { timeout: TIMEOUT_MS }, () => {
  it("packs the manifest and its files, as GNU's and busybox' tar read them", async () => {
    const { exitCode, stdout } = await create();
    expect(stdout).toBe(join(home.folder, "release.tar"));
    expect(exitCode).toBe(0);
    const names = ["manifest.yaml", IMAGE, PATCHES].join("\n");
    for (const program of [["tar"], ["busybox", "tar"]]) {
      const [file, ...args] = [...program, "-tf", "release.tar"];
      expect((await execa(file, args, { cwd: home.folder })).stdout).toBe(names);
    }
    await execa("busybox", ["tar", "-xf", "release.tar", IMAGE], { cwd: home.folder });
    expect(await readFile(join(home.folder, IMAGE), "utf8")).toBe(CONTENT[IMAGE]);
    await execa("sha256sum", ["-c", "release.tar.sha256"], { cwd: home.folder });
    const verified = await verify();
    expect(verified).toMatchObject({ exitCode: 0 });
    expect(verified.stdout).toBe(
      `image node: builds/${IMAGE} ok\npatches node: builds/${PATCHES} ok`,
    );
    expect(JSON.parse((await create("--json")).stdout)).toMatchObject({
      members: ["manifest.yaml", IMAGE, PATCHES],
      sha256: sha256Of(await readFile(join(home.folder, "release.tar"))),
    });
  });

  it("keeps a name that is longer than ustar has place for", async () => {
    const name = `${"long-".repeat(30)}.qcow2`;
    await home.write({
      "release/manifest.yaml": manifestOf({ [name]: "x" }),
      [`release/${name}`]: "x",
    });
    await create();
    const { stdout } = await execa("busybox", ["tar", "-tf", "release.tar"], { cwd: home.folder });
    expect(stdout).toBe(`manifest.yaml\n${name}`);
    expect((await verify()).exitCode).toBe(0);
  });

  it("does not replace a file of the release", async () => {
    for (const file of ["release/manifest.yaml", `release/${PATCHES}`]) {
      const before = await readFile(join(home.folder, file), "utf8");
      const { exitCode, stderr } = await create("--output", file);
      expect(flat(stderr)).toContain(`--output ${file} is a file of the release`);
      expect(exitCode).toBe(2);
      expect(await readFile(join(home.folder, file), "utf8")).toBe(before);
    }
  });

  it("refuses files that are missing or altered, and writes nothing", async () => {
    await writeFile(join(home.folder, `release/${PATCHES}`), "PATCHES");
    const altered = await create();
    expect(altered.exitCode).toBe(9);
    expect(flat(altered.stderr)).toContain(`${PATCHES} does not have the sha256 of the manifest`);
    await rm(join(home.folder, `release/${PATCHES}`));
    expect(flat((await create()).stderr)).toContain(`${PATCHES} is not in`);
    expect((await verify()).stderr).toContain("cannot be read");
  });

  it.each([
    ["no YAML", "a: [", "is not a list of the files"],
    ["an entry without a sum", "- {kind: image, name: a, path: b}", "sha256"],
    ["a wrong sum", "- {kind: image, name: a, path: b, sha256: 1e2}", "64 hexadecimal digits"],
    [
      "two files of one name",
      manifestOf({ a: "1" }) + manifestOf({ a: "1" }),
      "a cannot be the name of another file",
    ],
    ["a path that is a folder", manifestOf({ "..": "1" }), ".. cannot be the name"],
  ])("refuses a manifest with %s", async (_, text, words) => {
    await home.write({ "release/manifest.yaml": text });
    const { exitCode, stderr } = await create();
    expect(flat(stderr)).toContain(words);
    expect(exitCode).toBe(9);
  });
});

describe("vmbuild bundle verify", { timeout: TIMEOUT_MS }, () => {
  /** Returns the message about an archive that GNU's tar has made. */
  async function refusal(...args: string[]): Promise<string> {
    await tar("-cf", "../other.tar", "-C", ".", ...args);
    const { exitCode, stderr } = await verify("other.tar");
    expect(exitCode).toBe(9);
    return flat(stderr);
  }
  const FLAT = ["manifest.yaml", PATCHES, "-C", "builds", IMAGE];

  it("accepts what other programs have packed without features that busybox lacks", async () => {
    for (const format of ["ustar", "gnu"]) {
      await tar(`--format=${format}`, "-cf", "../other.tar", ...FLAT);
      expect(await verify("other.tar")).toMatchObject({ exitCode: 0 });
    }
  });

  it("finds altered, missing and further files", async () => {
    await home.write({ "release/more.txt": "more" });
    expect(await refusal(...FLAT, "-C", "..", "more.txt")).toContain(
      "more.txt is not in manifest.yaml",
    );
    expect(await refusal("manifest.yaml", PATCHES)).toContain(`${IMAGE} is missing`);
    expect(await refusal(PATCHES)).toContain("manifest.yaml in other.tar is missing");
    await writeFile(join(home.folder, `release/${PATCHES}`), "PATCHES");
    expect(await refusal(...FLAT)).toContain(`${PATCHES} was altered`);
  });

  it("refuses PAX headers, sparse files, links, folders and paths that lead out", async () => {
    expect(await refusal("--format=pax", ...FLAT)).toContain("is a PAX header");
    await execa("truncate", ["-s", "1M", join(home.folder, "release/sparse")]);
    expect(await refusal("--format=gnu", "-S", ...FLAT, "-C", "..", "sparse")).toContain(
      "sparse is a sparse file",
    );
    await execa("ln", ["-s", "/etc/passwd", join(home.folder, "release/link")]);
    expect(await refusal("link")).toContain("link is a symbolic link");
    expect(await refusal("builds")).toContain("builds/ is a folder");
    expect(await refusal("-P", "--transform", "s,^,../,", PATCHES)).toContain(
      `the path "../${PATCHES}" leads out of it`,
    );
    expect(await refusal("-P", "--transform", "s,^,/etc/,", PATCHES)).toContain("leads out of it");
    expect(await refusal("--hard-dereference", PATCHES, PATCHES)).toContain("is in it twice");
  });

  it("refuses an archive that is cut off or damaged", async () => {
    await create();
    const path = join(home.folder, "release.tar");
    const content = await readFile(path);
    await writeFile(path, content.subarray(0, 3000));
    expect((await verify()).stderr).toContain("it is cut off");
    await writeFile(path, content);
    await using file = await open(path, "r+");
    await file.write("X", 512 + 512);
    await file.sync();
    expect((await verify()).stderr).toMatch(/no valid header|is not a list|cut off|altered/);
    await writeFile(path, "no archive".repeat(100));
    expect((await verify()).stderr).toContain("it has no valid header at byte 0");
  });

  it("refuses what follows a single empty block, which busybox' tar unpacks", async () => {
    await create();
    const path = join(home.folder, "release.tar");
    await tar("-cf", "../more.tar", PATCHES);
    const more = await readFile(join(home.folder, "more.tar"));
    const whole = await readFile(path);
    const end = whole.length - whole.toReversed().findIndex((byte) => byte !== 0);
    const members = whole.subarray(0, Math.ceil(end / 512) * 512);
    await writeFile(path, Buffer.concat([members, Buffer.alloc(512), more]));
    const listed = await execa("busybox", ["tar", "-tf", path]);
    expect(listed.stdout.split("\n")).toHaveLength(4);
    const { exitCode, stderr } = await verify();
    expect(exitCode).toBe(9);
    expect(flat(stderr)).toContain("it goes on after its end at byte");
  });

  it("checks a folder in the same way, with the sums that publish writes beside files", async () => {
    await home.write({ [`release/${PATCHES}.sha256`]: "sum" });
    expect((await verify("release")).exitCode).toBe(0);
    await home.write({ "release/more.txt": "more" });
    const { exitCode, stderr } = await verify("release");
    expect(exitCode).toBe(9);
    expect(stderr).toContain("more.txt is not in manifest.yaml");
  });
});
