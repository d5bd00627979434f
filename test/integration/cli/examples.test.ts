/** Examples are valid templates. Their media are not fetched. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { CLI } from "../../support/e2e.js";

const examples = resolve("examples");

/**
 * Templates of a folder that has others, some of which are not complete, or elsewhere. Those of
 * `cluster` need a git repository, in which `cluster.test.ts` validates them.
 */
const SEVERAL: Readonly<Record<string, readonly string[]>> = {
  cluster: [],
  "one-apps": ["example.json", "rabbitmq.json"],
  sandbox: ["projects/hello/hello.json"],
};
const templates = readdirSync(examples).flatMap((folder) =>
  (SEVERAL[folder] ?? [`${folder}.json`]).map((file) => join(folder, file)),
);

describe("vmbuild validate", () => {
  it.each(templates)("accepts the example %s", (name) => {
    const template = join(examples, name);
    const stdout = execFileSync(process.execPath, [CLI, "validate", template], {
      encoding: "utf8",
      stdio: "pipe",
    });
    expect(stdout).toMatch(/: valid \(/);
  });
});
