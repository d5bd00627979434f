import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { addCommand } from "../../../bench/packer-template.js";

describe("addCommand", () => {
  it("adds a command after the first line, before anything that ends the script", async () => {
    const script = await readFile("bench/templates/packer/scripts/install.sh", "utf8");
    const changed = addCommand(script, "echo changed");
    expect(changed).toMatch(/^#!\/bin\/bash -eu\necho changed\n/);
    expect(changed.replace("echo changed\n", "")).toBe(script);
  });
});
