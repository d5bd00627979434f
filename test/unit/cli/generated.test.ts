/** The generated files are up to date and complete. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { generatedFiles } from "../../../src/cli/reference/pages.js";
import { ERRORS, EXIT_CODES } from "../../../src/errors.js";
import { ACTIONS } from "../../../src/steps/registry.js";

const inProject = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const read = (path: string): Promise<string> => readFile(inProject(path), "utf8");

describe("the generated files", () => {
  const files = generatedFiles();

  it.each([...files.keys()])(
    "%s is up to date (npm run build && npm run generate)",
    async (path) => {
      expect(await read(path)).toBe(files.get(path));
    },
  );

  it("name every action and every error", () => {
    for (const { name } of ACTIONS)
      expect(files.get("docs/template.md")).toContain(`### \`${name}\``);
    for (const code of Object.keys(ERRORS)) expect(files.get("docs/errors.md")).toContain(code);
  });

  it("contain every command's help with examples", () => {
    const page = files.get("docs/cli.md") ?? "";
    const sections = page.split(/^## `vmbuild /m).slice(1);
    expect(sections.length).toBeGreaterThan(10);
    for (const section of sections) expect(section).toMatch(/^Examples:$/m);
  });

  it("keep help within 80 columns, but for examples", () => {
    const page = files.get("docs/cli.md") ?? "";
    const options = page.split("\n").filter((line) => /^ {2}(-|[a-z<[]+ {2,})/.test(line));
    expect(options.filter((line) => line.length > 80)).toEqual([]);
  });
});

describe("README.md", () => {
  it("lists every exit code with its meaning", async () => {
    const rows = [...(await read("README.md")).matchAll(/^\| (\d+) +\| (.+?) +\|$/gm)];
    expect(Object.fromEntries(rows.map(([, code, meaning]) => [code, meaning]))).toEqual(
      EXIT_CODES,
    );
  });
});
