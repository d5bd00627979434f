/** `vmbuild schema`: the JSON Schema of templates, for editors. */
import { templateSchemaText } from "../template/json-schema.js";
import { createOutput } from "./output.js";

/** Runs the command; returns the exit code. */
export function schema(): number {
  createOutput().print(templateSchemaText().trimEnd());
  return 0;
}
