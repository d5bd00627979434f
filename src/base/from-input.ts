/** Resolves bases that are fetched like inputs. */
import { inputLocation, resolveInput } from "../inputs/inputs.js";
import type { InputSpec } from "../inputs/inputs.js";
import type { SourceFacts } from "../inputs/kind.js";
import { inputKindOf } from "../inputs/registry.js";
import type { BaseContext, FoundImage } from "./kind.js";

/** Fetches the image. Throws like {@link resolveInput}. */
export async function resolveFromInput(spec: InputSpec, context: BaseContext): Promise<FoundImage> {
  const { path, origin, digest, upstream } = await resolveInput("base", spec, context);
  return { path, origin, digest: digest && `${digest.algorithm}:${digest.hex}`, upstream };
}

/** Describes the input for `vmbuild inspect`. */
export function inspectFromInput(spec: InputSpec): SourceFacts {
  return inputKindOf(spec).inspect(spec, inputLocation(spec));
}
