/** The package as users get it: packed, and installed into an empty folder. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canStartAccounts } from "../support/account.js";
import { startBuilder } from "../support/builder.js";
import { createSlowBuild } from "../support/detached-runs.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;
let installed: string;
let files: string[];

function run(program: string, args: string[], cwd: string): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-package-"));
  const packed = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder], root)) as [
    { filename: string; files: { path: string }[] },
  ];
  files = packed[0].files.map((file) => file.path);
  const project = join(folder, "project");
  await mkdir(project);
  await writeFile(join(project, "package.json"), '{ "private": true, "type": "module" }');
  // Without install scripts: ssh2's native part is optional and needs a compiler.
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  run("npm", ["install", ...flags, join(folder, packed[0].filename)], project);
  installed = join(project, "node_modules", "vmbuild");
});
afterAll(() => rm(folder, { recursive: true }));

describe("the packed tarball", () => {
  it("contains what is needed to run, and no development files", () => {
    for (const path of [
      "LICENSE",
      "README.md",
      "package.json",
      "dist/bin/vmbuild.js",
      "dist/bin/licenses.txt",
    ]) {
      expect(files).toContain(path);
    }
    expect(files.filter((path) => /^(src|test|bench|scripts|node_modules)\//.test(path))).toEqual(
      [],
    );
  });

  it("installs a vmbuild command that reports its version", async () => {
    const text = await readFile(join(installed, "package.json"), "utf8");
    const { version } = JSON.parse(text) as { version: string };
    expect(run("npm", ["exec", "--", "vmbuild", "--version"], join(folder, "project"))).toContain(
      version,
    );
  });

  it("can be imported by name", () => {
    const code = 'import * as library from "vmbuild"; console.log(Object.keys(library).length)';
    const output = run("node", ["--input-type=module", "-e", code], join(folder, "project"));
    expect(Number(output)).toBeGreaterThan(0);
  });

  it("hashes in threads, which also start from the compiled code", () => {
    const module = pathToFileURL(join(installed, "dist", "artifact", "digest.js")).href;
    const options = "{ emit() {}, signal: new AbortController().signal }";
    const code = `import { digestFile } from ${JSON.stringify(module)};
      console.log((await digestFile("package.json", ["sha256"], ${options})).sha256);`;
    const digest = run("node", ["--input-type=module", "-e", code], installed).trim();
    expect(run("sha256sum", ["package.json"], installed)).toBe(`${digest}  package.json\n`);
  });
});

describe.skipIf(!canStartAccounts)("vmbuild run --on --install", () => {
  it("installs the vmbuild that runs here on a host that has none", async () => {
    await using slow = await createSlowBuild();
    await using builder = await startBuilder();
    await rm(builder.installed);
    // npm there reaches the registry as npm here does.
    const settings = ["registry", "cafile"].flatMap((key) => {
      const value = run("npm", ["config", "get", key], folder).trim();
      return ["null", "undefined", ""].includes(value) ? [] : [`${key}=${value}\n`];
    });
    await writeFile(join(builder.home, ".npmrc"), settings.join(""));
    const on = ["--on", "ssh://builder/~/own folder"];
    const env = { ...slow.home.env, ...builder.env };
    const args = ["run", "slow.json", "--install", "--detach", ...on];
    const result = await slow.home.runWith(env, ...args);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stderr).toContain("Installing vmbuild on ssh://builder");
    const listed = await slow.home.runWith(env, "list", "--names", ...on);
    expect(listed).toMatchObject({ exitCode: 0, stdout: "slow" });
    // Cache, state and programs are all in the given folder.
    const own = join(builder.home, "own folder");
    expect((await readdir(own)).toSorted()).toEqual(
      expect.arrayContaining(["bundles", "cache", "content", "state", "versions"]),
    );
    await slow.home.runWith(env, "stop", "slow", ...on);
  }, 600_000);
});
