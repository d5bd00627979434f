/** Every file that is made from the code, by its path in the project. */
import { templateSchemaText } from "../../template/json-schema.js";
import { cliPage } from "./cli.js";
import { errorsPage } from "./errors.js";
import { eventsPage } from "./events.js";
import { templatePage } from "./template.js";

/** Path and content. */
export function generatedFiles(): Map<string, string> {
  return new Map([
    ["schemas/template.schema.json", templateSchemaText()],
    ["docs/template.md", templatePage()],
    ["docs/errors.md", errorsPage()],
    ["docs/cli.md", cliPage()],
    ["docs/events.md", eventsPage()],
  ]);
}
