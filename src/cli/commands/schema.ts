/** Defines the `schema` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";

export const schema: DefineCommand = (setExitCode) =>
  new Command("schema")
    .description("print the JSON Schema of templates, for editors")
    .addHelpText(
      "after",
      `
Examples:
  vmbuild schema >template.schema.json
  and in a template: "$schema": "./template.schema.json"`,
    )
    .action(async () => {
      const { createOutput } = await import("../output.js");
      const { templateSchemaText } = await import("../../template/json-schema.js");
      createOutput().print(templateSchemaText().trimEnd());
      setExitCode(0);
    });
