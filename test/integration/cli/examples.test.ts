/** Examples are valid templates. Their media are not fetched. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { CLI } from "../../support/e2e.js";

const examples = resolve("examples");

describe("vmbuild validate", () => {
  it.each(readdirSync(examples))("accepts the example %s", (name) => {
    const template = join(examples, name, `${name}.json`);
    const stdout = execFileSync(process.execPath, [CLI, "validate", template], {
      encoding: "utf8",
      stdio: "pipe",
    });
    expect(stdout).toMatch(/: valid \(/);
  });
});
