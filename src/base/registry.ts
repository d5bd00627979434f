/** Lists all kinds of base. A new one is a file in `kinds/` and a line in this list. */
import { z } from "zod";
import type { BaseKind, CompletingMachine } from "./kind.js";
import { applianceBase } from "./kinds/appliance.js";
import { bootstrapBase } from "./kinds/bootstrap.js";
import { installBase } from "./kinds/install.js";
import { pathBase } from "./kinds/path.js";
import { urlBase } from "./kinds/url.js";

/** All kinds, in the order in which the reference lists them. */
export const BASE_KINDS = [urlBase, pathBase, bootstrapBase, applianceBase, installBase] as const;

const forms = BASE_KINDS.map(({ form }) => form);

/** Base image of a build, of any kind. */
export const baseSchema = z
  .union(
    BASE_KINDS.map(({ schema }) => schema),
    { error: `a base is ${forms.slice(0, -1).join(", ")} or ${forms.at(-1)}` },
  )
  .describe("disk image that the build starts from");

/** References in a base that only its kind can fill in, when the base is created. */
export const BASE_REFERENCES: ReadonlySet<string> = new Set(
  BASE_KINDS.flatMap(({ references = [] }: { readonly references?: readonly string[] }) => [
    ...references,
  ]),
);

/** Definition of a base in a template. */
export type BaseDefinition = z.infer<typeof baseSchema>;

/** Returns the kind whose key a definition has. */
export function baseKindOf(definition: BaseDefinition): BaseKind<BaseDefinition> {
  const kinds: readonly BaseKind<BaseDefinition>[] = BASE_KINDS;
  const kind = kinds.find(({ name }) => Object.hasOwn(definition, name));
  if (!kind) throw new Error("no kind of base fits");
  return kind;
}

/**
 * Returns the definition that `--base bootstrap` puts in place of another one; undefined where that
 * one does not name a Debian release.
 * @param definition as in the template: not checked, and with its references.
 */
export function bootstrappedBase(definition: Readonly<Record<string, unknown>>): unknown {
  const kinds: readonly Pick<BaseKind<never>, "name" | "bootstrapped">[] = BASE_KINDS;
  return kinds.find(({ name }) => Object.hasOwn(definition, name))?.bootstrapped?.(definition);
}

/** Returns a definition, completed with what the template's machine requires of a base. */
export function completeBase(
  definition: BaseDefinition,
  machine: CompletingMachine,
): BaseDefinition {
  return baseKindOf(definition).complete?.(definition, machine) ?? definition;
}
