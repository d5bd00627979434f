/** Output folders that cannot be used: errors before the machine starts. */
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { lockOutputFolder } from "../../../src/artifact/output-folder.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { BOOT_SECTOR } from "../../support/images.js";
import { exampleManifest } from "../../unit/artifact/example.js";

let home: CliHome;
let out: string;
const TEMPLATE = { name: "t", base: { path: "x.img" }, output: { directory: "out" } };

beforeEach(async () => {
  home = await makeCliHome();
  out = join(home.folder, "out");
  await home.write({ "t.json": TEMPLATE });
  await writeFile(join(home.folder, "x.img"), BOOT_SECTOR);
});
afterEach(() => home[Symbol.asyncDispose]());

const target = () => ({ name: "t", folder: out, filenames: ["t-0.0.0.qcow2"] });

describe("claiming an output folder", () => {
  it("creates it, and removes it if it is still empty", async () => {
    out = join(home.folder, "a/b/c");
    {
      await using _claim = await lockOutputFolder(target());
      expect(await readdir(out)).toEqual([]);
    }
    expect((await readdir(home.folder)).toSorted()).toEqual(["t.json", "x.img"]);
  });

  it("retains a folder with content, and one that existed before", async () => {
    await mkdir(join(home.folder, "a"));
    out = join(home.folder, "a/b");
    {
      await using _claim = await lockOutputFolder(target());
      await writeFile(join(out, "image"), "");
    }
    expect(await readdir(out)).toEqual(["image"]);
    await rm(join(out, "image"));
    {
      await using _again = await lockOutputFolder(target());
    }
    expect(await readdir(out)).toEqual([]);
  });

  it("is refused while another run has claimed it, under any path", async () => {
    await symlink("out", join(home.folder, "link"));
    {
      await using _claim = await lockOutputFolder(target());
      const second = { ...target(), folder: join(home.folder, "link"), name: "u" };
      await expect(lockOutputFolder(second)).rejects.toMatchObject({
        code: "OUTPUT_TAKEN",
        message: `Another run is writing to ${second.folder}`,
      });
    }
    await using _later = await lockOutputFolder(target());
  });
});

/** Returns exit code and first line of `vmbuild run`. */
async function run(...args: string[]): Promise<[number | undefined, string]> {
  const { exitCode, stderr } = await home.run("run", "t.json", "--log-format", "json", ...args);
  const last = JSON.parse(stderr.split("\n").at(-1) ?? "") as {
    error: { code: string; message: string };
  };
  return [exitCode, `${last.error.code}: ${last.error.message.replaceAll(home.folder, "HOME")}`];
}

