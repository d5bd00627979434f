/** The archive of patches, from a guest for which this host stands: downloaded, checked, signed, packed. */
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/events/types.js";
import type { WorkTree } from "../../../src/host/work-tree.js";
import { collectPatches } from "../../../src/run/patches.js";
import { statIfThere } from "../../../src/host/files.js";
import { sha256Of } from "../../support/artifact.js";
import { guestOf } from "../../support/guest-of.js";
import { errorOf } from "../../support/inputs.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

type Context = Parameters<typeof collectPatches>[0];

const TREE: WorkTree = {
  ...{ root: "/repo", branch: "feature/x", commit: "0123456789abcdef", changes: [] },
};
const NAME = "node-patches-feature-x-0123456.tgz";

let sshd: Sshd;
let events: EventBody[];
/** Folder of the guest with the patches, and the folder of the run's outputs. */
let from: string;
let outputs: string;
beforeEach(async () => {
  sshd = await startSshd();
  events = [];
  from = join(sshd.folder, "patches");
  outputs = join(sshd.folder, "outputs");
  await mkdir(outputs);
  await mkdir(join(sshd.folder, "scratch"));
  await mkdir(join(from, "wheels"), { recursive: true });
  const files: Record<string, string> = {
    "tool_2.0_all.deb": "package",
    Packages: "Package: tool\n",
    Release: "Origin: vmbuild\n",
    "packages.txt": "tool\t2.0\tall\tdeb\n",
    "security_advisories.txt": "tool 1.0 -> 2.0\n",
    "wheels/One_two-1.0-py3-none-any.whl": "wheel",
    "wheels/requirements.txt": "one-two\n",
  };
  const sums: string[] = [];
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(from, name), content);
    sums.push(`${sha256Of(content)}  ${name}\n`);
  }
  await writeFile(join(from, "SHA256SUMS"), sums.join(""));
});
afterEach(() => sshd[Symbol.asyncDispose]());

function contextOf(patches: object, workTree: WorkTree | undefined = TREE): Context {
  const output = { patches: { from, ...patches } };
  const template = { name: "node", version: "1.0", folder: sshd.folder, output };
  const options = { template, createPatches: true, workTree, signal: sshd.signal };
  const run = { scratch: join(sshd.folder, "scratch"), outputs };
  const context = {
    ...{ options, template, workspace: { run }, output: { checksums: ["sha256", "md5"] } },
    emit: (event: EventBody) => void events.push(event),
    phase: (_: string, work: () => Promise<unknown>) => work(),
  };
  return context as unknown as Context;
}

const collect = async (patches: object = {}, workTree?: WorkTree) =>
  collectPatches(contextOf(patches, workTree), await guestOf(sshd, { events }));
const list = async (name = NAME): Promise<string[]> =>
  (await execa("busybox", ["tar", "-tzf", join(outputs, name)])).stdout.split("\n").toSorted();

