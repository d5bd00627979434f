/** `vmbuild marketplace`, from a published artifact to the entry's file. */
import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { ENTRY } from "../../support/marketplace.js";
import { exampleManifest } from "../../unit/artifact/example.js";

const IMAGE = "small-1.2.0.qcow2";
const CONTENT = "an image";
const UUID = "2def0784-3310-479b-9533-5dd6cc0fe2b7";
const hex = (algorithm: string): string => createHash(algorithm).update(CONTENT).digest("hex");
const [md5, sha256] = [hex("md5"), hex("sha256")];
let home: CliHome;

beforeEach(async () => {
  home = await makeCliHome();
  const file = {
    name: IMAGE,
    format: "qcow2",
    size: CONTENT.length,
    virtualSize: 2 ** 32,
    checksums: { md5, sha256 },
  };
  const manifest = formatManifest({
    ...exampleManifest(),
    name: "small",
    version: "1.2.0",
    files: [file],
  });
  await home.write({
    "appliances/small/small.json": { name: "small", version: "1.2.0", base: { path: "x" } },
    "appliances/small/marketplace.yaml": ENTRY,
    [`output/small/${IMAGE}`]: CONTENT,
    [`output/small/${IMAGE}.md5`]: `${md5}  ${IMAGE}\n`,
    [`output/small/${IMAGE}.sha256`]: `${sha256}  ${IMAGE}\n`,
    "output/small/manifest.json": manifest,
  });
});
afterEach(() => home[Symbol.asyncDispose]());

const read = (path: string): Promise<string> => readFile(join(home.folder, path), "utf8");

describe("vmbuild marketplace", () => {
  it("writes the entry beside the image, and does not change the appliance's own", async () => {
    const ended = await home.run("marketplace", "small", "--url", "https://images.example.org/a/");
    const path = join(home.folder, "output/small/marketplace.yaml");
    expect(ended).toEqual({ exitCode: 0, stdout: path, stderr: "" });
    expect(parse(await readFile(path, "utf8"))).toMatchObject({
      version: "1.2.0",
      images: [
        {
          url: `https://images.example.org/a/${IMAGE}`,
          size: 2 ** 32,
          checksum: { md5, sha256 },
        },
      ],
    });
    expect(await read("appliances/small/marketplace.yaml")).toBe(ENTRY);
  });

  it("names it by a UUID as the community repository does: a given one or a new one", async () => {
    const url = "https://images.example.org/x.qcow2";
    const given = await home.run("marketplace", "small", "--url", url, "--uuid", UUID);
    expect(given.stdout).toBe(join(home.folder, `output/small/${UUID}.yaml`));
    const made = await home.run("marketplace", "small", "--url", url, "--uuid", "--json");
    const { uuid, path } = JSON.parse(made.stdout) as { uuid: string; path: string };
    expect(path).toBe(join(home.folder, `output/small/${uuid}.yaml`));
    expect(made.stderr).toContain(`Use the same UUID for the next version: --uuid ${uuid}`);
    expect(await readFile(path, "utf8")).toBe(await read(`output/small/${UUID}.yaml`));
  });

  it("writes it to a given path", async () => {
    const flags = ["--url", "https://x.org/", "--output", "repo/appliances/small/e.yaml"];
    expect((await home.run("marketplace", "small", ...flags)).exitCode).toBe(0);
    expect(await read("repo/appliances/small/e.yaml")).toContain(sha256);
  });

  it("lists all problems, and writes nothing", async () => {
    await home.write({
      "appliances/small/marketplace.yaml": ENTRY.replace("  cpu: '4'", "  cpu: 4").replace(
        "name: Small Copilot\n",
        "",
      ),
    });
    const ended = await home.run("marketplace", "small", "--url", "https://x.org/");
    expect(ended).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ended.stderr).toContain("has 2 problems");
    expect(ended.stderr).toContain("opennebula_template.cpu: must be a string");
    expect(ended.stderr).toContain("name: is missing");
    expect(await readdir(join(home.folder, "output/small"))).not.toContain("marketplace.yaml");
  });

  it.each([
    [["--url", "ftp://x.org/"], 2, "is not an http(s) URL"],
    [["--url", "https://x.org/", "--uuid", "123"], 2, "--uuid 123 is not a UUID"],
    [["--url", "https://x.org/", "--image", "elsewhere"], 4, "has no finished image"],
    [[], 2, "required option '--url <url>'"],
    [["--check", "x"], 2, "--check writes no entry, and takes no template"],
  ])("refuses %j", async (flags, exit, words) => {
    const { exitCode, stderr } = await home.run("marketplace", "small", ...flags);
    expect(exitCode).toBe(exit);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(words);
  });

  it("writes the files of the community's repository, and keeps those of somebody else", async () => {
    const own = "---\n- '00-own.rb'\n";
    await home.write({ "output/small/context.yaml": "mine\n", "appliances/small/tests.yaml": own });
    const ended = await home.run("marketplace", "small", "--url", "https://x.org/", "--json");
    expect(ended.exitCode).toBe(0);
    const { files } = JSON.parse(ended.stdout) as { files: { path: string; state: string }[] };
    const path = (name: string): string => join(home.folder, "output/small", name);
    expect(files).toEqual([
      { path: path("metadata.yaml"), state: "written" },
      { path: path("context.yaml"), state: "kept" },
      { path: path("tests.yaml"), state: "written" },
    ]);
    expect(ended.stderr).toContain(`${path("context.yaml")} was kept`);
    expect(await read("output/small/context.yaml")).toBe("mine\n");
    expect(await read("output/small/tests.yaml")).toBe(own);
    expect(parse(await read("output/small/metadata.yaml"))).toMatchObject({
      ":app": { ":name": "small", ":os": { ":base": "ubuntu2404" } },
    });
    await home.write({
      "appliances/small/marketplace.yaml": ENTRY.replace("'16384'", "'8192'"),
    });
    await home.run("marketplace", "small", "--url", "https://x.org/");
    expect(await read("output/small/metadata.yaml")).toContain("MEMORY: '8192'");
  });

  it("writes the entry alone on request", async () => {
    await home.run("marketplace", "small", "--url", "https://x.org/", "--entry-only");
    const names = await readdir(join(home.folder, "output/small"));
    expect(names).toContain("marketplace.yaml");
    expect(names).not.toContain("metadata.yaml");
  });
});

