import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { load, makeFolder, templateText } from "./support.js";

it("preserves the digits of a number in a variables file for a string", async () => {
  const file = join(await makeFolder(), "values.json");
  await writeFile(file, '{ "release": 1.10, "cpus": 2.0, "plain": "1.10" }');
  const variables = { release: {}, cpus: { type: "number" }, plain: {} };
  const text = templateText({
    version: "${var.release}",
    description: "${var.plain}",
    machine: { cpus: "${var.cpus}" },
    variables,
  });
  const template = await load(text, { variableFiles: [file] });
  expect(template).toMatchObject({ version: "1.10", description: "1.10", machine: { cpus: 2 } });
});
