/** The order of versions, judged by dpkg, and the list of packages of this host. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { LIST_PACKAGES, readPackages } from "../../../src/packages/list.js";
import { compareVersions } from "../../../src/packages/versions.js";

const VERSIONS = [
  ...["1.0", "1.0-1", "1.0-1+b1", "1.0-1~bpo12+1", "1.0~rc1-1", "1.0+dfsg-1", "1:0.9-1"],
  ...["1.0a", "1.0.1", "1.00", "10.0", "2.0", "1.0-1.1", "1.0-01", "1.0~", "1.0~~", "0:1.0"],
];

describe("compareVersions", () => {
  it("agrees with dpkg", async () => {
    const pairs = VERSIONS.flatMap((one) => VERSIONS.map((other) => [one, other] as const));
    const script =
      'while read a b; do dpkg --compare-versions "$a" lt "$b" && echo lt || echo ge; done';
    const input = pairs.map((pair) => pair.join(" ")).join("\n");
    const { stdout } = await execa("sh", ["-c", script], { input: `${input}\n` });
    const ours = pairs.map(([a, b]) => (compareVersions("deb", a, b) < 0 ? "lt" : "ge"));
    const wrong = stdout.split("\n").flatMap((answer, index) => {
      return answer === ours[index] ? [] : [`${pairs[index]?.join(" ")}: ${answer}`];
    });
    expect(wrong).toEqual([]);
  });
});

describe("LIST_PACKAGES", () => {
  it("lists what dpkg lists, and the lists that apt reads", async () => {
    const { stdout } = await execa("sh", ["-c", LIST_PACKAGES]);
    const { os, packages, indexes } = readPackages(stdout.split("\n"));
    const dpkg = await execa("dpkg-query", ["-W", "-f", "${db:Status-Status} ${Package}\\n"]);
    const names = dpkg.stdout
      .split("\n")
      .flatMap((line) => /^installed (.*)/.exec(line)?.[1] ?? []);
    expect(packages.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    expect(os["ID"]).toBeDefined();
    expect(packages.find(({ name }) => name === "dpkg")).toMatchObject({ type: "deb" });
    const { stdout: targets } = await execa("apt-get", ["indextargets", "--format", "$(URI)"]);
    const addresses = indexes.map(({ release, packages: path }) => `${release}${path}`);
    const lists = targets.split("\n").filter((line) => /^http.*\/Packages$/.test(line));
    expect(addresses).toEqual(lists);
    const left = (await readdir("/run")).filter((name) => name.startsWith("vmbuild-apt-lists"));
    expect(left).toEqual([]);
  });

  it("leaves no caches of apt", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vmbuild-apt-"));
    try {
      // The configuration of container images turns the caches off.
      const caches = "-o Dir::Cache::pkgcache=p.bin -o Dir::Cache::srcpkgcache=s.bin";
      const { stdout: apt } = await execa("sh", ["-c", "command -v apt-get"]);
      await mkdir(join(folder, "bin"));
      await writeFile(
        join(folder, "bin/apt-get"),
        `#!/bin/sh\nexec ${apt} -o Dir::Cache=${folder} ${caches} "$@"\n`,
        { mode: 0o755 },
      );
      const PATH = `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`;
      const { stdout } = await execa("sh", ["-c", LIST_PACKAGES], { env: { PATH } });
      expect(readPackages(stdout.split("\n")).indexes).not.toEqual([]);
      expect(await readdir(folder)).not.toContain("p.bin");
      expect(await readdir(folder)).not.toContain("s.bin");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
