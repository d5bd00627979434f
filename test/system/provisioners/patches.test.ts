/** Archives of patches, collected and used on systems of rpm's packages with the real dnf and zypper. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SIGN, SUM, makeWheels, packPatches } from "../../support/patches.js";
import { KEY_PATH, ZYPPER_PATH, createRpmTree, repoFile } from "../../support/rpm-tree.js";
import type { RpmTree } from "../../support/rpm-tree.js";
import type { TreeEnd } from "../../support/tree.js";

const REPOS = "/etc/yum.repos.d";
const OUT = "/var/lib/patches";
/** dnf takes seconds for each call, and most tests call it several times. */
const TIMEOUT_MS = 300_000;
const ARCHIVE = "/root/patches.tgz";

let tree: RpmTree;
beforeAll(async () => {
  tree = await createRpmTree();
  await tree.publish(
    "/mirror",
    { name: "library", version: "1.0", epoch: 1 },
    { name: "tool", version: "1.0", requires: "library" },
  );
  await putRepo(`${REPOS}/own.repo`, "own", "file:///mirror");
  await tree.ask("dnf -qy install tool");
}, 900_000);
afterAll(() => tree[Symbol.asyncDispose]());

const putRepo = (path: string, id: string, url: string): Promise<string> =>
  tree.ask(`mkdir -p "$(dirname ${path})"; cat >${path} <<'REPO'\n${repoFile(id, url)}REPO`);
const collect = (args: string, variables = {}): Promise<TreeEnd> =>
  tree.run(`/provisioners/70-collect-patches.sh ${args}`, variables);
const use = (args: string, variables = {}): Promise<TreeEnd> =>
  tree.run(`/provisioners/16-use-patches.sh ${args}`, variables);
const upgrade = (): Promise<TreeEnd> => tree.run("/provisioners/10-upgrade.sh");
const installed = (...names: string[]): Promise<string> =>
  tree.ask(`rpm -q --qf '%{NAME} %{VERSION}\\n' ${names.join(" ")}`);
/** Returns the system to the packages of the image before the patches. */
const rollBack = (): Promise<string> =>
  tree.ask(`set -e; rm -rf /var/lib/vmbuild-patches
    dnf -qy --disablerepo='*' --repofrompath=old,file:///mirror --setopt=old.gpgcheck=0 downgrade library-1:1.0
    if rpm -q --quiet extra; then dnf -qy remove extra; fi`);

const ADVISORY = `<updates><update from="test" status="final" type="security" version="1">
<id>TEST-2026:1</id><title>library security update</title><severity>Important</severity>
<issued date="2026-01-02 00:00:00"/><updated date="2026-01-02 00:00:00"/>
<references><reference href="https://example.org/CVE-2026-0001" id="CVE-2026-0001" type="cve" title="CVE-2026-0001"/></references>
<description>An overflow.</description>
<pkglist><collection short="test"><name>test</name>
<package name="library" version="1.2" release="1" epoch="1" arch="noarch" src="library-1.2-1.src.rpm"><filename>library-1.2-1.noarch.rpm</filename></package>
</collection></pkglist></update></updates>`;

const advise = (folder: string): Promise<string> =>
  tree.ask(
    `cat >/tmp/updateinfo.xml <<'XML'\n${ADVISORY}\nXML\nmodifyrepo_c /tmp/updateinfo.xml ${folder}/repodata`,
  );

