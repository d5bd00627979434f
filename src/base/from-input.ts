/** A base that is fetched as an input is. */
import { inputLocation, resolveInput } from "../inputs/inputs.js";
import type { InputSpec } from "../inputs/inputs.js";
import type { SourceFacts } from "../inputs/kind.js";
import { inputKindOf } from "../inputs/registry.js";
import type { BaseContext, FoundImage } from "./kind.js";

/** Brings the image to this host. Throws as {@link resolveInput} does. */
export async function resolveFromInput(spec: InputSpec, context: BaseContext): Promise<FoundImage> {
  const { path, origin, digest } = await resolveInput("base", spec, context);
  return { path, origin, digest: digest && `${digest.algorithm}:${digest.hex}` };
}

/** Describes the input for `vmbuild inspect`. */
export function inspectFromInput(spec: InputSpec): SourceFacts {
  return inputKindOf(spec).inspect(spec, inputLocation(spec));
}