describe("vmbuild marketplace --check", () => {
  const filled = (text: string): string =>
    text
      .replace("https://PUBLISH_URL/", "https://x.org/")
      .replace("'PLACEHOLDER'", `'${md5}'`)
      .replace("'PLACEHOLDER'", `'${sha256}'`);

  it("checks all entries of a folder, and not the files beside them", async () => {
    await home.write({
      "repo/appliances/a/one.yaml": filled(ENTRY),
      "repo/appliances/a/metadata.yaml": "---\n:app: 1\n",
      "repo/appliances/b/two.yaml": filled(ENTRY).replace("logo: small.png\n", ""),
    });
    const ended = await home.run("marketplace", "--check", "repo/appliances");
    expect(ended).toMatchObject({ exitCode: 0, stdout: "2 entries: 0 errors, 1 warning" });
    expect(ended.stderr).toMatch(/two\.yaml:\d+:\d+: logo: is missing/);
  });

  it("names each error with its file and line, and entries of one identifier", async () => {
    const id = `id: ${UUID}\nname:`;
    await home.write({
      "repo/a.yaml": filled(ENTRY).replace("name:", id),
      "repo/b.yaml": filled(ENTRY).replace("name:", id).replace("  size: 1\n", ""),
    });
    const ended = await home.run("marketplace", "--check", "repo", "--json");
    expect(ended.exitCode).toBe(2);
    const { entries } = JSON.parse(ended.stdout) as { entries: { errors: string[] }[] };
    expect(entries.map(({ errors }) => errors.length)).toEqual([0, 2]);
    expect(ended.stderr).toMatch(/b\.yaml:\d+:\d+: images\[0\]\.size: is missing/);
    expect(ended.stderr).toContain("is also the identifier of repo/a.yaml");
  });

  it("refuses a path without entries", async () => {
    const ended = await home.run("marketplace", "--check", "nowhere");
    expect(ended).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ended.stderr).toContain("nowhere does not exist");
  });
});
