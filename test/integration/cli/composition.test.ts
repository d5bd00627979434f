/** Templates that extend others, at the command line. */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

const PARENT = `{
  "base": { "bootstrap": { "suite": "bookworm" } },
  "variables": { "token": { "default": "S3CRET-token", "sensitive": true } },
  "machine": { "memory": "1G" },
  "steps": [
    { "name": "one", "actions": [{ "script": "one.sh" }] },
    { "name": "two", "actions": [{ "run": "true" }] }
  ]
}`;
const CHILD = `{
  "extends": "../lib/parent.json",
  "name": "child",
  "steps": { "two": null, "three": { "actions": [{ "upload": "files", "to": "/x" }] } }
}`;

describe("vmbuild validate", () => {
  it("checks the files of the parent too, and names the file that refers to them", async () => {
    await home.write({ "lib/parent.json": PARENT, "t/child.json": CHILD });
    const { exitCode, stderr } = await home.run("validate", "t/child.json");
    expect(exitCode).toBe(2);
    const flat = stderr.replaceAll(/\s+/g, " ");
    expect(flat).toContain(
      "lib/parent.json:6:46: steps[0].actions[0].script: lib/one.sh does not exist",
    );
    expect(flat).toMatch(/t\/child\.json:4:\d+: steps\.three\.actions\[0\]\.upload: t\/files does/);
    await home.write({ "lib/one.sh": "#!/bin/sh\nif\n", "t/files/x": "" });
    const syntax = await home.run("validate", "t/child.json");
    expect(syntax.stderr).toMatch(/lib\/parent\.json:6:46: .*one\.sh/);
    await home.write({ "lib/one.sh": "#!/bin/sh\ntrue\n" });
    expect((await home.run("validate", "t/child.json")).stdout).toContain("valid (2 steps");
  });
});

describe("vmbuild inspect --origin", () => {
  beforeEach(() => home.write({ "lib/parent.json": PARENT, "t/child.json": CHILD }));

  it("lists every value with its file and line, or its option", async () => {
    const args = ["t/child.json", "--memory", "2G", "--set", "steps[1].timeout=5m"];
    const { exitCode, stdout } = await home.run("inspect", ...args, "--origin");
    expect(exitCode).toBe(0);
    for (const line of [
      /^child 0\.0\.0 {2}t\/child\.json$/m,
      /^ {2}extends lib\/parent\.json$/m,
      /^name +"child" +t\/child\.json:3$/m,
      /^base\.bootstrap\.suite +"bookworm" +lib\/parent\.json:2$/m,
      /^machine\.memory +"2G" +--memory$/m,
      /^steps\.one +lib\/parent\.json:6$/m,
      /^steps\.three +t\/child\.json:4$/m,
      /^steps\.three\.timeout +"5m" +--set steps\[1\]\.timeout$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toMatch(/S3CRET|steps\.two/);
  });

  it("is one object with --json", async () => {
    const { stdout } = await home.run("inspect", "t/child.json", "--origin", "--json");
    const found = JSON.parse(stdout) as { files: string[]; values: unknown[] };
    const [own = "", parent = ""] = ["t/child.json", "lib/parent.json"].map((file) =>
      join(home.folder, file),
    );
    expect(found.files).toEqual([own, parent]);
    expect(found.values).toContainEqual({
      path: "machine.memory",
      value: "1G",
      origin: { file: parent, line: 4, column: 26 },
    });
    expect(found.values).toContainEqual({
      path: "steps.three",
      origin: { file: own, line: 4, column: 36 },
    });
    expect(stdout).not.toContain("S3CRET");
  });
});

it("a base by path is relative to the template, and its values are those that it declares", async () => {
  const machine = { accelerator: "tcg", memory: "64M" };
  await home.write({
    "a/a.json": {
      ...{ name: "a", base: { path: "/none" }, machine },
      variables: { x: { allowed: ["1"], default: "1" } },
    },
    "b/b.json": {
      name: "b",
      base: { appliance: "../a" },
      variables: { y: { default: 1 } },
      machine,
    },
  });
  const graph = await home.run("graph", "b", "--var", "y=2", "--format", "json");
  expect(JSON.parse(graph.stdout)).toMatchObject({ templates: [{ name: "a" }, { name: "b" }] });
  const wrong = await home.run("graph", "b", "--var", "y=2", "--var", "x=2");
  expect(wrong.stderr).toContain('no variable "x"');
  const { exitCode, stderr } = await home.run("graph", "a", "b", "--var", "z=2");
  expect(exitCode).toBe(2);
  expect(stderr).toContain('no variable "z"');
});
