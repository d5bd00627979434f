/** Output for programs, and outputs that cannot be written. */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { readPublished } from "../../src/artifact/published.js";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, processesOf } from "../support/e2e.js";
import { makeSmallGuest, onSmallGuest } from "../support/small-guest.js";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

const eventSchema = z.looseObject({
  v: z.literal(1),
  time: z.iso.datetime(),
  build: z.string(),
  type: z.string(),
});

it("builds two templates in parallel, with JSON output", async () => {
  const guest = await makeSmallGuest(sandbox.folder);
  // Each of the two waits in its step until the other one runs.
  const meet = (own: string, other: string) => ({
    local: `touch ${own}.here; until [ -e ${other}.here ]; do sleep 0.1; done`,
  });
  const document = (own: string, other: string, output: object) =>
    onSmallGuest(guest, {
      name: own,
      output: { directory: join(sandbox.output, own), ...output },
      steps: [{ name: "say", actions: [meet(own, other), { run: `echo ${own}` }] }],
    });
  const left = await sandbox.template(document("left", "right", {}));
  const raw = { format: "raw", checksums: ["sha512"] };
  const right = await sandbox.template(document("right", "left", raw));
  const args = ["--parallel", "2", "--json", "--log-format", "json"];
  const { exitCode, stdout, stderr } = await sandbox.vmbuild("run", left, right, ...args);
  const events = stderr
    .trimEnd()
    .split("\n")
    .map((line) => eventSchema.parse(JSON.parse(line)));
  expect(events.filter(({ type }) => type === "run.failed")).toEqual([]);
  expect(exitCode).toBe(0);

  const of = (build: string, type: string): number =>
    events.findIndex((event) => event.build === build && event.type === type);
  expect(of("left", "machine.started")).toBeLessThan(of("right", "machine.stopped"));
  expect(of("right", "machine.started")).toBeLessThan(of("left", "machine.stopped"));

  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  const { results } = z
    .object({ results: z.array(z.object({ name: z.string(), manifest: z.string() })) })
    .parse(JSON.parse(stdout));
  expect(results.map(({ name }) => name)).toEqual(["left", "right"]);
  await readPublished(join(sandbox.output, "left"));
  const manifest = await readPublished(join(sandbox.output, "right"));
  expect(manifest.files[0]).toMatchObject({ format: "raw", virtualSize: 4 * 2 ** 30 });
  expect(Object.keys(manifest.files[0]?.checksums ?? {})).toEqual(["sha512"]);
});

/** Runs a program as root. Throws when it fails. */
function asRoot(...words: string[]): void {
  const [program = "", ...args] = process.getuid?.() === 0 ? words : ["sudo", "-n", ...words];
  execFileSync(program, args, { stdio: "pipe" });
}

/** Returns whether this user can mount here. */
function canMount(folder: string): boolean {
  try {
    asRoot("mount", "-t", "tmpfs", "-o", "size=300M,mode=0777", "tmpfs", folder);
    return true;
  } catch {
    return false;
  }
}

it("retains the old artifact when the disk for the new one is full", async (context) => {
  await mkdir(sandbox.output);
  if (!canMount(sandbox.output)) context.skip("a file system cannot be mounted here");
  try {
    const image = join(sandbox.output, "full-disk-0.0.0.qcow2");
    await writeFile(image, "the old image");
    await writeFile(join(sandbox.output, "manifest.json"), "the old manifest");
    const template = await sandbox.template({
      name: "full-disk",
      // There is enough space when the run begins; the step uses it up.
      steps: [{ name: "fill", actions: [{ local: "head -c 280M /dev/zero >../output/filler" }] }],
    });
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(stderr).toContain("[ARTIFACT_SPACE]");
    expect(exitCode).toBe(9);
    expect(await readFile(image, "utf8")).toBe("the old image");
    expect(await readdir(sandbox.output)).toEqual(
      expect.arrayContaining(["filler", "full-disk-0.0.0.qcow2", "manifest.json"]),
    );
    expect(await readdir(sandbox.output)).toHaveLength(3);
    // The working disk is not lost.
    expect(await readdir(sandbox.buildFolder("full-disk"))).toContain("disk.qcow2");
    expect(await processesOf(sandbox.folder)).toEqual([]);
  } finally {
    asRoot("umount", sandbox.output);
  }
});

it(
  "protects the artifact's own files and those of others from a step's files",
  { timeout: 1_200_000 },
  async () => {
    const guest = await makeSmallGuest(sandbox.folder);
    const document = (local: string) =>
      onSmallGuest(guest, { name: "clash", steps: [{ name: "make", actions: [{ local }] }] });
    const take = 'echo mine >"$VMBUILD_OUTPUT/clash-0.0.0.qcow2.SHA256"';
    const refused = await sandbox.build(await sandbox.template(document(take))).ended;
    expect(refused.stderr).toContain("[ARTIFACT_NAMES]");
    expect(refused.stderr.replaceAll(/\s+/g, " ")).toContain(
      `"clash-0.0.0.qcow2.SHA256" is reserved for the image's sha256 checksum file on file systems that ignore case`,
    );
    expect(refused.exitCode).toBe(9);
    // Nothing was written, so the folder does not exist either.
    await expect(readdir(sandbox.output)).rejects.toThrow("ENOENT");

    await mkdir(join(sandbox.output, "site"), { recursive: true });
    await writeFile(join(sandbox.output, "site/precious"), "mine");
    const make = [
      'mkdir -p "$VMBUILD_OUTPUT/site" && echo new >"$VMBUILD_OUTPUT/site/page"',
      'ln -sf clash-0.0.0.qcow2 "$VMBUILD_OUTPUT/latest.qcow2"',
    ].join("\n");
    const template = await sandbox.template(document(make));
    const built = await sandbox.build(template).ended;
    expect(built.exitCode).toBe(0);
    expect(await readdir(join(sandbox.output, "site"))).toEqual(["page"]);
    const [aside = ""] = (await readdir(sandbox.output)).filter((name) =>
      name.includes(".before-"),
    );
    expect(aside).toMatch(/^site\.before-/);
    expect(await readFile(join(sandbox.output, aside, "precious"), "utf8")).toBe("mine");
    expect(built.stderr.replaceAll(/\s+/g, " ")).toContain("was not created by this build");
    const manifest = await readPublished(sandbox.output);
    expect(manifest.companions).toEqual(["latest.qcow2", "site"]);

    // Its own files are replaced, and a template with another name is refused.
    const again = await sandbox.build(await sandbox.template(document(`${make}; true`))).ended;
    expect(again.exitCode).toBe(0);
    expect(again.stderr).not.toContain("was not created by this build");
    const other = await sandbox.build(
      await sandbox.template({ ...document("true"), name: "other" }),
    ).ended;
    expect(other.exitCode).toBe(9);
    expect(other.stderr).toContain("[OUTPUT_TAKEN]");
    expect(await readPublished(sandbox.output)).toMatchObject({ name: "clash" });
    const upToDate = await sandbox.build(await sandbox.template(document(`${make}; true`))).ended;
    expect(upToDate.stderr).toContain("up to date");
    expect(upToDate.exitCode).toBe(0);
  },
);
