/** The template's JSON Schema (draft 2020-12), for editors and for the reference. */
import { z } from "zod";
import { ACTIONS, ACTION_SCHEMAS, actionSchema } from "../steps/registry.js";
import { templateSchema } from "./schema.js";

/** A JSON Schema, as far as it is looked into here. */
export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
}

/** `${var.cpus}` may stand for a number, a switch, or one of a few words. */
const REFERENCE = "#/$defs/reference";

/** Converts a schema for values as templates write them, with their defaults in that form. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: "any",
    override({ zodSchema, jsonSchema }) {
      // A transform has no schema of its own: each kind of action has its entry in $defs.
      if (jsonSchema.format === "starts_with") delete jsonSchema.format; // zod's own, not a standard's
      if (zodSchema === actionSchema) Object.assign(jsonSchema, { $ref: "#/$defs/action" });
      // zod leaves the documented default of a transformed value out.
      const { default: documented } = z.globalRegistry.get(zodSchema) ?? {};
      if (documented !== undefined) Object.assign(jsonSchema, { default: documented });
    },
  });
  return rest as JsonSchema;
}

/** The schema of one kind of action, with the fields that all have. */
export function actionJsonSchema(name: string): JsonSchema {
  const found = ACTION_SCHEMAS.find((action) => action.name === name);
  const type = ACTIONS.find((action) => action.name === name);
  if (!found || !type) throw new Error(`there is no action ${name}`);
  return { ...jsonSchemaOf(found.schema), title: name, description: type.summary };
}

/** The template's schema as it is in the code, actions being `$ref`s; for the reference. */
export function plainTemplateSchema(): JsonSchema {
  return jsonSchemaOf(templateSchema);
}

/** Whether a text with a reference in it would not fit, although it is right. */
function refusesReferences(schema: JsonSchema): boolean {
  const { type } = schema;
  if ("const" in schema) return false;
  if (type === "integer" || type === "number" || type === "boolean") return true;
  return type === "string" && (schema.enum !== undefined || schema.pattern !== undefined);
}

/** The schema with references accepted wherever the template accepts them. */
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

/** The whole schema: what `vmbuild schema` prints and `schemas/` holds. */
export function templateJsonSchema(): JsonSchema {
  const plain = plainTemplateSchema();
  const { variables, ...rest } = plain.properties ?? {};
  const { properties, ...whole } = withReferences({ ...plain, properties: rest });
  const actions = ACTIONS.map(({ name }) => withReferences(actionJsonSchema(name)));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "vmbuild template",
    description: "Template for `vmbuild run`. Comments and trailing commas are allowed.",
    ...whole,
    // Declarations of variables name no other variables, so they stay as they are.
    properties: { ...properties, ...(variables ? { variables } : {}) },
    $defs: {
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

/** The text of {@link templateJsonSchema}. */
export function templateSchemaText(): string {
  return `${JSON.stringify(templateJsonSchema(), null, 2)}\n`;
}
