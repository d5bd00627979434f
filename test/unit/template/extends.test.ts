/** Templates that extend others: what is taken over, and where problems are reported. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { loadTemplate } from "../../../src/template/load.js";
import type { LoadOptions, Template } from "../../../src/template/load.js";
import { makeFolder } from "./support.js";

type Files = Readonly<Record<string, unknown>>;

const BASE = { bootstrap: { suite: "bookworm" } };
const step = (name: string, run = name): object => ({ name, actions: [{ run }] });

/** Writes files below a folder. Values that are not strings become JSON. */
async function write(files: Files): Promise<string> {
  const folder = await makeFolder();
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

async function load(files: Files, name: string, options: LoadOptions = {}): Promise<Template> {
  return loadTemplate(join(await write(files), name), { environment: {}, ...options });
}

/** Loads a child over a parent in the same folder. */
const extend = (parent: object, child: object, options: LoadOptions = {}): Promise<Template> =>
  load(
    { "p.json": { name: "p", base: BASE, ...parent }, "c.json": { extends: "p.json", ...child } },
    "c.json",
    options,
  );

/** Returns the problems of a template, without its folder. */
async function problems(files: Files, name: string, options: LoadOptions = {}): Promise<string[]> {
  const folder = await write(files);
  try {
    await loadTemplate(join(folder, name), { environment: {}, ...options });
  } catch (error) {
    if (!(error instanceof VmbuildError)) throw error;
    return error.lines.map((line) => line.replaceAll(`${folder}/`, ""));
  }
  throw new Error("it loaded");
}

const names = ({ steps }: Template): string[] => steps.map(({ name }) => name);

describe("a template that extends another", () => {
  it("takes over what it does not set, at any depth", async () => {
    const template = await extend(
      { version: "2", machine: { cpus: 2, memory: "1G" }, output: { checksums: ["md5"] } },
      { name: "c", machine: { memory: "2G" } },
    );
    expect(template).toMatchObject({ name: "c", version: "2", base: BASE });
    expect(template.machine).toMatchObject({ cpus: 2, memory: 2 * 2 ** 30 });
    expect(template.output.checksums).toEqual(["md5"]);
    expect(template.files.map(({ path }) => path)).toEqual([
      template.path,
      join(template.folder, "p.json"),
    ]);
  });

  it("replaces lists, and removes values with null", async () => {
    const template = await extend(
      {
        version: "2",
        description: "parent",
        output: { checksums: ["md5"] },
        variables: { a: { default: 1 }, b: { default: 2 } },
      },
      { description: null, output: { checksums: ["sha256"] }, variables: { a: null } },
    );
    expect(template.description).toBeUndefined();
    expect(template.output.checksums).toEqual(["sha256"]);
    expect([...template.values]).toEqual([["b", 2]]);
  });

  it("extends chains of any length, by name or path", async () => {
    const files = {
      "appliances/one/one.json": { name: "one", base: BASE, version: "1", steps: [step("a")] },
      "appliances/two/two.json": { extends: "one", steps: [step("b")] },
      "appliances/three/three.json": { extends: "../two/two.json", steps: [step("c")] },
      "t/t.json": { extends: "../appliances/three", name: "t" },
    };
    const template = await load(files, "t/t.json");
    expect(template).toMatchObject({ name: "t", version: "1" });
    expect(names(template)).toEqual(["a", "b", "c"]);
    expect(template.files).toHaveLength(4);
  });

  it("finds a name in the folder of --appliances", async () => {
    const files = { "x/one/one.json": { name: "one", base: BASE }, "t.json": { extends: "one" } };
    const folder = await write(files);
    const template = await loadTemplate(join(folder, "t.json"), {
      environment: {},
      appliances: join(folder, "x"),
    });
    expect(template.name).toBe("one");
  });

  it("fills in its own variables in the parent's steps", async () => {
    const template = await extend(
      {
        variables: { greeting: { default: "hi" } },
        steps: [step("say", "echo ${var.greeting} ${name}")],
      },
      { name: "c", variables: { greeting: { default: "hello" } } },
    );
    expect(template.steps[0]?.actions[0]?.value).toMatchObject({ run: ["echo hello c"] });
  });

  it("replaces a base, an input or a seed of another kind, and merges one of the same", async () => {
    const url = { url: "https://example.org/x.qcow2", checksum: "none" };
    const parent = {
      base: url,
      seed: { kind: "cloud-init", userData: "u" },
      inputs: { a: url, b: url },
    };
    const other = "https://example.org/y.qcow2";
    const template = await extend(parent, {
      base: { path: "x.qcow2" },
      seed: { kind: "ignition" },
      ssh: { user: "core" },
      inputs: { a: { path: "x" }, b: { url: other } },
    });
    expect(template.base).toEqual({ path: "x.qcow2" });
    expect(template.seed).toEqual({ kind: "ignition" });
    expect(template.inputSpecs.get("a")).toMatchObject({ kind: "path" });
    expect(template.inputSpecs.get("b")).toMatchObject({ url: other, checksum: "none" });
  });

  it("applies --set to the merged template", async () => {
    const override = {
      path: ["steps", 1, "timeout"],
      value: "5m",
      source: "--set steps[1].timeout",
    };
    const parent = { steps: [step("a")] };
    const template = await extend(parent, { steps: [step("b")] }, { overrides: [override] });
    expect(template.steps[1]?.timeout).toBe(300_000);
    expect(template.originOf(["steps", 1, "timeout"])).toEqual({
      option: "--set steps[1].timeout",
    });
  });
});

describe("steps", () => {
  const parent = { steps: [step("a"), step("b"), step("c")] };
  const merged = async (steps: unknown): Promise<string[]> =>
    names(await extend(parent, { steps }));

  it("replace those of the same name in their places, or are added at the end", async () => {
    const template = await extend(parent, { steps: [step("b", "other"), step("d")] });
    expect(names(template)).toEqual(["a", "b", "c", "d"]);
    expect(template.steps[1]?.actions[0]?.value).toMatchObject({ run: ["other"] });
  });

  it("are placed before and after others, in the order in which they are written", async () => {
    expect(
      await merged([
        { ...step("x"), before: "b" },
        { ...step("y"), before: "b" },
      ]),
    ).toEqual([...["a", "x", "y", "b", "c"]]);
    expect(
      await merged([
        { ...step("x"), after: "a" },
        { ...step("y"), after: "a" },
      ]),
    ).toEqual([...["a", "x", "y", "b", "c"]]);
    expect(
      await merged([
        { ...step("x"), after: "y" },
        { ...step("y"), after: "a" },
      ]),
    ).toEqual([...["a", "y", "x", "b", "c"]]);
    expect(await merged([{ ...step("a"), after: "c" }])).toEqual(["b", "c", "a"]);
  });

  it("may be given by name, and removed with null", async () => {
    const { actions } = step("x") as { actions: unknown };
    expect(await merged({ b: null, x: { after: "a", actions }, c: { actions } })).toEqual([
      ...["a", "x", "c"],
    ]);
  });

  it("may be placed in a template without a parent", async () => {
    const steps = [step("a"), { ...step("b"), before: "a" }];
    const template = await load({ "t.json": { name: "t", base: BASE, steps } }, "t.json");
    expect(names(template)).toEqual(["b", "a"]);
    expect(template.steps[0]).not.toHaveProperty("before");
  });

  it("cannot be placed beside what does not exist, or what is placed beside them", async () => {
    const child = {
      extends: "p.json",
      steps: [
        { ...step("x"), before: "none" },
        { ...step("y"), after: "z" },
        { ...step("z"), after: "y" },
        { ...step("w"), before: "a", after: "b" },
      ],
    };
    const lines = await problems(
      { "p.json": { name: "p", base: BASE, ...parent }, "c.json": JSON.stringify(child, null, 1) },
      "c.json",
    );
    expect(lines).toEqual([
      expect.stringMatching(
        /^c\.json:38:\d+: steps\[3\]\.before: "before" and "after" are mutually/,
      ),
      expect.stringMatching(
        /^c\.json:11:\d+: steps\[0\]\.before: there is no step "none"; there is a, b, c, w$/,
      ),
      expect.stringMatching(/steps\[1\]\.after: the step "z" is itself placed beside this one$/),
      expect.stringMatching(/steps\[2\]\.after: the step "y" is itself placed beside this one$/),
    ]);
  });

  it("of the same name in one file are refused", async () => {
    const files = {
      "p.json": { name: "p", base: BASE, ...parent },
      "c.json": { extends: "p.json", steps: [step("x"), step("x")] },
    };
    expect(await problems(files, "c.json")).toEqual([
      expect.stringMatching(
        /^c\.json:1:\d+: steps\[1\]\.name: the name "x" is used by another step$/,
      ),
    ]);
  });
});

it("merges acceptance checks by name", async () => {
  const check = (name: string, http = "/"): object => ({ name, http });
  const template = await extend(
    { acceptance: { title: "T", checks: [check("a"), check("b")], rounds: [{ name: "r" }] } },
    { acceptance: { checks: { a: null, b: { http: "/b" }, c: { http: "/c", before: "b" } } } },
  );
  expect(template.acceptance?.checks).toMatchObject([check("c", "/c"), check("b", "/b")]);
  expect(template.acceptance).toMatchObject({ title: "T", rounds: [{ name: "r" }] });
});

describe("relative paths of a parent", () => {
  it("stay relative to its file, whatever they are part of", async () => {
    const sums = { url: "https://example.org/x", checksum: "file:SUMS" };
    const parent = {
      base: { ...sums, signature: { keyring: "keys.gpg" } },
      inputs: { tree: { path: "tree" }, repo: { git: "./repo", ref: "v1" } },
      ssh: { privateKey: "id" },
      seed: { userData: "user-data" },
      acceptance: { endpoint: { ca: "ca.pem" }, checks: [{ name: "up", http: "/" }] },
      steps: [
        {
          name: "a",
          actions: [
            { script: "a.sh" },
            { script: "/abs/b.sh" },
            { upload: "files/", to: "/x/" },
            { upload: "${input.tree}/y", to: "/y" },
            { download: "/etc/os-release", hostPath: "down/" },
            { local: "make" },
            { local: "make", cwd: "sub" },
            { ansible: "play/site.yml", folder: "play", rolesPath: ["roles"] },
          ],
        },
      ],
      post: [{ run: "true" }],
    };
    const files = { "lib/p.json": parent, "t/t.json": { extends: "../lib/p.json", name: "t" } };
    const template = await load(files, "t/t.json");
    const root = join(template.folder, "..");
    const [first] = template.steps;
    expect(first?.actions.map(({ value }) => value)).toMatchObject([
      { script: "../lib/a.sh" },
      { script: "/abs/b.sh" },
      { upload: "../lib/files/" },
      { upload: join(root, "lib/tree/y") },
      { hostPath: "../lib/down/" },
      { cwd: "../lib" },
      { cwd: "../lib/sub" },
      { ansible: "../lib/play/site.yml", folder: "../lib/play", rolesPath: ["../lib/roles"] },
    ]);
    expect(template).toMatchObject({
      base: { checksum: "file:../lib/SUMS", signature: { keyring: "../lib/keys.gpg" } },
      ssh: { privateKey: "../lib/id" },
      seed: { userData: "../lib/user-data" },
      post: [{ cwd: "../lib" }],
    });
    expect(template.acceptance?.endpoint.ca).toBe("../lib/ca.pem");
    expect(template.inputSpecs.get("tree")).toMatchObject({ path: join(root, "lib/tree") });
    expect(template.inputSpecs.get("repo")).toMatchObject({ url: join(root, "lib/repo") });
  });

  it("of an installer do so too", async () => {
    const install = {
      kernel: { path: "linux" },
      initrd: { url: "https://example.org/initrd", checksum: "file:SUMS" },
      http: { folders: ["www"], files: { a: "a.cfg", b: { content: "a.cfg" } } },
      media: [{ label: "cidata", files: { "user-data": "u" } }],
    };
    const files = {
      "lib/p.json": { base: { install } },
      "t/t.json": { extends: "../lib/p.json", name: "t" },
    };
    expect((await load(files, "t/t.json")).base).toMatchObject({
      install: {
        kernel: { path: "../lib/linux" },
        initrd: { checksum: "file:../lib/SUMS" },
        http: { folders: ["../lib/www"], files: { a: "../lib/a.cfg", b: { content: "a.cfg" } } },
        media: [{ files: { "user-data": "../lib/u" } }],
      },
    });
  });

  it("are those of the template where it replaces them, and in options", async () => {
    const files = {
      "lib/p.json": { base: { path: "p.qcow2" }, inputs: { a: { path: "a" }, b: { path: "b" } } },
      "t/t.json": { extends: "../lib/p.json", name: "t", inputs: { b: { path: "b" } } },
    };
    const override = { path: ["base"], value: { path: "own.qcow2" }, source: "--base" };
    const template = await load(files, "t/t.json", { overrides: [override] });
    expect(template.base).toEqual({ path: "own.qcow2" });
    expect(template.inputSpecs.get("a")).toMatchObject({ path: join(template.folder, "../lib/a") });
    expect(template.inputSpecs.get("b")).toMatchObject({ path: join(template.folder, "b") });
  });

  it("do not change when a step is moved to a parent", async () => {
    const script = { name: "a", actions: [{ script: "../scripts/a.sh" }] };
    const own = await load({ "t/t.json": { name: "t", base: BASE, steps: [script] } }, "t/t.json");
    const files = {
      "shared/parts/p.json": {
        base: BASE,
        steps: [{ name: "a", actions: [{ script: "../../scripts/a.sh" }] }],
      },
      "t/t.json": { extends: "../shared/parts/p.json", name: "t" },
    };
    const moved = await load(files, "t/t.json");
    expect(moved.steps[0]?.actions[0]?.value).toEqual(own.steps[0]?.actions[0]?.value);
  });
});

describe("problems", () => {
  it("name the file and the line in which the value stands", async () => {
    const files = {
      "lib/p.json": '{\n  "base": { "path": "x" },\n  "machine": {\n    "cpus": 0\n  }\n}',
      "t/t.json":
        '{\n  "extends": "../lib/p.json",\n  "name": "t",\n  "machine": { "memory": "x" },\n  "stps": []\n}',
    };
    expect(await problems(files, "t/t.json")).toEqual([
      expect.stringMatching(/^lib\/p\.json:4:13: machine\.cpus: /),
      expect.stringMatching(/^t\/t\.json:4:26: machine\.memory: /),
      expect.stringMatching(/^t\/t\.json:5:11: stps: unknown key/),
    ]);
  });

  it("are in the step's own file, whose index is shown", async () => {
    const files = {
      "p.json": {
        name: "p",
        base: BASE,
        steps: [step("a"), { name: "b", actions: [{ rn: "x" }] }],
      },
      "c.json": {
        extends: "p.json",
        steps: [
          { ...step("x"), before: "a" },
          { name: "y", retries: -1 },
        ],
      },
    };
    expect(await problems(files, "c.json")).toEqual([
      expect.stringMatching(/^p\.json:1:\d+: steps\[1\]\.actions\[0\]: an action has exactly one/),
      expect.stringMatching(/^c\.json:1:\d+: steps\[1\]\.retries: /),
    ]);
  });

  it("of a parent that is missing, is no JSON, or refers to variables", async () => {
    const child = (value: unknown): Files => ({ "c.json": { extends: value } });
    expect(await problems(child("../no/p.json"), "c.json")).toEqual([
      expect.stringMatching(/^c\.json:1:12: extends: .*\/no\/p\.json does not exist$/),
    ]);
    expect(await problems(child("none"), "c.json")).toEqual([
      expect.stringMatching(/^c\.json:1:12: extends: Template none not found\. /),
    ]);
    expect(await problems(child("${var.x}.json"), "c.json")).toEqual([
      expect.stringContaining("extends: cannot contain references"),
    ]);
    expect(await problems(child(["a"]), "c.json")).toEqual([
      expect.stringContaining("extends: expected the path or the name of a template"),
    ]);
    expect(await problems({ ...child("p.json"), "p.json": '{\n "name": }' }, "c.json")).toEqual([
      expect.stringMatching(/^p\.json:2:10: not JSON/),
    ]);
  });

  it("of a cycle name every file", async () => {
    const files = {
      "a.json": { extends: "b.json" },
      "b.json": { extends: "c.json" },
      "c.json": { extends: "./a.json" },
    };
    expect(await problems(files, "a.json")).toEqual([
      "c.json:1:12: extends: the templates extend each other in a cycle: a.json -> b.json -> c.json -> a.json",
    ]);
  });

  it("of null where no parent has a value", async () => {
    const files = {
      "p.json": { name: "p", base: BASE, steps: [step("a")] },
      "c.json": { extends: "p.json", variables: { x: null }, steps: { b: null }, inputs: null },
    };
    expect(await problems(files, "c.json")).toEqual([
      expect.stringMatching(
        /: variables\.x: null removes a value of a parent, but no parent has variables\.x$/,
      ),
      expect.stringMatching(
        /: steps\.b: null removes a step of a parent, but no parent has a step "b"; there is a$/,
      ),
      expect.stringMatching(
        /: inputs: null removes a value of a parent, but no parent has inputs$/,
      ),
    ]);
  });
});