describe("the archive of patches", () => {
  it("is named by the commit, has sums and an SBOM, and is removed from the guest", async () => {
    const record = await collect();
    const sha256 = sha256Of(await readFile(join(outputs, NAME)));
    expect(record).toMatchObject({
      ...{ name: NAME, folder: "node-patches", packages: 1, wheels: 1, signed: false, sha256 },
      sbom: `${NAME}.cdx.json`,
    });
    expect((await readdir(outputs)).toSorted()).toEqual(
      [NAME, `${NAME}.cdx.json`, `${NAME}.md5`, `${NAME}.sha256`].toSorted(),
    );
    for (const sum of ["sha256", "md5"]) {
      await execa(`${sum}sum`, ["-c", `${NAME}.${sum}`], { cwd: outputs });
    }
    expect(await list()).toContain("node-patches/wheels/One_two-1.0-py3-none-any.whl");
    await execa("busybox", ["tar", "-xzf", NAME], { cwd: outputs });
    await execa("sha256sum", ["--check", "--strict", "SHA256SUMS"], {
      cwd: join(outputs, "node-patches"),
    });
    expect(await statIfThere(from)).toBeUndefined();
  });

  it("has an SBOM of its packages and wheels that CycloneDX's schema accepts", async () => {
    await collect();
    const sbom = await readFile(join(outputs, `${NAME}.cdx.json`), "utf8");
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(sbom)).toBeNull();
    expect(sbom).toContain(`"name": "${NAME}"`);
    expect(sbom).toMatch(/"pkg:deb\/\w+\/tool@2.0\?arch=all/);
    expect(sbom).toContain('"pkg:pypi/one-two@1.0"');
    expect(sbom).toContain(sha256Of("wheel"));
    expect(sbom).not.toContain("/dpkg@");
  });

  it("takes its names from the template, and says that the tree was dirty", async () => {
    const changes = [{ status: " M", path: "a" }] as unknown as WorkTree["changes"];
    await collect({ folder: "Cerebras-patches" }, { ...TREE, changes });
    const name = "node-patches-feature-x-0123456-dirty.tgz";
    expect(await list(name)).toContain("Cerebras-patches/tool_2.0_all.deb");
  });

  it("is signed with a key, for apt and as a whole", async () => {
    const home = join(sshd.folder, "gnupg");
    await mkdir(home, { mode: 0o700 });
    const gpg = ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback"];
    const options = [
      "--passphrase",
      "",
      "--quick-generate-key",
      "a@example.org",
      "ed25519",
      "sign",
    ];
    await execa("gpg", [...gpg, ...options]);
    await execa("gpg", [...gpg, "--output", `${sshd.folder}/key`, "--export-secret-keys"]);
    await execa("gpg", [...gpg, "--output", `${sshd.folder}/public.gpg`, "--export"]);
    expect(await collect({ signingKey: "key" })).toMatchObject({ signed: true });
    await execa("busybox", ["tar", "-xzf", NAME], { cwd: outputs });
    const folder = join(outputs, "node-patches");
    const verify = (...files: string[]) =>
      execa("gpgv", ["--keyring", `${sshd.folder}/public.gpg`, ...files], { cwd: folder });
    await verify("SHA256SUMS.asc", "SHA256SUMS");
    await verify("Release.gpg", "Release");
    await verify("InRelease");
    expect(await readFile(join(folder, "patches.asc"), "utf8")).toContain("PUBLIC KEY BLOCK");
    await execa("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: folder });
    const sums = await readFile(join(folder, "SHA256SUMS"), "utf8");
    expect(sums).toContain("  InRelease\n");
  });
});

describe("patches that cannot be published", () => {
  it("are those that were altered, are not complete, or have no repository", async () => {
    await writeFile(join(from, "tool_2.0_all.deb"), "PACKAGE");
    await writeFile(join(from, "more"), "more");
    await rm(join(from, "Packages"));
    const error = await errorOf(collect());
    expect(error.code).toBe("PATCHES_INVALID");
    expect(error.lines).toEqual([
      "Packages is missing",
      "more is not in SHA256SUMS",
      "tool_2.0_all.deb does not have its sum",
      "there is no repository: repodata/repomd.xml or Packages",
    ]);
    expect(await readdir(outputs)).toEqual([]);
    expect(await statIfThere(from)).toBeDefined();
  });

  it("are those with links, and those that the steps did not collect", async () => {
    await execa("ln", ["-s", "/etc/passwd", join(from, "link")]);
    expect(await errorOf(collect())).toMatchObject({ code: "PATCHES_INVALID", lines: ["link"] });
    expect(await errorOf(collect({ from: "/nowhere" }))).toMatchObject({ code: "STEP_FAILED" });
    expect(await errorOf(collect({ from: join(from, "Release") }))).toMatchObject({
      code: "PATCHES_INVALID",
    });
  });

  it("are those whose key cannot sign", async () => {
    await writeFile(join(sshd.folder, "key"), "no key");
    expect(await errorOf(collect({ signingKey: "key" }))).toMatchObject({ code: "PATCHES_SIGN" });
    expect(await errorOf(collect({ signingKey: "none" }))).toMatchObject({ code: "PATCHES_SIGN" });
    expect(await readdir(outputs)).toEqual([]);
  });

  it("are those whose name a step has used", async () => {
    await writeFile(join(outputs, NAME), "mine");
    expect(await errorOf(collect())).toMatchObject({ code: "ARTIFACT_NAMES" });
    expect(await readFile(join(outputs, NAME), "utf8")).toBe("mine");
  });
});
