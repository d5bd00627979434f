/** Generates the template's JSON Schema (draft 2020-12) for editors and for the reference. */
import { z } from "zod";
import { ACTIONS, ACTION_SCHEMAS, actionSchema } from "../steps/registry.js";
import type { JsonSchema } from "./json-schema-type.js";
import { completeSchema, partialProperties } from "./partial-schema.js";
import { templateSchema } from "./schema.js";

/**
 * Schema of a reference such as `${var.cpus}`, which may replace a number, a boolean or an
 * enumerated value.
 */
const REFERENCE = "#/$defs/reference";

/** Converts a schema for values as templates write them, with their defaults in that form. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: "any",
    override({ zodSchema, jsonSchema }) {
      // A transform has no schema of its own; each kind of action has an entry in $defs instead.
      if (jsonSchema.format === "starts_with") delete jsonSchema.format; // This format is zod's own and not part of the standard.
      if (zodSchema === actionSchema) Object.assign(jsonSchema, { $ref: "#/$defs/action" });
      // zod leaves the documented default of a transformed value out.
      const { default: documented } = z.globalRegistry.get(zodSchema) ?? {};
      if (documented !== undefined) Object.assign(jsonSchema, { default: documented });
    },
  });
  return rest as JsonSchema;
}

/** Returns the schema of an action with the common fields. */
export function actionJsonSchema(name: string): JsonSchema {
  const found = ACTION_SCHEMAS.find((action) => action.name === name);
  const type = ACTIONS.find((action) => action.name === name);
  if (!found || !type) throw new Error(`there is no action ${name}`);
  return { ...jsonSchemaOf(found.schema), title: name, description: type.summary };
}

/** Returns the template's schema as in the code, with `$ref`s for actions; for the reference. */
export function plainTemplateSchema(): JsonSchema {
  return jsonSchemaOf(templateSchema);
}

/**
 * Returns whether the schema would reject a string with a reference, although the template accepts
 * it.
 */
function refusesReferences(schema: JsonSchema): boolean {
  const { type } = schema;
  if ("const" in schema) return false;
  if (type === "integer" || type === "number" || type === "boolean") return true;
  return type === "string" && (schema.enum !== undefined || schema.pattern !== undefined);
}

/** Returns the schema with references accepted wherever the template accepts them. */
function withReferences(schema: JsonSchema): JsonSchema {
  if (refusesReferences(schema)) {
    const { description, default: value, ...own } = schema;
    return {
      ...(description === undefined ? {} : { description }),
      ...(value === undefined ? {} : { default: value }),
      anyOf: [own, { $ref: REFERENCE }],
    };
  }
  const { properties, items, additionalProperties, anyOf } = schema;
  return {
    ...schema,
    ...(properties ? { properties: mapValues(properties, withReferences) } : {}),
    ...(items ? { items: withReferences(items) } : {}),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: withReferences(additionalProperties) }
      : {}),
    ...(anyOf ? { anyOf: anyOf.map(withReferences) } : {}),
  };
}

function mapValues<T>(record: Readonly<Record<string, T>>, map: (value: T) => T) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

/** Returns the complete schema, as printed by `vmbuild schema` and stored in `schemas/`. */
export function templateJsonSchema(): JsonSchema {
  const plain = plainTemplateSchema();
  const { variables, ...rest } = plain.properties ?? {};
  const strict = withReferences({ ...plain, properties: rest });
  // Declarations of variables cannot contain references, so they are not changed.
  const properties = { ...strict.properties, ...(variables ? { variables } : {}) };
  const { required: _required, properties: _properties, ...whole } = strict;
  const partial = partialProperties(properties);
  const actions = ACTIONS.map(({ name }) => withReferences(actionJsonSchema(name)));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "vmbuild template",
    description: "Template for `vmbuild run`. Comments and trailing commas are allowed.",
    ...whole,
    properties: partial.properties,
    anyOf: [
      {
        description: "template that extends another one, which provides what is missing",
        required: ["extends"],
      },
      { $ref: "#/$defs/complete" },
    ],
    $defs: {
      complete: completeSchema(properties),
      ...partial.items,
      action: {
        description: "action of a step; the key that names its kind is required",
        anyOf: ACTIONS.map(({ name }) => ({ $ref: `#/$defs/action-${name}` })),
      },
      ...Object.fromEntries(ACTIONS.map(({ name }, index) => [`action-${name}`, actions[index]])),
      reference: {
        description: "reference: ${var.NAME}, ${input.NAME}, ${name} or ${version}",
        type: "string",
        pattern: String.raw`\$\{(name|version|(var|input)\.[^{}]+)\}`,
      },
    },
  };
}

/** Returns {@link templateJsonSchema} as text. */
export function templateSchemaText(): string {
  return `${JSON.stringify(templateJsonSchema(), null, 2)}\n`;
}
