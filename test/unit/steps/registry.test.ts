import { describe, expect, it } from "vitest";
import { ACTIONS, actionSchema, describeAction } from "../../../src/steps/registry.js";

function problemsOf(input: unknown): { message: string; path: PropertyKey[] }[] {
  const { error } = actionSchema.safeParse(input);
  return (error?.issues ?? []).map(({ message, path }) => ({ message, path }));
}

describe("every action", () => {
  it.each(ACTIONS.map((action) => [action.name, action] as const))(
    "%s: its example is one, and its name marks it",
    (name, action) => {
      const example: unknown = JSON.parse(action.example);
      expect(example).toHaveProperty(name);
      const parsed = actionSchema.parse(example);
      expect(parsed.type.name).toBe(name);
      expect(describeAction(parsed)).not.toBe("");
      expect(describeAction(parsed)).not.toContain("\n");
    },
  );
});

describe("an action", () => {
  it("may have a timeout, whatever its kind", () => {
    expect(actionSchema.parse({ run: "true", timeout: "2m" }).timeoutMs).toBe(120_000);
    expect(actionSchema.parse({ reboot: true }).timeoutMs).toBeUndefined();
  });

  it.each([{}, { step: "x" }, "run", null, 7, ["run"]])("%j has no kind", (input) => {
    expect(problemsOf(input)[0]?.message).toMatch(/exactly one of "script", "run".*none of them/);
  });

  it("has one kind only", () => {
    expect(problemsOf({ run: "true", reboot: true })[0]?.message).toContain(
      'found both "run" and "reboot"',
    );
  });

  it.each([
    [{ run: "" }, ["run"]],
    [{ run: [] }, ["run"]],
    [{ run: "true", shell: "fish" }, ["shell"]],
    [{ upload: "a", to: "relative" }, ["to"]],
    [{ upload: "a" }, ["to"]],
    [{ write: "/a", content: "x", mode: "rw-" }, ["mode"]],
    [{ reboot: false }, ["reboot"]],
    [{ run: "true", timeout: "5" }, ["timeout"]],
    [{ wait: "true", every: "often" }, ["every"]],
  ])("%j is wrong at %j", (input, path) => {
    expect(problemsOf(input).map((problem) => problem.path)).toContainEqual(path);
  });

  it("has no field that its kind does not know", () => {
    expect(problemsOf({ run: "true", mode: "0644" })[0]?.message).toContain('"mode"');
  });

  it("reports everything that is wrong with it at once", () => {
    expect(problemsOf({ upload: "", to: "x", mode: "9", timeout: "soon" }).length).toBe(4);
  });
});
