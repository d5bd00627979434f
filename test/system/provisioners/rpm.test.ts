/** The shared provisioners and the list of packages on a system of rpm's packages, with the real dnf. */
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIST_PACKAGES, readPackages } from "../../../src/packages/list.js";
import { compareVersions } from "../../../src/packages/versions.js";
import { KEY_PATH, ZYPPER_PATH, createRpmTree, repoFile } from "../../support/rpm-tree.js";
import type { RpmTree } from "../../support/rpm-tree.js";

const REPOS = "/etc/yum.repos.d";
/** An address that nothing answers: the tree has a loopback only. */
const UNREACHABLE = "http://192.0.2.1/rocky/";

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
}, 600_000);
afterAll(() => tree[Symbol.asyncDispose]());

const putRepo = (path: string, id: string, url: string): Promise<string> =>
  tree.ask(`mkdir -p "$(dirname ${path})"; cat >${path} <<'REPO'\n${repoFile(id, url)}REPO`);

const installed = (): Promise<string> =>
  tree.ask("rpm -q --qf '%{NAME} %{VERSION}\\n' library tool");

describe("the list of packages", () => {
  it("has rpm's packages with their epochs, and no keys", async () => {
    const { packages, os } = readPackages((await tree.ask(LIST_PACKAGES)).split("\n"));
    expect(packages).toEqual([
      {
        ...{ type: "rpm", name: "library", version: "1:1.0-1", arch: "noarch" },
        ...{ supplier: "Test", summary: "Package library", license: "MIT" },
      },
      {
        ...{ type: "rpm", name: "tool", version: "1.0-1", arch: "noarch" },
        ...{ supplier: "Test", summary: "Package tool", license: "MIT" },
      },
    ]);
    expect(os["ID"]).toBe("debian");
  });

  it("is in the order of rpm's own comparison", async () => {
    const versions = ["1.0", "1.0~rc1", "1.0^git1", "1.0a", "1.0.1", "1.00", "10", "2", "1:0.9"];
    const full = versions.flatMap((one) => [`${one}-1`, `${one}-1.el8`]);
    const pairs = full.flatMap((one) => full.map((other) => [one, other] as const));
    const calls = pairs.map(([a, b]) => `print(rpm.vercmp("${a}","${b}").." ")`).join(" ");
    const answers = (await tree.ask(`rpm --eval '%{lua:${calls}}'`)).trim().split(/\s+/);
    const ours = pairs.map(([a, b]) => String(Math.sign(compareVersions("rpm", a, b))));
    const wrong = pairs.flatMap((pair, index) =>
      answers[index] === ours[index] ? [] : [`${pair.join(" ")}: ${answers[index]}`],
    );
    expect(wrong).toEqual([]);
  });
});

describe("10-upgrade.sh", () => {
  const upgrade = () => tree.run("/provisioners/10-upgrade.sh");

  it("installs the updates of all repositories, and may run again", async () => {
    await tree.publish("/mirror", { name: "library", version: "1.1", epoch: 1 });
    for (let time = 0; time < 2; time += 1) {
      const { exitCode, output } = await upgrade();
      expect(output).not.toContain("pending");
      expect(exitCode).toBe(0);
      expect(await installed()).toBe("library 1.1\ntool 1.0");
    }
  });

  it("fails where a repository cannot be reached, although dnf would skip it", async () => {
    await putRepo(`${REPOS}/gone.repo`, "gone", UNREACHABLE);
    await tree.ask(`echo skip_if_unavailable=1 >>${REPOS}/gone.repo`);
    const { exitCode, output } = await upgrade();
    expect(exitCode).toBe(1);
    expect(output).toContain("Failed to download metadata for repo 'gone'");
    await tree.ask(`rm ${REPOS}/gone.repo`);
  });

  it("fails at a package without a valid signature, and does not install it", async () => {
    await tree.publishUnsigned("/unsigned", { name: "library", version: "1.2", epoch: 1 });
    await putRepo(`${REPOS}/unsigned.repo`, "unsigned", "file:///unsigned");
    const { exitCode } = await upgrade();
    expect(exitCode).not.toBe(0);
    expect(await installed()).toContain("library 1.1");
    await tree.ask(`rm ${REPOS}/unsigned.repo`);
  });

  it("names updates that were held back", async () => {
    await tree.publish("/held", { name: "tool", version: "2.0", requires: "missing" });
    await putRepo(`${REPOS}/held.repo`, "held", "file:///held");
    const { exitCode, output } = await upgrade();
    expect(exitCode).toBe(1);
    expect(output).toMatch(/pending|nothing provides missing/);
    await tree.ask(`rm ${REPOS}/held.repo`);
  });
});

