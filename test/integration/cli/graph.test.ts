/**
 * Templates whose bases are the images of others. The builds are real, but need no guest: an
 * installed disk from the cache, which no step changes, is published as it is.
 */
import { rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { cacheInstalledDisk } from "../../support/installed-disk.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
  vi.stubEnv("XDG_CACHE_HOME", dirname(home.cache));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await home[Symbol.asyncDispose]();
});

const MACHINE = { accelerator: "tcg", memory: "64M", disk: "1G" };
const ROOT = {
  name: "root",
  base: { install: { kernel: { path: "linux" } } },
  machine: MACHINE,
  seal: false,
};
const on = (name: string, base: string): object => ({
  ...{ name, base: { appliance: base }, machine: MACHINE, seal: false },
});
const path = (name: string): string => `appliances/${name}/${name}.json`;

/** Puts an installed disk into the cache, as if the installer of `root` had created it. */
const install = (digest: string): Promise<void> => cacheInstalledDisk(home, path("root"), digest);

/** Returns the results in the list at the end of a run. */
const overview = (stderr: string): string[] =>
  (stderr.split("\n\n").at(-1) ?? "")
    .trim()
    .split("\n")
    .map((line) =>
      line
        .replaceAll(/ in [\d.]+m?s.*/g, "")
        .replaceAll(/ {2,}/g, " ")
        .trim(),
    );

/** Returns the graph as lines of name, state and reason. */
async function graph(...args: string[]): Promise<string[]> {
  const { stdout } = await home.run("graph", ...args);
  return stdout.split("\n").map((line) => line.replaceAll(/(?<=\S) {2,}/g, " | "));
}