describe("70-collect-patches.sh with dnf", { timeout: TIMEOUT_MS }, () => {
  it("requires to be called before the updates", async () => {
    const { exitCode, output } = await collect(`--collect ${OUT}`);
    expect(exitCode).toBe(1);
    expect(output).toContain("run it with --begin before the updates");
    expect((await collect("--collect relative")).output).toContain("not the absolute path");
    expect((await collect("")).output).toContain("usage:");
  });

  it("collects the newest package of each that was updated or added, and its advisories", async () => {
    await tree.publish(
      "/mirror",
      { name: "library", version: "1.1", epoch: 1 },
      { name: "library", version: "1.2", epoch: 1 },
      { name: "extra", version: "3.0" },
      { name: "unused", version: "1.0" },
    );
    await advise("/mirror");
    expect((await collect("--begin")).exitCode).toBe(0);
    expect((await upgrade()).exitCode).toBe(0);
    await tree.ask("dnf -qy install extra");
    const { exitCode, output } = await collect(`--collect ${OUT}`);
    expect(output).toContain(`Collected 2 packages in ${OUT}`);
    expect(exitCode).toBe(0);
    expect(await tree.ask(`cd ${OUT} && ls -d *`)).toBe(
      [
        ...["SHA256SUMS", "extra-3.0-1.noarch.rpm", "library-1.2-1.noarch.rpm", "packages.txt"],
        ...["repodata", "security_advisories.txt"],
      ].join("\n"),
    );
    expect(await tree.ask(`cat ${OUT}/packages.txt`)).toBe(
      "extra\t3.0-1\tnoarch\trpm\nlibrary\t1:1.2-1\tnoarch\trpm",
    );
    const advisories = await tree.ask(`cat ${OUT}/security_advisories.txt`);
    expect(advisories).toContain("TEST-2026:1");
    expect(advisories).toContain("CVE-2026-0001");
    await tree.ask(`cd ${OUT} && sha256sum --check --strict --quiet SHA256SUMS`);
    expect(
      (await tree.run("ls -d /var/tmp/vmbuild-patches* /var/lib/vmbuild-patches")).exitCode,
    ).not.toBe(0);
  });

  it("collects the wheels of requirements with what they need", async () => {
    await makeWheels(tree, "/pypi");
    await tree.ask("echo 'one>=1.0' >/root/requirements.txt");
    const pip = { PIP_FIND_LINKS: "/pypi", PIP_NO_INDEX: "1" };
    const requirements = { PATCHES_REQUIREMENTS: "/root/requirements.txt", ...pip };
    await tree.ask("/provisioners/70-collect-patches.sh --begin");
    const { exitCode, output } = await collect("--collect /var/lib/wheels", requirements);
    expect(output).toContain("Collected 0 packages");
    expect(exitCode).toBe(0);
    expect(await tree.ask("cd /var/lib/wheels/wheels && ls")).toBe(
      "one-1.0-py3-none-any.whl\nrequirements.txt\ntwo-2.0-py3-none-any.whl",
    );
    expect(await tree.ask("cat /var/lib/wheels/security_advisories.txt")).toContain(
      "no security advisories",
    );
    const install = `python3 -m pip install -q --break-system-packages --root-user-action=ignore --no-index --find-links /var/lib/wheels/wheels --target /tmp/site -r /var/lib/wheels/wheels/requirements.txt`;
    await tree.ask(install);
    expect(await tree.ask("PYTHONPATH=/tmp/site python3 -c 'import two; print(two.VERSION)'")).toBe(
      "2.0",
    );
    await tree.ask(
      "echo missing >/root/requirements.txt; /provisioners/70-collect-patches.sh --begin",
    );
    const failed = await collect("--collect /var/lib/wheels", requirements);
    expect(failed.exitCode).toBe(1);
    expect(failed.output).toContain("pip cannot collect the wheels");
  });
});

