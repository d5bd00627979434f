/** Lists every file that is generated from the code, by its path in the project. */
import { templateSchemaText } from "../../template/json-schema.js";
import { cliPage } from "./cli.js";
import { errorsPage } from "./errors.js";
import { eventsPage } from "./events.js";
import { fromPackerPage } from "./from-packer.js";
import { templatePage } from "./template.js";

/** Returns the content of each file by its path. */
export function generatedFiles(): Map<string, string> {
  return new Map([
    ["schemas/template.schema.json", templateSchemaText()],
    ["docs/template.md", templatePage()],
    ["docs/errors.md", errorsPage()],
    ["docs/cli.md", cliPage()],
    ["docs/events.md", eventsPage()],
    ["docs/from-packer.md", fromPackerPage()],
  ]);
}
