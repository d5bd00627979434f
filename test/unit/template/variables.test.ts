import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LoadOptions } from "../../../src/template/load.js";
import { load, loadError, makeFolder, templateText } from "./support.js";

/** Returns a template whose description is the value of `x`. */
const withVariable = (declaration: Record<string, unknown>): string =>
  templateText({ variables: { x: declaration }, description: "${var.x}!" });

async function valueOf(declaration: Record<string, unknown>, options: LoadOptions = {}) {
  return (await load(withVariable(declaration), options)).values.get("x");
}

async function valuesFile(content: string): Promise<string> {
  const path = join(await makeFolder(), "values.json");
  await writeFile(path, content);
  return path;
}

describe("a variable", () => {
  it("takes its value from the strongest source that has one", async () => {
    const declaration = { default: "default" };
    const environment = { VMBUILD_VAR_x: "environment" };
    const file = await valuesFile('{ "x": "file", } // comments are fine');
    const later = await valuesFile('{ "x": "later file" }');
    const variables = { x: "flag" };
    expect(await valueOf(declaration)).toBe("default");
    expect(await valueOf(declaration, { environment })).toBe("environment");
    expect(await valueOf(declaration, { environment, variableFiles: [file] })).toBe("file");
    expect(await valueOf(declaration, { variableFiles: [file, later] })).toBe("later file");
    expect(await valueOf(declaration, { environment, variableFiles: [file], variables })).toBe(
      "flag",
    );
  });

  it.each([
    [{ default: 1 }, "2", 2],
    [{ type: "number" }, "2.5", 2.5],
    [{ type: "boolean" }, "true", true],
    [{ default: false }, "false", false],
    [{}, "2", "2"],
    [{ pattern: "[a-z]+|x1" }, "x1", "x1"],
    [{ allowed: ["a", "b"] }, "b", "b"],
    [{ type: "number", allowed: [1, 2] }, "2", 2],
  ])("declared as %j makes %j into %j", async (declaration, given, value) => {
    expect(await valueOf(declaration, { variables: { x: given } })).toBe(value);
  });

  it.each([
    [{ type: "number" }, "two", '--var x: "x": "two" is not a number'],
    [{ type: "boolean" }, "yes", '--var x: "x": "yes" is not a boolean'],
    [{ allowed: ["a", "b"] }, "c", '--var x: "x": "c" is not one of "a", "b"'],
    [{ pattern: "[a-z]+" }, "a1", '--var x: "x": "a1" does not match the pattern [a-z]+'],
    [{ sensitive: true, pattern: "[a-z]+" }, "S3CRET", /^(?!.*S3CRET).*does not match/],
    [{ sensitive: true, type: "number" }, "S3CRET", /^(?!.*S3CRET).*is not a number/],
  ])("declared as %j refuses %j", async (declaration, given, line) => {
    const error = await loadError(withVariable(declaration), { variables: { x: given } });
    expect(error.code).toBe("VARIABLE_INVALID");
    expect(error.lines).toHaveLength(1);
    expect(error.lines[0]).toMatch(line);
  });

  it("has its default checked like any other value", async () => {
    const error = await loadError(withVariable({ default: "c", allowed: ["a"] }));
    expect(error.lines).toEqual(['the default of x: "x": "c" is not one of "a"']);
  });

  it("reports the position of an error in a file of values", async () => {
    const wrong = await valuesFile('{ "x" 1 }');
    const list = await valuesFile("[]");
    await expect(valueOf({}, { variableFiles: [wrong] })).rejects.toThrow(
      `${wrong}:1:7: not JSON: ColonExpected`,
    );
    await expect(valueOf({}, { variableFiles: [list] })).rejects.toThrow("is not a JSON object");
    await expect(valueOf({}, { variableFiles: ["/none.json"] })).rejects.toThrow(
      "The variables file /none.json cannot be read",
    );
  });

  it("that is sensitive is among the secrets", async () => {
    const template = await load(withVariable({ default: "S3CRET", sensitive: true }));
    expect(template.secrets).toEqual(["S3CRET"]);
  });
});
