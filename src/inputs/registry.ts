/** Lists every input kind. To add one, add a file in `kinds/` and a line in this list. */
import { z } from "zod";
import type { InputKind } from "./kind.js";
import { gitInput } from "./kinds/git.js";
import { ociInput } from "./kinds/oci.js";
import { pathInput } from "./kinds/path.js";
import { urlInput } from "./kinds/url.js";

/** All kinds, in the order of the template reference. */
export const INPUT_KINDS = [urlInput, gitInput, ociInput, pathInput] as const;

const forms = INPUT_KINDS.map(({ form }) => form);

/** Schema of an entry of a template's `inputs`. */
export const inputSchema = z.union(
  INPUT_KINDS.map(({ schema }) => schema),
  { error: `an input is ${forms.slice(0, -1).join(", ")} or ${forms.at(-1)}` },
);

/** Parsed form of {@link inputSchema}. */
export type InputDefinition = z.infer<typeof inputSchema>;

/** Source of an input in this run. */
export type InputSpec = ReturnType<(typeof INPUT_KINDS)[number]["toSpec"]>;

type AnyInputKind = InputKind<InputDefinition, InputSpec>;

/** Returns the kind of a spec. */
export function inputKindOf(spec: InputSpec): AnyInputKind {
  return kindWhere(({ name }) => name === spec.kind);
}

/** Converts a definition to a spec by the kind that it belongs to. */
export function specOf(definition: InputDefinition, templateFolder: string): InputSpec {
  const kind = kindWhere(({ name }) => Object.hasOwn(definition, name));
  return kind.toSpec(definition, templateFolder);
}

function kindWhere(fits: (kind: AnyInputKind) => boolean): AnyInputKind {
  const kind = INPUT_KINDS.find(fits);
  if (!kind) throw new Error("no kind of input fits");
  return kind;
}
