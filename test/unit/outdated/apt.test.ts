/** Release files, lists of packages, and the version that apt would choose. */
import { describe, expect, it } from "vitest";
import { PackagesReader } from "../../../src/outdated/apt-packages.js";
import { parseRelease } from "../../../src/outdated/apt-release.js";
import type { ReleaseOrder } from "../../../src/outdated/apt-release.js";
import type { FetchedIndex } from "../../../src/outdated/apt-repository.js";
import { parseAptSource } from "../../../src/outdated/packages.js";
import { findUpgrades } from "../../../src/outdated/upgrades.js";

const HEX = "a".repeat(64);

describe("parseRelease", () => {
  it("reads what is needed of Debian's release file", () => {
    const release = parseRelease(
      [
        "Origin: Debian Backports",
        "Date: Thu, 26 Nov 2026 14:08:12 UTC",
        "Valid-Until: Thu, 03 Dec 2026 14:08:12 UTC",
        "NotAutomatic: yes",
        "ButAutomaticUpgrades: yes",
        "Acquire-By-Hash: yes",
        "MD5Sum:",
        ` ${"0".repeat(32)}  8 main/binary-amd64/Packages.xz`,
        "SHA256:",
        ` ${HEX.toUpperCase()}  8788072 main/binary-amd64/Packages.xz`,
        ` ${HEX} 46 main/binary-amd64/Packages`,
        "",
      ].join("\r\n"),
    );
    expect(release).toMatchObject({
      ...{ date: "Thu, 26 Nov 2026 14:08:12 UTC", validUntil: "Thu, 03 Dec 2026 14:08:12 UTC" },
      ...{ byHash: true, order: "upgrades only" },
    });
    expect([...release.files.keys()]).toEqual([
      ...["main/binary-amd64/Packages.xz", "main/binary-amd64/Packages"],
    ]);
    expect(release.files.get("main/binary-amd64/Packages.xz")).toEqual({
      ...{ algorithm: "sha256", hex: HEX },
    });
  });

  it.each([
    ["Suite: stable", "normal"],
    ["NotAutomatic: yes", "never"],
    ["NotAutomatic: no", "normal"],
    ["ButAutomaticUpgrades: yes", "normal"],
  ])("ranks a repository with %s", (field, order) => {
    expect(parseRelease(`${field}\n`).order).toBe(order);
  });
});

function versionsOf(text: string) {
  const reader = new PackagesReader();
  for (const line of text.split("\n")) reader.line(line);
  return reader.end();
}

describe("PackagesReader", () => {
  it("keeps the newest version of each architecture, and no phased update", () => {
    const versions = versionsOf(
      [
        ...["Package: a", "Version: 1.0~rc1", "Architecture: amd64", "Description: Version: 9", ""],
        ...["Package: a", "Architecture: amd64", "Version: 1.0", ""],
        ...["Package: a", "Architecture: i386", "Version: 0.9", ""],
        ...["Package: b", "Version: 2", "Architecture: all", "Phased-Update-Percentage: 40", ""],
        ...["Package: b", "Version: 1", "Architecture: all"],
      ].join("\n"),
    );
    expect(Object.fromEntries(versions.get("a") ?? [])).toEqual({ amd64: "1.0", i386: "0.9" });
    expect(Object.fromEntries(versions.get("b") ?? [])).toEqual({ all: "1" });
  });
});

const index = (order: ReleaseOrder, ...entries: [string, string, string][]): FetchedIndex => ({
  release: { date: undefined, validUntil: undefined, byHash: false, order, files: new Map() },
  address: "http://example.org/InRelease",
  versions: versionsOf(
    entries
      .map(
        ([name, version, arch]) => `Package: ${name}\nVersion: ${version}\nArchitecture: ${arch}`,
      )
      .join("\n\n"),
  ),
});

const deb = (name: string, version: string, arch = "amd64") => ({
  ...({ type: "deb", name, version, arch } as const),
});

describe("findUpgrades", () => {
  it("finds what has a newer version, in any repository", () => {
    const main = index("normal", ["bash", "5.2-1", "amd64"], ["tz", "2026a-1", "all"]);
    const security = index("normal", ["bash", "5.2-1+deb12u1", "amd64"]);
    expect(
      findUpgrades([deb("bash", "5.2-1"), deb("tz", "2026a-1", "all")], [main, security]),
    ).toEqual([{ name: "bash", arch: "amd64", from: "5.2-1", to: "5.2-1+deb12u1" }]);
  });

  it("leaves out other architectures, newer installed versions and unknown packages", () => {
    const main = index("normal", ["a", "2", "i386"], ["b", "1", "amd64"]);
    expect(findUpgrades([deb("a", "1"), deb("b", "2"), deb("own", "1")], [main])).toEqual([]);
  });

  it("takes a package that became independent of the architecture", () => {
    const main = index("normal", ["a", "2", "all"]);
    expect(findUpgrades([deb("a", "1")], [main])).toHaveLength(1);
  });

  it("uses backports only for packages that came from there, and experimental never", () => {
    const main = index("normal", ["git", "2.39", "amd64"], ["linux", "6.1", "amd64"]);
    const backports = index("upgrades only", ["git", "2.45", "amd64"], ["linux", "6.12", "amd64"]);
    const experimental = index("never", ["git", "3", "amd64"], ["linux", "7", "amd64"]);
    expect(
      findUpgrades([deb("git", "2.39"), deb("linux", "6.10")], [main, backports, experimental]),
    ).toEqual([{ name: "linux", arch: "amd64", from: "6.10", to: "6.12" }]);
  });

  it("compares the newest of several installed versions of a package", () => {
    const main = index("normal", ["kernel", "6.2", "amd64"]);
    expect(findUpgrades([deb("kernel", "6.1"), deb("kernel", "6.2")], [main])).toEqual([]);
  });

  it("leaves rpm packages out", () => {
    const main = index("normal", ["a", "2", "amd64"]);
    expect(findUpgrades([{ type: "rpm", name: "a", version: "1", arch: "amd64" }], [main])).toEqual(
      [],
    );
  });
});

describe("parseAptSource", () => {
  it("lists every component and architecture", () => {
    const line = "deb http://archive.example.org/debian bookworm main contrib";
    expect(parseAptSource(line, ["amd64"])).toEqual([
      ...["main", "contrib"].map((component) => ({
        release: "http://archive.example.org/debian/dists/bookworm/",
        packages: `${component}/binary-amd64/Packages`,
      })),
    ]);
    expect(parseAptSource("deb https://x.org/apt/ stable/", ["amd64"])).toEqual([
      { release: "https://x.org/apt/stable/", packages: "Packages" },
    ]);
  });

  it.each(["deb-src http://x y main", "deb http://x bookworm", "deb http://x ./ main", "bookworm"])(
    "refuses %j",
    (line) => {
      expect(() => parseAptSource(line, [])).toThrow(`--apt-source "${line}" is not a source`);
    },
  );
});
