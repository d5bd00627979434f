/** `vmbuild diff`, with images of templates and published ones. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeArtifact } from "../../support/artifact.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
  await writeArtifact(home, "small", "old");
  await home.write({ "output/small/packages.txt": "bash\t5.2-1\tamd64\tdeb\n" });
  await mkdir(join(home.folder, "srv"));
  const flags = ["--to", "srv/small.img", "--metadata"];
  await home.run("publish", "small", ...flags);
  await writeArtifact(home, "small", "newer");
  await home.write({
    "output/small/packages.txt": "bash\t5.2-2\tamd64\tdeb\nzsh\t1\tamd64\tdeb\n",
  });
});
afterEach(() => home[Symbol.asyncDispose]());

describe("vmbuild diff", () => {
  it("compares a published image with the one that was built since", async () => {
    const { exitCode, stdout } = await home.run("diff", "srv/small.img", "small");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Packages upgraded (1):\n  bash  5.2-1  5.2-2  amd64\n");
    expect(stdout).toContain("Packages added (1):\n  zsh  1  amd64\n");
    expect(stdout).toContain("Sizes (1):\n  qcow2  3 B  5 B  +2 B\n");
  });

  it("prints JSON and Markdown", async () => {
    const json = await home.run("diff", "srv/small.img", "output/small", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      from: "srv/small.img",
      to: "output/small",
      packages: { added: [{ name: "zsh" }], changed: [{ name: "bash", direction: "upgraded" }] },
    });
    const { stdout } = await home.run("diff", "srv/small.img", "small", "--markdown");
    expect(stdout).toContain("## Changes from srv/small.img to small");
    expect(stdout).toContain("| bash | 5.2-1 | 5.2-2 | amd64 |");
  });

  it.each([
    [["srv/small.img", "nowhere"], 2, "nowhere not found"],
    [["srv", "small"], 4, "There is no manifest for srv"],
    [["srv/small.img", "small", "--json", "--markdown"], 2, "cannot be used with"],
  ])("refuses %j", async (flags, exit, words) => {
    const { exitCode, stderr } = await home.run("diff", ...flags);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(words);
    expect(exitCode).toBe(exit);
  });
});
