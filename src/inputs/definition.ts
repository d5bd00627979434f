/** Resolves the definition of an input in a template to its source in this run. */
import { resolve } from "node:path";
import type { PathSpec } from "./kinds/path.js";
import { specOf } from "./registry.js";
import type { InputDefinition, InputSpec } from "./registry.js";

/** Values besides the template that affect an input. */
export interface DefinitionContext {
  /** Folder to which paths of the template are relative; absolute. */
  readonly templateFolder: string;
  /** Path from `--input NAME=PATH` for this input; relative to the current folder. */
  readonly override?: string | undefined;
  /** Environment for `env`; that of the process by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Resolves one input. `--input` takes precedence over the environment variable, which takes
 * precedence over the template. A variable that is set but empty counts as unset.
 */
export function inputSpec(definition: InputDefinition, context: DefinitionContext): InputSpec {
  const { templateFolder, override, environment = process.env } = context;
  const named = definition.env === undefined ? undefined : environment[definition.env];
  const local = override ?? (named === "" ? undefined : named);
  if (local === undefined) return specOf(definition, templateFolder);
  return { kind: "path", path: resolve(local) } satisfies PathSpec;
}
