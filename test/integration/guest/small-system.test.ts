/** Shell code for guests in a root file system of busybox that lacks some of its programs. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LIST_ACCOUNTS, LOGIN_SHELL } from "../../../src/guest/accounts.js";
import { PROBE, parseCapabilities } from "../../../src/guest/capabilities.js";
import { matchesFacts, parseFileFacts } from "../../../src/guest/checksum.js";
import { setHostnameScript } from "../../../src/guest/refresh.js";
import { TRIM } from "../../../src/guest/seal/trim.js";
import { receiveCommand, unpackCommand } from "../../../src/guest/upload.js";
import { addProgram, makeBusyboxRoot, runInRoot } from "../../support/busybox-guest.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "vmbuild-root-"));
  await makeBusyboxRoot(root, "secret");
});
afterEach(() => rm(root, { recursive: true }));

/** Runs a script without one of the programs. busybox's own shell would find it in itself. */
async function runWithout(path: string, script: string): Promise<string[]> {
  await addProgram("/bin/dash", root);
  await rm(join(root, path));
  return runInRoot(root, script, "/bin/dash");
}

it("has the programs of busybox", async () => {
  const { programs } = parseCapabilities(await runInRoot(root, PROBE), "root");
  expect(programs).toEqual(["fstrim", "sha256sum", "tar"]);
});

describe("a file", () => {
  const receive = receiveCommand("/srv/file", "printf content", { mode: 0o640 });
  const sha256 = createHash("sha256").update("content").digest("hex");

  it("is verified by its SHA-256 where there is sha256sum", async () => {
    const facts = parseFileFacts((await runInRoot(root, receive)).join("\n"));
    expect(facts).toEqual({ size: 7, sha256 });
  });

  it("is verified by its size where there is none", async () => {
    const facts = parseFileFacts((await runWithout("usr/bin/sha256sum", receive)).join("\n"));
    expect(await readFile(join(root, "srv/file"), "utf8")).toBe("content");
    expect(facts).toEqual({ size: 7, sha256: undefined });
    expect(matchesFacts(facts, { size: 7, sha256 })).toBe(true);
    expect(matchesFacts(facts, { size: 8, sha256 })).toBe(false);
  });
});

it("says that a folder needs tar", async () => {
  const error: Error = await runWithout(
    "bin/tar",
    unpackCommand("/srv/tree", "cat", { uid: 0, gid: 0 }),
  )
    .then(() => new Error("it ended"))
    .catch((thrown: Error) => thrown);
  expect(error.message).toContain("the guest has no tar, which transfers of folders need");
});

it.each([
  ["root", "/bin/sh"],
  ["build", "/bin/sh"],
  ["nobody-at-all", undefined],
])("finds the login shell of %s without getent", async (user, shell) => {
  const script = `${LIST_ACCOUNTS}${LOGIN_SHELL}\nlogin_shell ${user}`;
  expect((await runInRoot(root, script))[0]).toBe(shell);
});

it("renames the guest in /etc/hosts as a whole name only", async () => {
  await mkdir(join(root, "proc/sys/kernel"), { recursive: true });
  await writeFile(join(root, "proc/sys/kernel/hostname"), "vmbuild-guest\n");
  const before = [
    "127.0.0.1 localhost",
    "127.0.1.1\tvmbuild-guest.lan vmbuild-guest vmbuild-guest",
    "10.0.0.1 my-vmbuild-guest vmbuild-guest2",
    "",
  ].join("\n");
  await writeFile(join(root, "etc/hosts"), before);
  await runInRoot(root, setHostnameScript("demo"));
  expect(await readFile(join(root, "etc/hosts"), "utf8")).toBe(
    [
      "127.0.0.1 localhost",
      "127.0.1.1\tdemo.lan demo demo",
      "10.0.0.1 my-vmbuild-guest vmbuild-guest2",
      "",
    ].join("\n"),
  );
  expect(await readFile(join(root, "etc/hostname"), "utf8")).toBe("demo\n");
});

it("trims each file system where fstrim knows no option for all", async () => {
  await writeFile(
    join(root, "proc/mounts"),
    "/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/vdb /a\\040b xfs rw 0 0\n",
  );
  await addProgram("/bin/dash", root);
  await rm(join(root, "sbin/fstrim"));
  const fstrim = "#!/bin/sh\ncase $1 in -*) exit 1 ;; esac\nprintf '%s\\n' \"$1\" >>/trimmed\n";
  await writeFile(join(root, "sbin/fstrim"), fstrim, { mode: 0o755 });
  await runInRoot(root, TRIM, "/bin/dash");
  expect(await readFile(join(root, "trimmed"), "utf8")).toBe("/\n/a b\n");
});