describe("15-use-mirror.sh", () => {
  const mirror = (args: string) => tree.run(`/provisioners/15-use-mirror.sh ${args}`);
  const names = (): Promise<string> => tree.ask(`ls -A ${REPOS}`);

  beforeAll(async () => {
    await putRepo(`${REPOS}/own.repo`, "own", UNREACHABLE);
    await putRepo("/files/mirror.repo", "mirror", "file:///mirror");
  });

  it("replaces the repositories while a command runs", async () => {
    await tree.publish("/mirror", { name: "library", version: "1.3", epoch: 1 });
    const { exitCode } = await mirror("/files -- /provisioners/10-upgrade.sh");
    expect(exitCode).toBe(0);
    expect(await installed()).toContain("library 1.3");
    expect(await names()).toBe("own.repo");
    expect((await mirror("--check")).exitCode).toBe(0);
  });

  it("restores them where the command fails or is ended, with its exit code", async () => {
    expect((await mirror("/files -- sh -c 'exit 7'")).exitCode).toBe(7);
    expect(await names()).toBe("own.repo");
    const ended = await mirror("/files -- sh -c 'kill -TERM $PPID'");
    expect(ended.exitCode).toBe(143);
    expect(await names()).toBe("own.repo");
  });

  it("restores them after a run that was killed", async () => {
    await mirror("/files -- sh -c 'kill -KILL $PPID'");
    expect(await names()).toBe("mirror.repo");
    const check = await mirror("--check");
    expect(check.exitCode).toBe(1);
    expect(check.output).toContain("the repositories of a mirror are in place");
    // A second replacement does not take the mirror for the originals.
    await mirror("--enable /files");
    expect((await mirror("--restore")).exitCode).toBe(0);
    expect(await names()).toBe("own.repo");
    expect(await tree.ask(`cat ${REPOS}/own.repo`)).toContain(UNREACHABLE);
    await tree.ask(`! test -e ${REPOS}.original`);
  });

  it("keeps repositories that were added meanwhile, and the originals of changed ones", async () => {
    const { exitCode } = await mirror(
      `/files -- sh -c 'echo "[more]" >${REPOS}/more.repo; echo other >${REPOS}/own.repo'`,
    );
    expect(exitCode).toBe(0);
    expect(await names()).toBe("more.repo\nown.repo");
    expect(await tree.ask(`cat ${REPOS}/own.repo`)).toContain(UNREACHABLE);
    await tree.ask(`rm ${REPOS}/more.repo`);
  });

  it.each([
    ["/nowhere -- true", "/nowhere is not a folder"],
    ["/provisioners -- true", "/provisioners contains no .repo files"],
    ["/files", "a command is missing"],
    ["--enable", "--enable takes one folder"],
    ["", "usage:"],
  ])("refuses %j", async (args, words) => {
    const { exitCode, output } = await mirror(args);
    expect(exitCode).toBe(1);
    expect(output).toContain(words);
    expect(await names()).toBe("own.repo");
  });
});

describe("the mirror of rocky8-base", () => {
  /** Updates from the mirror, as the template's steps do. */
  async function update(release: string, createPatches: boolean) {
    await tree.ask("/rocky8-base/mirror-repositories.sh /var/lib/mirror", {
      MIRROR: "file:///rocky",
      RELEASE: release,
      CREATE_PATCHES: String(createPatches),
    });
    return tree.run(
      "/provisioners/15-use-mirror.sh /var/lib/mirror -- /provisioners/10-upgrade.sh",
    );
  }

  beforeAll(async () => {
    await tree.copy(resolve("appliances/rocky8-base/files"), "/rocky8-base");
    await tree.ask(`cp ${KEY_PATH} /etc/pki/rpm-gpg/RPM-GPG-KEY-rockyofficial`);
    await tree.publish("/rocky/BaseOS", { name: "library", version: "2.0", epoch: 1 });
    await tree.publish("/rocky/AppStream", { name: "app", version: "1.0" });
    await tree.publish("/rocky/extras", { name: "extra", version: "1.0" });
    await tree.publish("/rocky/patches/2.4.0", { name: "library", version: "1.9", epoch: 1 });
  });

  it("installs the updates of the release, and not newer ones", async () => {
    expect((await update("2.4.0", false)).exitCode).toBe(0);
    expect(await installed()).toContain("library 1.9");
  });

  it("fails for a release that it does not have", async () => {
    const { exitCode, output } = await update("9.9.9", false);
    expect(exitCode).toBe(1);
    expect(output).toContain("Failed to download metadata for repo 'mirror-patches'");
    expect(await installed()).toContain("library 1.9");
  });

  it("installs all updates for the patches of the next release", async () => {
    expect((await update("9.9.9", true)).exitCode).toBe(0);
    expect(await installed()).toContain("library 2.0");
  });
});