describe("16-use-patches.sh with dnf", { timeout: TIMEOUT_MS }, () => {
  it("gives a later build the packages of the archive, and not newer ones", async () => {
    const sum = await packPatches(tree, { folder: OUT, archive: ARCHIVE });
    await rollBack();
    await tree.publish("/mirror", { name: "library", version: "1.3", epoch: 1 });
    const { exitCode, output } = await use(`${ARCHIVE} sha256:${sum}`);
    expect(output).toBe("");
    expect(exitCode).toBe(0);
    expect((await use("--check")).exitCode).toBe(1);
    const upgraded = await upgrade();
    expect(upgraded.output).not.toContain("pending");
    expect(upgraded.exitCode).toBe(0);
    expect(await installed("library", "tool")).toBe("library 1.2\ntool 1.0");
    expect((await use("--restore")).exitCode).toBe(0);
    expect((await use("--restore")).exitCode).toBe(0);
    expect((await use("--check")).exitCode).toBe(0);
    expect(await tree.ask(`ls -A ${REPOS}`)).toBe("own.repo");
  });

  it("accepts the signature of a key in place of the sum, and no other", async () => {
    await packPatches(tree, { folder: OUT, archive: ARCHIVE, change: SIGN });
    expect((await use(ARCHIVE, { PATCHES_KEY: KEY_PATH })).output).toBe("");
    await use("--restore");
    await tree.ask(`gpg --batch --quiet --passphrase '' --quick-generate-key other@example.org rsa2048 sign never
      gpg --batch --export other@example.org >/root/other.gpg`);
    const other = await use(ARCHIVE, { PATCHES_KEY: "/root/other.gpg" });
    expect(other.exitCode).toBe(1);
    expect(other.output).toContain(`the signature of ${ARCHIVE} is not valid`);
    await packPatches(tree, {
      folder: OUT,
      archive: ARCHIVE,
      change: `${SIGN}; echo x >x; ${SUM}`,
    });
    expect((await use(ARCHIVE, { PATCHES_KEY: KEY_PATH })).output).toContain("is not valid");
    await packPatches(tree, { folder: OUT, archive: ARCHIVE });
    expect((await use(ARCHIVE, { PATCHES_KEY: KEY_PATH })).output).toContain("is not signed");
    expect((await use("--check")).exitCode).toBe(0);
  });

  it.each([
    ["a changed file", "echo x >>packages.txt", "was altered"],
    ["a missing file", "rm library-1.2-1.noarch.rpm", "was altered"],
    ["a further file", "echo x >more.rpm", "contains files that its SHA256SUMS does not list"],
    ["no sums", "rm SHA256SUMS", "has no SHA256SUMS"],
    ["a link", "ln -s /etc/passwd link", "contains links or devices"],
    [
      "two folders",
      'mkdir ../other; tar() { command tar "$@" other; }',
      "does not consist of one folder",
    ],
    [
      "a path outside",
      "echo x >../x; tar() { command tar \"$@\" --transform 's,^x$,../x,' -P x; }",
      "contains a path outside",
    ],
  ])("refuses an archive with %s", async (_, change, words) => {
    const sum = await packPatches(tree, { folder: OUT, archive: ARCHIVE, change });
    const { exitCode, output } = await use(`${ARCHIVE} ${sum}`);
    expect(output).toContain(words);
    expect(exitCode).toBe(1);
    expect(await tree.ask(`ls -A ${REPOS}`)).toBe("own.repo");
  });

  it("refuses another archive than the one of the sum, and none", async () => {
    const sum = await packPatches(tree, { folder: OUT, archive: ARCHIVE });
    const wrong = `${sum.slice(0, -1)}${sum.endsWith("0") ? "1" : "0"}`;
    const cases = [
      [`${ARCHIVE} ${wrong}`, "the archive is not the one that was published"],
      [`${ARCHIVE} 1234`, "1234 is not a sha256"],
      [ARCHIVE, "the sha256 of the archive, or PATCHES_KEY, is missing"],
      [`/nowhere.tgz ${sum}`, "/nowhere.tgz is not a file"],
      ["", "usage:"],
    ] as const;
    for (const [args, words] of cases) {
      const { exitCode, output } = await use(args);
      expect(output).toContain(words);
      expect(exitCode).toBe(1);
    }
  });

  it("does not install a package of the archive without a valid signature", async () => {
    await rollBack();
    await tree.publishUnsigned("/unsigned", { name: "library", version: "1.2", epoch: 1 });
    const change = `cp /unsigned/library-1.2-1.noarch.rpm .; createrepo_c --quiet .; ${SUM}`;
    const sum = await packPatches(tree, { folder: OUT, archive: ARCHIVE, change });
    expect((await use(`${ARCHIVE} ${sum}`)).exitCode).toBe(0);
    const { exitCode } = await upgrade();
    expect(exitCode).not.toBe(0);
    expect(await installed("library")).toBe("library 1.0");
    await use("--restore");
  });
});

