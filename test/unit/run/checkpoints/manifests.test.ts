/** Dependencies of the key of a step's checkpoint. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { explainDifferences } from "../../../../src/checkpoints/explain.js";
import { createStepDescriber, stepManifest } from "../../../../src/run/checkpoints/manifests.js";
import { loadTemplate } from "../../../../src/template/load.js";
import { makeFolder, templateText } from "../../template/support.js";

const { signal } = new AbortController();

/** Returns the manifest of a template's only step, beside a file and a folder. */
async function manifestOf(step: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const folder = await makeFolder();
  await writeFile(join(folder, "file.txt"), "one\n", { mode: 0o644 });
  await mkdir(join(folder, "tree"), { mode: 0o755 });
  await writeFile(join(folder, "tree/inner"), "two\n", { mode: 0o600 });
  const text = templateText({ ...more, steps: [{ name: "only", ...step }] });
  await writeFile(join(folder, "t.json"), text);
  const template = await loadTemplate(join(folder, "t.json"), { environment: {} });
  const describer = await createStepDescriber(template, [], undefined, signal);
  const [first] = template.steps;
  if (!first) throw new Error("the template has a step");
  return stepManifest(first, describer);
}

/** Returns the manifest of a template's only step, with the files of several templates. */
async function manifestIn(name: string, templates: Readonly<Record<string, object>>) {
  const folder = await makeFolder();
  const files = { "lib/files/x": "x\n", "a.sh": "#!/bin/sh\n", "play/site.yml": "[]\n" };
  for (const [path, content] of Object.entries({ ...files, ...templates })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await writeFile(join(folder, path), text, { mode: 0o644 });
  }
  const template = await loadTemplate(join(folder, name), { environment: {} });
  const [first] = template.steps;
  if (!first) throw new Error("the template has a step");
  return stepManifest(first, await createStepDescriber(template, [], undefined, signal));
}

it("is the same where a step is moved to a parent", async () => {
  const base = { bootstrap: { suite: "bookworm" } };
  const stepAt = (root: string): object => ({
    name: "only",
    actions: [
      { script: `${root}/a.sh` },
      { upload: `${root}/lib/files/`, to: "/x" },
      { ansible: `${root}/play/site.yml`, folder: `${root}/play` },
      { run: "echo ${name}" },
    ],
  });
  const own = { "t/t.json": { name: "t", base, steps: [stepAt("..")] } };
  const moved = {
    "lib/parts/p.json": { name: "p", base, steps: [stepAt("../..")] },
    "t/t.json": { extends: "../lib/parts/p.json", name: "t" },
  };
  expect(await manifestIn("t/t.json", moved)).toEqual(await manifestIn("t/t.json", own));
});

