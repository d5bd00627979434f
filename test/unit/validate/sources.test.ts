/** Checks of a run before a machine starts for its steps. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { requireSources } from "../../../src/validate/validate.js";
import { loadTemplate } from "../../../src/template/load.js";
import { errorOf } from "../../support/inputs.js";
import { makeFolder, templateText } from "../template/support.js";

const { signal } = new AbortController();

describe("Windows line endings", () => {
  it("end a run before its machine starts, in the steps that will run", async () => {
    const folder = await makeFolder();
    await writeFile(join(folder, "a.sh"), "#!/bin/sh\r\ntrue\r\n");
    const steps = [
      { name: "one", actions: [{ script: "a.sh" }] },
      { name: "two", actions: [{ run: "true\r\ntrue\r\n" }, { run: "true" }] },
      { name: "three", actions: [{ run: "cat <<X\na\r\nX" }] },
    ];
    await writeFile(join(folder, "t.json"), templateText({ steps }));
    const template = await loadTemplate(join(folder, "t.json"), { environment: {} });
    const error = await errorOf(requireSources(template, { from: 0, to: 3 }, signal));
    expect(error.code).toBe("TEMPLATE_INVALID");
    expect(error.lines).toHaveLength(2);
    expect(error.lines[0]).toMatch(
      /steps\[0\]\.actions\[0\]\.script: .*a\.sh has Windows line endings/,
    );
    expect(error.lines[1]).toMatch(
      /steps\[1\]\.actions\[0\]\.run: the text has Windows line endings/,
    );
    await requireSources(template, { from: 2, to: 3 }, signal);
  });
});
