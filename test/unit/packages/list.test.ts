/** The answer of dpkg and rpm, and `packages.txt`. */
import { describe, expect, it } from "vitest";
import { formatPackages, parsePackages, readPackages } from "../../../src/packages/list.js";

const LINES = [
  'vmbuild-os PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
  "vmbuild-os ID=debian",
  'vmbuild-os VERSION_ID="12"',
  "vmbuild-deb install ok installed\tzlib1g\t1:1.2.13.dfsg-1\tamd64\tzlib\t1:1.2.13.dfsg-1\tMark B <b@x>\tcompression library - runtime",
  "vmbuild-deb install ok installed\tbash\t5.2.15-2+b7\tamd64\tbash\t5.2.15-2\tMatthias K <k@x>\tGNU Bourne Again SHell",
  "vmbuild-deb deinstall ok config-files\told\t1.0\tamd64\told\t1.0\tA\tB",
  "noise",
];

describe("readPackages", () => {
  it("reads dpkg's answer, without packages of which only configuration is left", () => {
    const { os, packages } = readPackages(LINES);
    expect(os).toMatchObject({ ID: "debian", VERSION_ID: "12" });
    expect(packages).toEqual([
      {
        ...{ type: "deb", name: "bash", version: "5.2.15-2+b7", arch: "amd64" },
        source: { name: "bash", version: "5.2.15-2" },
        ...{ supplier: "Matthias K <k@x>", summary: "GNU Bourne Again SHell" },
      },
      {
        ...{ type: "deb", name: "zlib1g", version: "1:1.2.13.dfsg-1", arch: "amd64" },
        source: { name: "zlib" },
        ...{ supplier: "Mark B <b@x>", summary: "compression library - runtime" },
      },
    ]);
  });

  it("reads rpm's answer, without keys of signatures", () => {
    const { packages } = readPackages([
      "vmbuild-rpm gpg-pubkey\t0\tb86b3716\t61e69f29\t(none)\t(none)\tpubkey\t(none)\tkey",
      "vmbuild-rpm bind-libs\t32\t9.16.23\t18.el9\tx86_64\tbind-9.16.23-18.el9.src.rpm\tMPLv2.0\tRocky\tLibraries",
      "vmbuild-rpm bash\t0\t5.1.8\t9.el9\tx86_64\tbash-5.1.8-9.el9.src.rpm\tGPLv3+\t(none)\tThe shell",
    ]);
    expect(packages).toEqual([
      {
        ...{ type: "rpm", name: "bash", version: "5.1.8-9.el9", arch: "x86_64" },
        ...{ summary: "The shell", license: "GPLv3+" },
      },
      {
        ...{ type: "rpm", name: "bind-libs", version: "32:9.16.23-18.el9", arch: "x86_64" },
        source: { name: "bind", version: "9.16.23-18.el9" },
        ...{ supplier: "Rocky", summary: "Libraries", license: "MPLv2.0" },
      },
    ]);
  });

  it("reads the sources of apt that are reached over HTTP, without credentials", () => {
    const { indexes } = readPackages([
      "vmbuild-index http://archive.example.org/debian/dists/sid/main/binary-amd64/Packages\tmain/binary-amd64/Packages",
      "vmbuild-index https://me:secret@x.org/apt/./Packages\tPackages",
      "vmbuild-index cdrom:[Debian]/dists/sid/main/binary-amd64/Packages\tmain/binary-amd64/Packages",
    ]);
    expect(indexes).toEqual([
      {
        release: "http://archive.example.org/debian/dists/sid/",
        packages: "main/binary-amd64/Packages",
      },
      { release: "https://x.org/apt/", packages: "Packages" },
    ]);
  });

  it("finds nothing in a guest without either", () => {
    expect(readPackages(["vmbuild-os ID=alpine"]).packages).toEqual([]);
  });
});

describe("packages.txt", () => {
  it("is read as it was written", () => {
    const { packages } = readPackages(LINES);
    const text = formatPackages(packages);
    expect(text.split("\n")[0]).toBe("bash\t5.2.15-2+b7\tamd64\tdeb");
    expect(parsePackages(text)).toEqual(
      packages.map(({ type, name, version, arch }) => ({ type, name, version, arch })),
    );
  });
});
