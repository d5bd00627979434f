/** Archives of patches, collected and used on a system of Debian's packages with the real apt. */
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SIGN, SUM, packPatches } from "../../support/patches.js";
import { PACKAGES } from "../../support/rpm-tree.js";
import { createTree } from "../../support/tree.js";
import type { Tree, TreeEnd } from "../../support/tree.js";

const OUT = "/var/lib/patches";
const ARCHIVE = "/root/patches.tgz";
const KEY = "/root/key.asc";
const TIMEOUT_MS = 300_000;

let tree: Tree;
beforeAll(async () => {
  tree = await createTree(PACKAGES);
  await tree.copy(resolve("provisioners"), "/provisioners");
  await tree.ask(`set -e
    rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
    gpg --batch --quiet --passphrase '' --quick-generate-key test@example.org rsa2048 sign never
    gpg --batch --armor --export test@example.org >${KEY}
    gpg --batch --export test@example.org >/etc/apt/mirror.gpg
    echo 'deb [signed-by=/etc/apt/mirror.gpg] file:/mirror ./' >/etc/apt/sources.list`);
  await publish(deb("library", "1:1.0", "first"), deb("tool", "1.0", "", "library"));
  await tree.ask("apt-get -q update && apt-get -qy install tool");
}, 900_000);
afterAll(() => tree[Symbol.asyncDispose]());

/** Returns shell code that builds a package into the mirror, with a changelog. */
function deb(name: string, version: string, change: string, depends = ""): string {
  const file = `/mirror/${name}_${version.replace(":", "%3a")}_all.deb`;
  return `rm -rf /tmp/deb; mkdir -p /tmp/deb/DEBIAN /tmp/deb/usr/share/doc/${name} /mirror
    printf '%s\\n' 'Package: ${name}' 'Version: ${version}' 'Architecture: all' \\
      'Maintainer: Test <test@example.org>' ${depends && `'Depends: ${depends}'`} 'Description: test' >/tmp/deb/DEBIAN/control
    { printf '${name} (${version}) test; urgency=high\\n\\n  * ${change}\\n\\n'
      cat /root/changelog-${name} 2>/dev/null || true; } >/root/changelog.new
    mv /root/changelog.new /root/changelog-${name}
    gzip -9nc /root/changelog-${name} >/tmp/deb/usr/share/doc/${name}/changelog.Debian.gz
    # The changelog of the program itself, whose entries have other titles.
    echo 'Release 0.1: fixes CVE-2001-0001' | gzip -9n >/tmp/deb/usr/share/doc/${name}/changelog.gz
    dpkg-deb --root-owner-group --build /tmp/deb ${file} >/dev/null`;
}

/** Adds packages to the mirror, and signs its lists. */
const publish = (...builds: string[]): Promise<string> =>
  tree.ask(`set -e
    ${builds.join("\n")}
    cd /mirror; : >Packages
    for file in *.deb; do
      { dpkg-deb --field $file; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' $file \\
        $(stat -c %s $file) $(sha256sum <$file | cut -d ' ' -f 1); } >>Packages
    done
    printf 'Origin: Test\\nLabel: Test\\nSuite: stable\\nDate: %s\\nSHA256:\\n %s %s Packages\\n' \\
      "$(date -u -R | sed 's/+0000$/UTC/')" $(sha256sum <Packages | cut -d ' ' -f 1) $(stat -c %s Packages) >Release
    gpg --batch --quiet --yes --clearsign --output InRelease Release`);

const collect = (args: string): Promise<TreeEnd> =>
  tree.run(`/provisioners/70-collect-patches.sh ${args}`);
const use = (args: string, variables = {}): Promise<TreeEnd> =>
  tree.run(`/provisioners/16-use-patches.sh ${args}`, variables);
const upgrade = (): Promise<TreeEnd> => tree.run("/provisioners/10-upgrade.sh");
const installed = (name: string): Promise<string> =>
  tree.ask("dpkg-query -W -f '${Version}' " + name);
const rollBack = (): Promise<string> =>
  tree.ask("dpkg --install /mirror/library_1%3a1.0_all.deb >/dev/null; dpkg --purge extra");