describe("70-collect-patches.sh", { timeout: TIMEOUT_MS }, () => {
  beforeAll(() => rollBack(), TIMEOUT_MS);

  it("refuses packages without a signature, unless they are accepted", async () => {
    await tree.ask("/provisioners/70-collect-patches.sh --begin");
    await tree.ask("sed -i s/^gpgcheck=1/gpgcheck=0/ /etc/yum.repos.d/own.repo");
    await tree.publishUnsigned("/mirror", { name: "bare", version: "1.0" });
    await tree.ask("dnf -qy install bare");
    const { exitCode, output } = await collect(`--collect ${OUT}`);
    expect(output).toContain("bare-1.0-1.noarch.rpm has no valid signature");
    expect(exitCode).toBe(1);
    expect((await collect(`--collect ${OUT}`, { PATCHES_UNSIGNED: "yes" })).exitCode).toBe(0);
  });

  it("refuses what the repositories do not have, or have changed since", async () => {
    await tree.ask("/provisioners/70-collect-patches.sh --begin; dnf -qy upgrade");
    await tree.publish("/mirror", { name: "library", version: "1.3", epoch: 1 });
    const changed = await collect(`--collect ${OUT}`);
    expect(changed.output).toContain("is another package than the installed one");
    expect(changed.exitCode).toBe(1);
    await tree.ask(
      "rm /mirror/library-1.3-1.noarch.rpm; createrepo_c --quiet /mirror; dnf -q clean expire-cache",
    );
    const gone = await collect(`--collect ${OUT}`);
    expect(gone.output).toMatch(/cannot download the packages again|no repository has the package/);
    expect(gone.exitCode).toBe(1);
  });
});

describe("a system with zypper", { timeout: TIMEOUT_MS }, () => {
  const ZYPP_REPOS = "/etc/zypp/repos.d";
  const path = { PATH: ZYPPER_PATH };
  const run = (script: string): Promise<TreeEnd> => tree.run(script, path);

  beforeAll(async () => {
    await tree.ask("dnf -qy remove tool bare");
    await tree.publish(
      "/zypp",
      { name: "library", version: "1.0" },
      { name: "other", version: "1.0" },
    );
    await putRepo(`${ZYPP_REPOS}/own.repo`, "own", "dir:///zypp");
    await tree.ask(`rpm --import ${KEY_PATH}`);
    await tree.ask("zypper --non-interactive install library other", path);
  }, TIMEOUT_MS);

  it("collects its updates, and gets them from the archive", async () => {
    await tree.ask("/provisioners/70-collect-patches.sh --begin", path);
    await tree.publish("/zypp", { name: "library", version: "1.1" });
    expect((await run("/provisioners/10-upgrade.sh")).exitCode).toBe(0);
    const { exitCode, output } = await run(`/provisioners/70-collect-patches.sh --collect ${OUT}`);
    expect(output).toContain("Collected 1 packages");
    expect(exitCode).toBe(0);
    expect(await tree.ask(`cat ${OUT}/packages.txt`)).toBe("library\t1.1-1\tnoarch\trpm");
    const sum = await packPatches(tree, { folder: OUT, archive: ARCHIVE });
    await tree.ask(`rm /zypp/library-1.1-1.noarch.rpm; createrepo_c --quiet /zypp
      cd /zypp/repodata; gpg --batch --quiet --yes --detach-sign --armor repomd.xml`);
    await tree.ask("zypper --non-interactive install --oldpackage library=1.0", path);
    const used = await run(`/provisioners/16-use-patches.sh ${ARCHIVE} ${sum}`);
    expect(used.output).toBe("");
    const upgraded = await run("/provisioners/10-upgrade.sh");
    expect(upgraded.output).not.toContain("failed");
    expect(upgraded.exitCode).toBe(0);
    expect(await installed("library")).toBe("library 1.1");
    expect((await run("/provisioners/16-use-patches.sh --restore")).exitCode).toBe(0);
    expect(await tree.ask(`ls -A ${ZYPP_REPOS}`)).toBe("own.repo");
  });
});