describe("90-cleanup.sh", () => {
  it("removes packages with what only they needed, and dnf's caches", async () => {
    await putRepo(`${REPOS}/own.repo`, "own", "file:///mirror");
    await tree.ask('dnf -q makecache && test -n "$(ls /var/cache/dnf)"');
    // It asks no repository, so that it also works without a network.
    await putRepo(`${REPOS}/own.repo`, "own", UNREACHABLE);
    const { exitCode, output } = await tree.run("/provisioners/90-cleanup.sh purge packages", {
      CLEANUP_PURGE: "tool",
    });
    expect(output).not.toContain("left behind");
    expect(exitCode).toBe(0);
    expect((await tree.run("rpm -q tool library")).output).toBe(
      "package tool is not installed\npackage library is not installed",
    );
    expect(await tree.ask("ls -A /var/cache/dnf")).toBe("");
  });
});

describe("a system with zypper", () => {
  const ZYPP_REPOS = "/etc/zypp/repos.d";
  const run = (script: string, variables = {}) =>
    tree.run(script, { PATH: ZYPPER_PATH, ...variables });
  const upgrade = () => run("/provisioners/10-upgrade.sh");

  beforeAll(async () => {
    await tree.publish("/zypp", ...["library", "other"].map((name) => ({ name, version: "1.0" })), {
      name: "tool",
      version: "1.0",
      requires: "library",
    });
    await putRepo(`${ZYPP_REPOS}/own.repo`, "own", "dir:///zypp");
    await tree.ask(`rpm --import ${KEY_PATH}`);
    await tree.ask("zypper --non-interactive install tool other", { PATH: ZYPPER_PATH });
  });

  it("gets its updates from a mirror, and its repositories back", async () => {
    await tree.publish("/zypp-mirror", { name: "library", version: "1.1" });
    await putRepo("/files/zypp.repo", "mirror", "dir:///zypp-mirror");
    await tree.ask("rm /files/mirror.repo");
    const { exitCode } = await run(
      "/provisioners/15-use-mirror.sh /files -- /provisioners/10-upgrade.sh",
    );
    expect(exitCode).toBe(0);
    expect(await installed()).toBe("library 1.1\ntool 1.0");
    expect(await tree.ask(`ls -A ${ZYPP_REPOS}`)).toBe("own.repo");
  });

  it("fails where an update is held back, unsigned or cannot be reached", async () => {
    const cases = [
      ["held", "dir:///held", "updates are still pending:"],
      ["unsigned", "dir:///unsigned", "Signature verification failed"],
      ["gone", UNREACHABLE, "Repository 'gone' is invalid"],
    ] as const;
    await tree.ask("rm /unsigned/repodata/repomd.xml.*");
    for (const [name, url, words] of cases) {
      await putRepo(`${ZYPP_REPOS}/${name}.repo`, name, url);
      const { exitCode, output } = await upgrade();
      expect(output).toContain(words);
      expect(exitCode).not.toBe(0);
      expect(await installed()).toBe("library 1.1\ntool 1.0");
      await tree.ask(`rm ${ZYPP_REPOS}/${name}.repo`);
    }
  });

  it("is cleaned without its repositories", async () => {
    await putRepo(`${ZYPP_REPOS}/own.repo`, "own", UNREACHABLE);
    const { exitCode, output } = await run("/provisioners/90-cleanup.sh purge packages", {
      CLEANUP_PURGE: "tool",
    });
    expect(output).not.toContain("left behind");
    expect(exitCode).toBe(0);
    expect(await tree.ask("rpm -qa --qf '%{NAME}\\n' | grep -v gpg")).toBe("other");
  });
});

describe("the scripts for disks and initramfs", () => {
  it("say what the system lacks", async () => {
    const grow = await tree.run("/provisioners/05-grow-root.sh");
    expect(grow.exitCode).toBe(1);
    expect(grow.output).toMatch(/is not a block device|is not mounted from a device/);
    const rebuild = await tree.run("/provisioners/85-rebuild-initramfs.sh");
    expect(rebuild.exitCode).toBe(1);
    expect(rebuild.output).toContain("this system has neither dracut nor initramfs-tools");
  });
});