describe("vmbuild run", () => {
  it.each([
    ["file", "HOME/file is not a folder."],
    ["file/sub", "HOME/file is not a folder. The output folder would be HOME/file/sub."],
    ["dangling", "HOME/dangling is a symbolic link to nowhere, which is not a folder."],
    [
      "dangling/sub",
      "HOME/dangling is a symbolic link to nowhere, which is not a folder. The output folder would be HOME/dangling/sub.",
    ],
    ["/proc/sub", "Cannot write to the output folder /proc/sub: ENOENT"],
    ["loop/sub", "The path of the output folder contains a loop of symbolic links HOME/loop/sub"],
    ["x".repeat(256), "A file name is too long for the file system of the output folder"],
  ])("ends with exit code 9 for the output folder %s", async (directory, message) => {
    await home.write({ file: "" });
    await symlink("nowhere", join(home.folder, "dangling"));
    await symlink("loop", join(home.folder, "loop"));
    const [exitCode, text] = await run("--output", directory);
    expect(exitCode).toBe(9);
    expect(text).toMatch(/^OUTPUT_UNWRITABLE: /);
    const said = text.replace("OUTPUT_UNWRITABLE: ", "");
    expect(said).toContain(message);
    expect(await readdir(join(home.builds, "t"))).not.toContain("disk.qcow2");
  });

  it.each([
    [
      "another template's",
      formatManifest({ ...exampleManifest(), name: "first" }),
      /another template, "first", whose manifest would be overwritten by that of "t"$/,
    ],
    ["a later version's", { manifestVersion: 99, name: "first" }, /another template, "first"/],
    [
      "another program's",
      { builds: [], last_run_uuid: "" },
      /manifest\.json is not a vmbuild manifest$/,
    ],
  ])("does not replace %s manifest", async (_what, manifest, message) => {
    await home.write({ "out/manifest.json": manifest });
    const before = await readFile(join(out, "manifest.json"), "utf8");
    for (const args of [[], ["--explain"]]) {
      const { exitCode, stderr } = await home.run("run", "t.json", "--log-format", "json", ...args);
      expect(exitCode).toBe(9);
      const { error } = JSON.parse(stderr.split("\n").at(-1) ?? "") as {
        error: { code: string; message: string };
      };
      expect(error.code).toBe("OUTPUT_TAKEN");
      expect(error.message).toMatch(message);
    }
    expect(await readFile(join(out, "manifest.json"), "utf8")).toBe(before);
    // A run may use another folder, so this is a warning.
    const { exitCode, stdout } = await home.run("validate", "t.json", "--json");
    const { warnings } = JSON.parse(stdout) as { warnings: string[] };
    expect({ exitCode, warnings }).toEqual({
      exitCode: 0,
      warnings: [expect.stringMatching(message)],
    });
  });

  it.each(["t-0.0.0.qcow2", "t-0.0.0.qcow2.sha256", "manifest.json"])(
    "does not begin where %s is a folder",
    async (name) => {
      await mkdir(join(out, name, "kept"), { recursive: true });
      const [exitCode, text] = await run();
      expect(exitCode).toBe(9);
      expect(text).toBe(
        `OUTPUT_TAKEN: HOME/out/${name} is a folder, but the artifact has a file of that name`,
      );
    },
  );

  it.each([
    [{ directory: ".", filename: "t.json" }, "HOME/t.json would overwrite the template itself"],
    [{ directory: ".", filename: "x.img" }, "HOME/x.img would overwrite its own base"],
    [
      { directory: ".", formats: [{ format: "raw", filename: "x.img" }] },
      "HOME/x.img would overwrite its own base",
    ],
    [{ directory: "link", filename: "x.img" }, "HOME/link/x.img would overwrite its own base"],
    [{ directory: ".", filename: "in" }, 'HOME/in would overwrite the input "i"'],
    [{ directory: "." }, 'HOME/files would overwrite a file that the step "s" reads'],
  ])("does not replace what the template reads: %j", async (output, what) => {
    const inputs = { i: { path: "in" } };
    const actions = [
      { upload: "files/a", to: "/a" },
      { download: "/b", to: "files" },
    ];
    await home.write({
      "t.json": { ...TEMPLATE, inputs, steps: [{ name: "s", actions }], output },
      in: "",
      "files/a": "",
    });
    await symlink(".", join(home.folder, "link"));
    expect(await run()).toEqual([9, `OUTPUT_TAKEN: The artifact's ${what}`]);
    const { exitCode, stderr } = await home.run("validate", "t.json");
    expect(exitCode).toBe(2);
    const flat = stderr.replaceAll(/\s+/g, " ").replaceAll(home.folder, "HOME");
    expect(flat).toContain(`output: The artifact's ${what}`);
  });

  it("refuses two templates of one call with the same output folder", async () => {
    await home.write({ "u.json": { ...TEMPLATE, name: "u" } });
    const { exitCode, stderr } = await home.run("run", "t.json", "u.json", "--parallel", "2");
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      `error: The templates t and u have the same output folder: ${out} [USAGE]`,
    );
  });

  it("reports what a normal user cannot write to", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can become another user");
    const root = join(home.folder, "..");
    execFileSync("chown", ["-R", "65534:65534", root]);
    await mkdir(out);
    await chown(out, 0, 0);
    await chmod(out, 0o755);
    const user = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath];
    const main = join(import.meta.dirname, "../../../dist/bin/vmbuild.js");
    for (const folder of ["out", "out/deeper"]) {
      const { exitCode, stderr } = await execa(
        "setpriv",
        [...user, main, "run", "t.json", "--output", folder, "--log-format", "json"],
        { cwd: home.folder, env: home.env, extendEnv: false, reject: false },
      );
      expect(stderr).toContain(
        `"message":"You do not have permission to write to the output folder ${join(home.folder, folder)}: EACCES`,
      );
      expect(exitCode).toBe(9);
    }
  });

  it("reports that the file system is read-only or full", async (context) => {
    await mkdir(out);
    const mount = async (options: string) => {
      const { exitCode } = await execa("mount", ["-t", "tmpfs", "-o", options, "tmpfs", out], {
        reject: false,
      });
      if (exitCode !== 0) context.skip("a file system cannot be mounted here");
    };
    await mount("size=100M,ro");
    try {
      expect(await run()).toEqual([
        9,
        expect.stringMatching(
          /^OUTPUT_UNWRITABLE: The file system that holds the output folder is read-only HOME\/out: EROFS/,
        ),
      ]);
      execFileSync("mount", ["-o", "remount,rw", out]);
      expect(await run()).toEqual([
        9,
        "ARTIFACT_SPACE: The image needs at least 256 MiB in HOME/out, where only 100 MiB are free",
      ]);
      expect(await readdir(out)).toEqual([]);
    } finally {
      execFileSync("umount", [out]);
    }
  });
});

describe("the image of another template", () => {
  it.each([
    ["boot", ["boot", "t.json"]],
    ["test", ["test", "t.json"]],
    ["marketplace", ["marketplace", "t.json", "--url", "https://images.example.org/"]],
  ])("is not used by vmbuild %s", async (_command, args) => {
    const checks = [{ name: "up", http: "/" }];
    const manifest = {
      ...exampleManifest(),
      name: "second",
      files: [{ name: "i", format: "raw", size: 4, checksums: {} }],
    };
    await home.write({
      "t.json": { ...TEMPLATE, acceptance: { checks } },
      "out/i": "new\n",
      "out/manifest.json": formatManifest(manifest),
    });
    const { exitCode, stderr } = await home.run(...args);
    expect(exitCode).toBe(4);
    const flat = stderr.replaceAll(/\s+/g, " ");
    expect(flat).toContain(
      `t has no finished image in ${out}: the image in it belongs to another template, "second" [INPUT_MISSING]`,
    );
  });

  it("is not used as a base", async () => {
    const base = { base: { appliance: "./t.json" } };
    await home.write({
      "u.json": { ...TEMPLATE, ...base, name: "u", output: { directory: "u" } },
      "out/i": "new\n",
      "out/manifest.json": formatManifest({ ...exampleManifest(), name: "second" }),
    });
    const { exitCode, stderr } = await home.run(
      "run",
      "u.json",
      "--no-bases",
      "--accel",
      "tcg",
      "--memory",
      "64M",
    );
    expect(exitCode).toBe(4);
    expect(stderr).toContain('belongs to another template, "second"');
  });
});