describe("stepManifest", () => {
  const run = { actions: [{ run: "true" }] };

  it("has the step's name, environment, actions and checks", async () => {
    const step = { environment: { A: "1" }, actions: [{ run: "x" }], verify: ["y", "z"] };
    expect(await manifestOf(step)).toMatchObject({
      name: "only",
      "environment A": "1",
      "action 1 run": expect.stringContaining("x") as string,
      "verify 1": "y",
      "verify 2": "z",
    });
  });

  it("has the options of a script that are given", async () => {
    const options = { cwd: "/srv", user: "app", exitCodes: [0, 2], expectReboot: true };
    expect(await manifestOf({ actions: [{ run: "x", interpreter: "sh -e", ...options }] })).toEqual(
      {
        name: "only",
        "action 1 run": '["x"]',
        "action 1 interpreter": '["sh","-e"]',
        "action 1 cwd": "/srv",
        "action 1 user": "app",
        "action 1 exitCodes": "[0,2]",
        "action 1 expectReboot": "true",
      },
    );
    expect(await manifestOf({ actions: [{ run: "x" }] })).toEqual({
      name: "only",
      "action 1 run": '["x"]',
      "action 1 shell": "sh",
    });
  });

  it("numbers actions, and has the files of the host that they read", async () => {
    const actions = [{ upload: "file.txt", to: "/f" }, { run: "x" }, { upload: "tree", to: "/t/" }];
    const manifest = await manifestOf({ actions });
    expect(manifest).toMatchObject({ "action 1 to": "/f", "action 3 to": "/t/" });
    expect(Object.keys(manifest).filter((name) => /file\.txt|tree/.test(name))).toEqual([
      "file.txt",
      "tree/",
      "tree/inner",
    ]);
    expect(manifest["file.txt"]).toMatch(/^0?644 /);
  });

  it.each([
    ["whether an action runs again", { actions: [{ local: "true", cache: true }] }],
    ["how long a step may take", { actions: [{ local: "true" }], timeout: "5m" }],
    ["how often it is tried", { actions: [{ local: "true" }], retries: 3 }],
  ])("does not have %s", async (_, step) => {
    expect(await manifestOf(step)).toEqual(await manifestOf({ actions: [{ local: "true" }] }));
  });

  it.each([
    ["the name of the step", { ...run, name: "other" }],
    ["an action", { actions: [{ run: "false" }] }],
    ["a further action", { actions: [{ run: "true" }, { run: "true" }] }],
    ["a check", { ...run, verify: ["true"] }],
    ["the command that skips it", { ...run, skipIf: "true" }],
    ["a variable of the environment", { ...run, environment: { A: "" } }],
  ])("changes with %s", async (_, step) => {
    expect(await manifestOf(step)).not.toEqual(await manifestOf(run));
  });

  it("has no secret, and changes when one does", async () => {
    const step = {
      environment: { TOKEN: "${var.token}" },
      actions: [{ run: "echo ${var.token}" }],
      skipIf: "test -n ${var.token}",
      verify: ["test ${var.token}"],
    };
    const withToken = (value: string) =>
      manifestOf(step, { variables: { token: { sensitive: true, default: value } } });
    const [one, same, other] = [
      await withToken("opensesame"),
      await withToken("opensesame"),
      await withToken("hunter2hunter2"),
    ];
    expect(JSON.stringify(one)).not.toContain("opensesame");
    expect(one).toEqual(same);
    for (const name of ["environment TOKEN", "action 1 run", "skipIf", "verify 1"]) {
      expect(one[name]).not.toBe(other[name]);
    }
  });
});

describe("stepManifest of a playbook", () => {
  /** Creates a project of many files with the template in it, and returns how to describe it. */
  async function makeProject() {
    const folder = await makeFolder();
    const write = async (path: string, content: string): Promise<void> => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    };
    await write("site.yml", "- hosts: all\n  roles: [first, last]\n");
    await write("roles/last/tasks/main.yml", "- ping:\n");
    await write("group_vars/all.yml", "a: 1\n");
    for (let number = 0; number < 250; number++) await write(`roles/first/files/${number}`, "x");
    const step = { name: "only", actions: [{ ansible: "site.yml", requirements: "../req.yml" }] };
    const output = { directory: join(folder, "output") };
    const texts = await makeFolder();
    const textPath = (sha256: string): string => join(texts, sha256);
    const describeIt = async (more: object = {}) => {
      await write("t.json", templateText({ steps: [step], output, ...more }));
      const template = await loadTemplate(join(folder, "t.json"), { environment: {} });
      const store = (sha256: string, content: Buffer) => writeFile(textPath(sha256), content);
      const describer = await createStepDescriber(template, [], store, signal);
      const [first] = template.steps;
      if (!first) throw new Error("the template has a step");
      return stepManifest(first, describer);
    };
    const explain = (one: Record<string, string>, other: Record<string, string>) =>
      explainDifferences(one, other, textPath);
    return { write, describeIt, explain };
  }

  it("names the file that changed, however many there are", async () => {
    const { write, describeIt, explain } = await makeProject();
    const before = await describeIt();
    await write("roles/last/tasks/main.yml", "- ping:\n- setup:\n");
    const after = await describeIt();
    expect(await explain(before, after)).toBe("roles/last/tasks/main.yml changed (1 line)");
    await write("group_vars/all.yml", "a: 2\n");
    await write("host_vars/default.yml", "b: 3\n");
    expect(await explain(after, await describeIt())).toBe(
      "group_vars/all.yml changed (1 line), host_vars is new, host_vars/default.yml is new",
    );
  });

  it("leaves out version control, caches, the template and its output", async () => {
    const { write, describeIt } = await makeProject();
    const before = await describeIt();
    await write(".git/HEAD", "ref: refs/heads/main\n");
    await write("library/__pycache__/x.pyc", "x");
    await write("output/demo.qcow2", "image");
    const after = await describeIt({ description: "Changed." });
    expect(Object.keys(after).filter((name) => !(name in before))).toEqual(["library"]);
  });
});
