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
      "appliances/small/marketplace.yaml": ENTRY.replace(
        "hypervisor: KVM",
        "hypervisor: Xen",
      ).replace("logo: small.png\n", ""),
    });
    const ended = await home.run("marketplace", "small", "--url", "https://x.org/");
    expect(ended).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ended.stderr).toContain("has 2 problems");
    expect(ended.stderr).toContain("hypervisor: expected one of");
    expect(ended.stderr).toContain("logo: is missing");
    expect(await readdir(join(home.folder, "output/small"))).not.toContain("marketplace.yaml");
  });

  it.each([
    [["--url", "ftp://x.org/"], 2, "is not an http(s) URL"],
    [["--url", "https://x.org/", "--uuid", "123"], 2, "--uuid 123 is not a UUID"],
    [["--url", "https://x.org/", "--image", "elsewhere"], 4, "has no finished image"],
    [[], 2, "required option '--url <url>'"],
  ])("refuses %j", async (flags, exit, words) => {
    const { exitCode, stderr } = await home.run("marketplace", "small", ...flags);
    expect(exitCode).toBe(exit);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(words);
  });
});
