/** From what a template writes to where an input comes from in this run. */
import { resolve } from "node:path";
import type { PathSpec } from "./kinds/path.js";
import { specOf } from "./registry.js";
import type { InputDefinition, InputSpec } from "./registry.js";

/** What decides beside the template. */
export interface DefinitionContext {
  /** What paths of the template are relative to; absolute. */
  readonly templateFolder: string;
  /** The value of `--input NAME=PATH` for this input; relative to the current folder. */
  readonly override?: string | undefined;
  /** Where `env` is looked up; the process's own by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Settles one input: `--input` before the environment variable before the template. An
 * environment variable that is set but empty counts as not set.
 */
export function inputSpec(definition: InputDefinition, context: DefinitionContext): InputSpec {
  const { templateFolder, override, environment = process.env } = context;
  const named = definition.env === undefined ? undefined : environment[definition.env];
  const local = override ?? (named === "" ? undefined : named);
  if (local === undefined) return specOf(definition, templateFolder);
  return { kind: "path", path: resolve(local) } satisfies PathSpec;
}
