import { describe, expect, it } from "vitest";
import { playbookProblem } from "../../../../src/steps/ansible/warnings.js";

describe("playbookProblem", () => {
  it.each([
    ["no plays", ""],
    ["an object", "hosts: all\n"],
    ["a text", "all"],
  ])("reports %s", (_, text) => {
    expect(playbookProblem(text)).toBe("is not a playbook: it is not a list of plays");
  });

  it("reports broken YAML with its place", () => {
    expect(playbookProblem("- hosts: [all\n")).toMatch(/^is not valid YAML: .* line \d/);
  });

  it("accepts what Ansible accepts: expressions, its tags, and repeated keys", () => {
    const text =
      "- hosts: all\n  vars: {a: !unsafe '{{ b }}', a: \"{{ c }}\"}\n- import_playbook: x.yml\n";
    expect(playbookProblem(text)).toBeUndefined();
  });
});
