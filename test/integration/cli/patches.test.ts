/** `vmbuild run --create-patches`: which templates and options it takes, with vmbuild as a process. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import { createImageRepository } from "../../support/image-repository.js";

const TEMPLATE = {
  name: "patched",
  base: { path: "disk.qcow2" },
  variables: { create_patches: { default: false }, release: { default: "latest" } },
  steps: [{ name: "collect", actions: [{ run: "true" }] }],
  output: { patches: {} },
};

let home: CliHome;
let git: (...args: string[]) => Promise<string>;
beforeAll(async () => {
  home = await makeCliHome();
  git = await createImageRepository(home);
  const { patches: _patches, ...output } = { ...TEMPLATE.output, packages: false };
  await home.write({
    "patched/patched.json": TEMPLATE,
    "patched/disk.qcow2": "",
    "patched/plain.json": { ...TEMPLATE, name: "plain", output },
    "patched/empty.json": { ...TEMPLATE, name: "empty", steps: [] },
    "patched/unsigned.json": {
      ...{ ...TEMPLATE, name: "unsigned" },
      output: { patches: { signingKey: "nowhere.asc" } },
    },
    "patched/undeclared.json": { ...TEMPLATE, name: "undeclared", variables: {} },
  });
  await git("add", ".");
  await git("commit", "--quiet", "--message", "Third");
});
afterAll(() => home[Symbol.asyncDispose]());

const run = (name: string, ...flags: string[]): Promise<CliResult> =>
  home.run("run", `patched/${name}.json`, "--create-patches", ...flags);
const flat = (text: string): string => text.replaceAll(/\s+/g, " ");

describe("vmbuild run --create-patches", () => {
  it.each([
    ["plain", "--create-patches: plain has no output.patches"],
    ["empty", "--create-patches: empty has no step that collects them"],
  ])("refuses a template that cannot make an archive: %s", async (name, words) => {
    const { exitCode, stderr } = await run(name);
    expect(flat(stderr)).toContain(words);
    expect(exitCode).toBe(2);
  });

  it("requires the variable that the template's steps depend on", async () => {
    const { exitCode, stderr } = await run("undeclared");
    expect(flat(stderr)).toContain('declares no variable "create_patches"');
    expect(exitCode).toBe(2);
  });

  it.each([
    [["--release", "2.4.0"], "--create-patches and --release are mutually exclusive"],
    [["--until", "collect"], "--create-patches and --until are mutually exclusive"],
    [["--var", "create_patches=true"], "set the same variable"],
    [["--on", "ssh://me@builder"], "--create-patches cannot be used with --on"],
  ])("refuses %j", async (flags, words) => {
    const { exitCode, stderr } = await run("patched", ...flags);
    expect(flat(stderr)).toContain(words);
    expect(exitCode).toBe(2);
  });

  it("requires the key that signs before a machine starts", async () => {
    const { exitCode, stderr } = await run("unsigned");
    expect(flat(stderr)).toContain(
      `The key ${join(home.folder, "patched/nowhere.asc")} of output.patches does not exist`,
    );
    expect(exitCode).toBe(9);
    const validated = await home.run("validate", "patched/unsigned.json");
    expect(flat(validated.stdout + validated.stderr)).toContain("output.patches.signingKey");
  });

  it("refuses uncommitted changes, as --release does", async () => {
    await home.write({ "patched/new.json": TEMPLATE });
    const refused = await run("patched");
    expect(refused.exitCode).toBe(2);
    expect(flat(refused.stderr)).toContain("has uncommitted changes");
    expect(refused.stderr).toContain("?? patched/new.json");
  });
});
