import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { findTemplate, listAppliances } from "../../../src/template/find.js";
import { makeFolder } from "./support.js";

let root: string;
beforeEach(async () => {
  root = await makeFolder();
  for (const path of [
    "appliances/demo/demo.json",
    "appliances/empty/other.json",
    "work/appliances/demo/demo.json",
    "work/appliances/near/near.json",
    "work/local.json",
    "elsewhere/far/far.json",
  ]) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), "{}");
  }
  await mkdir(join(root, "work/deep"));
});

describe("a template", () => {
  it.each([
    ["local.json", "work", "work/local.json"],
    ["./local.json", "work", "work/local.json"],
    ["demo", "work", "work/appliances/demo/demo.json"],
    ["demo", "work/deep", "work/appliances/demo/demo.json"],
    ["demo.json", "work", "work/appliances/demo/demo.json"],
    ["demo", ".", "appliances/demo/demo.json"],
    ["appliances/demo", ".", "appliances/demo/demo.json"],
  ])("called %s in %s is %s", async (text, folder, path) => {
    const places = { currentFolder: join(root, folder) };
    expect(await findTemplate(text, places)).toBe(join(root, path));
  });

  it("is looked up in --appliances alone where that is given", async () => {
    const places = { currentFolder: join(root, "work"), appliances: "../elsewhere" };
    expect(await findTemplate("far", places)).toBe(join(root, "elsewhere/far/far.json"));
    await expect(findTemplate("near", places)).rejects.toMatchObject({
      code: "TEMPLATE_NOT_FOUND",
      message: "Template near not found",
      hint: "Available appliances: far. Or use the path of a JSON file.",
    });
  });

  it.each(["empty", "nope", "sub/demo", "missing.json"])(
    "called %s does not exist",
    async (text) => {
      const places = { currentFolder: join(root, "work") };
      await expect(findTemplate(text, places)).rejects.toMatchObject({
        code: "TEMPLATE_NOT_FOUND",
      });
    },
  );

  it("is listed once, the nearest one of a name", async () => {
    const found = await listAppliances({ currentFolder: join(root, "work") });
    expect([...found]).toEqual([
      ["demo", join(root, "work/appliances/demo/demo.json")],
      ["near", join(root, "work/appliances/near/near.json")],
    ]);
  });
});
