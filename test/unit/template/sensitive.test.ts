/** Sensitive variables in places that other users of a machine can read. */
import { describe, expect, it } from "vitest";
import { errorOf } from "../../support/inputs.js";
import { load, templateText } from "./support.js";

/** Loads a template with one action that may use a sensitive variable. */
const withAction = (action: object) =>
  load(
    templateText({
      variables: { key: { default: "S3CRET", sensitive: true } },
      steps: [{ name: "one", actions: [action] }],
    }),
  );

describe("a sensitive variable", () => {
  it.each([
    ["a script's arguments", { script: "a.sh", arguments: ["${var.key}"] }],
    ["an interpreter", { run: "true", interpreter: ["sh", "-c", "${var.key}"] }],
    ["Ansible's arguments", { ansible: "a.yml", arguments: ["-e", "k=${var.key}"] }],
    ["Ansible's limit", { ansible: "a.yml", limit: "${var.key}" }],
    ["Ansible's tags", { ansible: "a.yml", tags: ["${var.key}"] }],
    ["Ansible's skipped tags", { ansible: "a.yml", skipTags: ["x-${var.key}"] }],
  ])("is refused in %s", async (_, action) => {
    const error = await errorOf(withAction(action));
    expect(error).toMatchObject({ code: "TEMPLATE_INVALID" });
    expect(error.lines.join("\n")).toContain(
      '"key" is sensitive, but other users can read command-line arguments',
    );
  });

  it.each([
    ["commands", { run: "echo ${var.key}" }],
    ["a file", { write: "/etc/key", content: "${var.key}" }],
    ["a variable of Ansible", { ansible: "a.yml", extraVars: { arguments: "${var.key}" } }],
    ["a list in one", { ansible: "a.yml", extraVars: { tags: ["${var.key}"] } }],
  ])("is accepted in %s", async (_, action) => {
    expect((await withAction(action)).secrets).toEqual(["S3CRET"]);
  });
});
