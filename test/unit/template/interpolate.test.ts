import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { load, templateText } from "./support.js";

const VARIABLES = { word: { default: "w" }, count: { default: 3 }, on: { default: false } };

describe("references", () => {
  it("are replaced in every string, and preserve the type where they are the whole value", async () => {
    const template = await load(
      templateText({
        version: "${name}.${var.count}",
        variables: VARIABLES,
        description: "${name} ${version} ${var.word}${var.count}",
        machine: { cpus: "${var.count}" },
        seal: "${var.on}",
      }),
    );
    expect(template).toMatchObject({
      version: "demo.3",
      description: "demo demo.3 w3",
      machine: { cpus: 3 },
      seal: false,
      output: { directory: "output/demo" },
    });
  });

  it("do not affect the shell's own in shell code, and are replaced there too", async () => {
    const template = await load(
      templateText({
        variables: VARIABLES,
        steps: [
          {
            name: "a",
            actions: [
              { run: ["echo ${HOME} ${var.word}", 'echo "${x:-$${var.word}}"'] },
              { write: "/x", content: "${Y} ${name}" },
              { wait: "test ${Z}" },
              { local: "echo ${W}" },
            ],
            skipIf: "test ${U} = ${var.word}",
            verify: ["test ${#x} = ${var.count}"],
          },
        ],
      }),
    );
    const [step] = template.steps;
    expect(step?.actions.map(({ value }) => value)).toMatchObject([
      { run: ["echo ${HOME} w", 'echo "${x:-${var.word}}"'] },
      { content: "${Y} demo" },
      { wait: "test ${Z}" },
      { local: ["echo ${W}"] },
    ]);
    expect(step?.skipIf).toBe("test ${U} = w");
    expect(step?.verify).toEqual(["test ${#x} = 3"]);
  });

  it("are written as $${ where none is meant", async () => {
    const template = await load(templateText({ description: "$${var.x} and $${HOME}" }));
    expect(template.description).toBe("${var.x} and ${HOME}");
  });

  it("are replaced by the path of an input, which --input and the environment can change", async () => {
    const text = templateText({
      inputs: { tree: { path: "files", env: "TREE" } },
      description: "${input.tree}",
    });
    const template = await load(text);
    expect(template.description).toBe(join(template.folder, "files"));
    expect((await load(text, { environment: { TREE: "/env" } })).description).toBe("/env");
    const both = { environment: { TREE: "/env" }, inputs: { tree: "/flag" } };
    expect((await load(text, both)).description).toBe("/flag");
  });

  it("stay as they are in a variable's own pattern", async () => {
    const variables = { x: { default: "${", pattern: "\\$\\{" } };
    expect((await load(templateText({ variables }))).values.get("x")).toBe("${");
  });
});