describe("a chain of templates", () => {
  beforeEach(async () => {
    await home.write({
      [path("leaf")]: on("leaf", "mid"),
      [path("mid")]: on("mid", "../root/root.json"),
      [path("root")]: ROOT,
      [path("twin")]: on("twin", "root"),
      "appliances/root/linux": "kernel",
    });
    await install("a".repeat(64));
  });

  it("is built in order, up to date in a second call, and rebuilt where its base changes", async () => {
    expect(await graph()).toEqual([
      "root | not built | no run on this host has built it",
      "  mid | not built | no run on this host has built it",
      "    leaf | not built | no run on this host has built it",
      "  twin | not built | no run on this host has built it",
    ]);

    const first = await home.run("run", "leaf");
    expect(first.exitCode).toBe(0);
    expect(overview(first.stderr)).toEqual(["root built", "mid built", "leaf built"]);
    // Only the named template is a result.
    expect(first.stdout).toBe(join(home.folder, "output/leaf/leaf-0.0.0.qcow2"));

    const all = await home.run("run", "--all", "--parallel", "2");
    expect(all.exitCode).toBe(0);
    expect(overview(all.stderr)).toEqual([
      ...["root up to date", "mid up to date", "leaf up to date", "twin built"],
    ]);
    const current = [
      ...["root | up to date", "  mid | up to date"],
      ...["    leaf | up to date", "  twin | up to date"],
    ];
    expect(await graph()).toEqual(current);

    // Without the records of the builds, the images are known by the keys beside them.
    await rm(home.builds, { recursive: true });
    expect(await graph()).toEqual(current);
    await expect(stat(home.builds)).rejects.toThrow("ENOENT");
    const restored = await home.run("run", "mid");
    expect(restored.stderr).toContain("Cache hit: ");
    expect(overview(restored.stderr)).toEqual(["root up to date", "mid up to date"]);

    await install("b".repeat(64));
    const explained = await home.run("run", "leaf", "--explain");
    expect(explained.stdout).not.toContain("up to date");
    const [root, mid] = await graph("leaf");
    expect(root).toMatch(/^root \| out of date \| /);
    expect(mid).toBe("  mid | out of date | its base root is out of date");

    const kept = await home.run("run", "leaf", "--no-bases");
    expect(kept.stderr).toContain("leaf 0.0.0 is up to date");
    const last = await home.run("run", "leaf", "twin", "--json");
    expect(overview(last.stderr)).toEqual(["root built", "mid built", "leaf built", "twin built"]);
    expect(JSON.parse(last.stdout)).toMatchObject({
      results: [
        { name: "leaf", upToDate: false },
        { name: "twin", upToDate: false },
      ],
      bases: [{ name: "root" }, { name: "mid" }],
    });
    expect(await graph("twin")).toEqual(["root | up to date", "  twin | up to date"]);
  }, 180_000);

  it("is not built where a base fails, and all others are", async () => {
    await home.write({
      [path("mid")]: { ...on("mid", "root"), machine: { ...MACHINE, memory: "900G" } },
    });
    const { exitCode, stderr } = await home.run("run", "--all");
    expect(exitCode).toBe(3);
    expect(overview(stderr)).toEqual([
      "root built",
      expect.stringMatching(/^mid failed after .*: HOST_MEMORY$/),
      "leaf not built: its base mid failed",
      "twin built",
    ]);
    const one = await home.run("run", "leaf", "--json");
    expect(one.exitCode).toBe(3);
    expect(one.stdout.split("\n")).toHaveLength(1);
    expect(JSON.parse(one.stdout)).toMatchObject({
      name: "leaf",
      failedBase: "mid",
      error: { code: "HOST_MEMORY" },
      bases: [{ name: "root" }, { error: { code: "HOST_MEMORY" } }],
    });
  });

  it("goes to one folder with --output, from which bases are taken", async () => {
    const { exitCode, stderr } = await home.run("run", "root", "twin", "--output", "images");
    expect(stderr).toContain("twin 0.0.0 built in");
    expect(exitCode).toBe(0);
    expect(await graph("root", "twin", "--output", "images")).toEqual([
      ...["root | up to date", "  twin | up to date"],
    ]);
  });

  it("is drawn as DOT and SVG, and printed as JSON, without changing anything", async () => {
    const dot = await home.run("graph", "leaf", "--format", "dot");
    expect(dot.stdout).toContain('"root" -> "mid";');
    const svg = await home.run("graph", "leaf", "--format", "svg");
    expect(svg.stdout).toMatch(/^<svg [^]*<title>leaf: not built: [^]*<\/svg>$/);
    const json = await home.run("graph", "mid", "--format", "json");
    expect(JSON.parse(json.stdout)).toEqual({
      templates: [
        {
          name: "root",
          version: "0.0.0",
          template: join(home.folder, path("root")),
          extends: [],
          base: null,
          state: "not built",
          reason: "no run on this host has built it",
          image: null,
        },
        expect.objectContaining({ name: "mid", base: "root" }),
      ],
    });
    await expect(stat(home.builds)).rejects.toThrow("ENOENT");
  });
});

describe("vmbuild run", () => {
  it("needs names or --all, and not both", async () => {
    const none = await home.run("run");
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain("No template is given");
    const both = await home.run("run", "demo", "--all");
    expect(both.stderr).toContain("--all and names of templates are mutually exclusive");
    const empty = await home.run("run", "--all", "--appliances", "none");
    expect(empty.stderr).toContain("[TEMPLATE_NOT_FOUND]");
  });

  it("refuses bases that form a cycle, and names them", async () => {
    await home.write({ [path("a")]: on("a", "b"), [path("b")]: on("b", "a") });
    const { exitCode, stderr } = await home.run("run", "a");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("a -> b -> a");
  });

  it("applies a variable with --all to the templates that declare it", async () => {
    await home.write({
      [path("a")]: { name: "a", base: { path: "/none" }, variables: { x: { default: 1 } } },
      [path("b")]: { name: "b", base: { path: "/none" } },
    });
    expect((await home.run("graph", "--var", "x=2")).exitCode).toBe(0);
    const { stderr } = await home.run("graph", "--var", "y=2");
    expect(stderr).toContain('--var y: no template declares "y"');
  });
});