describe("70-collect-patches.sh with apt", { timeout: TIMEOUT_MS }, () => {
  it("collects the newest package of each, as a repository, with the CVEs of changelogs", async () => {
    expect((await collect("--begin")).exitCode).toBe(0);
    await publish(
      deb("library", "1:1.1", "Fix CVE-2026-0001."),
      deb("library", "1:1.2", "Fix CVE-2026-0002."),
      deb("extra", "3.0", "New, CVE-2020-9999."),
      deb("unused", "1.0", "New."),
    );
    expect((await upgrade()).exitCode).toBe(0);
    await tree.ask("apt-get -qy install extra");
    const { exitCode, output } = await collect(`--collect ${OUT}`);
    expect(output).toContain(`Collected 2 packages in ${OUT}`);
    expect(exitCode).toBe(0);
    expect(await tree.ask(`cd ${OUT} && ls -d *`)).toBe(
      [
        ...["Packages", "Packages.gz", "Release", "SHA256SUMS", "extra_3.0_all.deb"],
        ...["library_1-1.2_all.deb", "packages.txt", "security_advisories.txt"],
      ].join("\n"),
    );
    expect(await tree.ask(`tail -n 1 ${OUT}/security_advisories.txt`)).toBe(
      "library 1:1.0 -> 1:1.2: CVE-2026-0001 CVE-2026-0002",
    );
    await tree.ask(`cd ${OUT} && sha256sum --check --strict --quiet SHA256SUMS`);
  });

  it("refuses a package that no repository has any more", async () => {
    expect((await collect("--begin")).exitCode).toBe(0);
    await publish(deb("library", "1:1.3", "Fix."));
    expect((await upgrade()).exitCode).toBe(0);
    await publish("rm /mirror/library_1%3a1.3_all.deb");
    await tree.ask("apt-get -q update");
    const { exitCode, output } = await collect("--collect /var/lib/other");
    expect(output).toContain("no repository has the package that is installed as");
    expect(exitCode).toBe(1);
    await rollBack();
  });
});

describe("16-use-patches.sh with apt", { timeout: TIMEOUT_MS }, () => {
  it("gives a later build the packages of the archive, and not newer ones", async () => {
    const sum = await packPatches(tree, { folder: OUT, archive: ARCHIVE });
    await publish(deb("library", "1:1.4", "Fix."));
    const used = await use(`${ARCHIVE} ${sum}`);
    expect(used.output).toBe("");
    expect(used.exitCode).toBe(0);
    expect((await use("--check")).exitCode).toBe(1);
    const upgraded = await upgrade();
    expect(upgraded.output).not.toContain("pending");
    expect(upgraded.exitCode).toBe(0);
    expect(await installed("library")).toBe("1:1.2");
    expect((await use("--restore")).exitCode).toBe(0);
    expect(
      await tree.ask("ls /etc/apt/sources.list.d /etc/apt/preferences.d | grep vmbuild || true"),
    ).toBe("");
    await rollBack();
  });

  it("lets apt check the signature of the archive's own key, in place of a sum", async () => {
    const release = "gpg --batch --quiet --yes --clearsign --output InRelease Release";
    const change = `${release}; ${SUM}; ${SIGN}`;
    await packPatches(tree, { folder: OUT, archive: ARCHIVE, change });
    const used = await use(ARCHIVE, { PATCHES_KEY: KEY });
    expect(used.output).toBe("");
    expect(await tree.ask("cat /etc/apt/sources.list.d/vmbuild-patches.sources")).toContain(
      "Signed-By: /etc/apt/vmbuild-patches.gpg",
    );
    expect((await upgrade()).exitCode).toBe(0);
    expect(await installed("library")).toBe("1:1.2");
    // What is altered in place is not installed any more, where no other repository has it.
    await rollBack();
    await publish("rm /mirror/library_1%3a1.2_all.deb");
    await tree.ask("apt-get clean; echo >>/var/lib/vmbuild-patches.d/library_1-1.2_all.deb");
    expect((await upgrade()).exitCode).not.toBe(0);
    expect(await installed("library")).toBe("1:1.0");
    await use("--restore");
  });

  it("refuses an altered archive, and one that is signed with another key", async () => {
    const change = "echo >>library_1-1.2_all.deb";
    const sum = await packPatches(tree, { folder: OUT, archive: ARCHIVE, change });
    expect((await use(`${ARCHIVE} ${sum}`)).output).toContain("was altered");
    await packPatches(tree, { folder: OUT, archive: ARCHIVE, change: SIGN });
    await tree.ask(`gpg --batch --quiet --passphrase '' --quick-generate-key other@example.org rsa2048 sign never
      gpg --batch --export other@example.org >/root/other.gpg`);
    const other = await use(ARCHIVE, { PATCHES_KEY: "/root/other.gpg" });
    expect(other.output).toContain(`the signature of ${ARCHIVE} is not valid`);
    expect(other.exitCode).toBe(1);
    expect((await use("--check")).exitCode).toBe(0);
  });
});
