import { describe, expect, it } from "vitest";
import { isOutsideProject } from "../../../src/steps/project-files.js";

describe("isOutsideProject", () => {
  it.each([
    ["version control", "/p/.git"],
    ["compiled Python", "/p/library/__pycache__"],
    ["a file of compiled Python", "/p/filter_plugins/x.pyc"],
    ["the template", "/p/image.json"],
    ["the output folder", "/p/output/image"],
  ])("leaves out %s", (_, path) => {
    expect(isOutsideProject(path, ["/p/image.json", "/p/output/image"])).toBe(true);
  });

  it.each(["/p/site.yml", "/p/roles/git", "/p/.gitignore", "/p/output", "/p/other.json"])(
    "keeps %s",
    (path) => {
      expect(isOutsideProject(path, ["/p/image.json", "/p/output/image"])).toBe(false);
    },
  );
});
