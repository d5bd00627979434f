/**
 * Derives the JSON Schema of templates that extend another one: what a parent provides may be
 * missing, and `null` removes it.
 */
import type { JsonSchema } from "./json-schema-type.js";

type Properties = Readonly<Record<string, JsonSchema>>;

const NULL: JsonSchema = { type: "null" };

/** Keys that every template has itself. */
const OWN_KEYS = new Set(["$schema", "extends"]);

/** Returns the schema with `null` accepted as well. The description stays where editors show it. */
function orNull(schema: JsonSchema): JsonSchema {
  const { description, default: value, ...own } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(value === undefined ? {} : { default: value }),
    anyOf: [...(own.anyOf && Object.keys(own).length === 1 ? own.anyOf : [own]), NULL],
  };
}

/** Returns whether the items of a list have names, by which they are merged. */
const hasNames = ({ items }: JsonSchema): boolean => {
  const forms = items?.anyOf ?? (items ? [items] : []);
  return forms.length > 0 && forms.every(({ properties }) => properties?.["name"] !== undefined);
};

const withoutName = (schema: JsonSchema): JsonSchema => ({
  ...schema,
  ...(schema.required ? { required: schema.required.filter((key) => key !== "name") } : {}),
  ...(schema.anyOf ? { anyOf: schema.anyOf.map(withoutName) } : {}),
});

/** Schemas of named items, by the names under which they are referred to. */
type Items = Record<string, JsonSchema>;

/** Returns the schema of a list of named items, or of an object with the items by name. */
function namedList(schema: JsonSchema, name: string, items: Items): JsonSchema {
  const { description, default: value, ...list } = schema;
  items[name] = withoutName(schema.items ?? {});
  const item = { $ref: `#/$defs/${name}` };
  return {
    ...(description === undefined ? {} : { description }),
    ...(value === undefined ? {} : { default: value }),
    anyOf: [
      { ...list, items: { allOf: [item, { required: ["name"] }] } },
      { type: "object", additionalProperties: { anyOf: [item, NULL] } },
    ],
  };
}

/** Returns the schema of a value of which a parent may provide parts. */
function partial(schema: JsonSchema, name: string, items: Items): JsonSchema {
  if (schema.items) return hasNames(schema) ? namedList(schema, name, items) : schema;
  const inner = (one: JsonSchema, key: string): JsonSchema => partial(one, `${name}-${key}`, items);
  const { required: _, ...rest } = schema;
  const { properties, additionalProperties, anyOf } = schema;
  return {
    ...rest,
    ...(properties
      ? { properties: mapValues(properties, (one, key) => orNull(inner(one, key))) }
      : {}),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: orNull(inner(additionalProperties, "item")) }
      : {}),
    ...(anyOf ? { anyOf: anyOf.map((form, index) => inner(form, String(index))) } : {}),
  };
}

function mapValues(record: Properties, map: (value: JsonSchema, key: string) => JsonSchema) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}

/**
 * Returns the schemas of a template's keys, of which a parent may provide parts, and those of the
 * items to which they refer.
 */
export function partialProperties(properties: Properties): {
  readonly properties: Properties;
  readonly items: Readonly<Items>;
} {
  const items: Items = {};
  const all = mapValues(properties, (schema, key) =>
    OWN_KEYS.has(key) ? schema : orNull(partial(schema, key, items)),
  );
  return { properties: all, items };
}

/** Returns the keys at and below a schema that it requires, without descriptions and types. */
function requirementsOf(schema: JsonSchema): JsonSchema | undefined {
  const { properties, additionalProperties, required, anyOf } = schema;
  if (schema.items) return undefined;
  if (anyOf) {
    const forms = anyOf.map(requirementsOf);
    return forms.some(Boolean) ? { anyOf: anyOf.map((form) => formOf(form)) } : undefined;
  }
  const inner = Object.entries(properties ?? {}).flatMap(([key, value]) => {
    const found = requirementsOf(value);
    return found ? [[key, { description: value.description ?? key, ...found }] as const] : [];
  });
  const items =
    typeof additionalProperties === "object" ? requirementsOf(additionalProperties) : undefined;
  if (inner.length === 0 && !required && !items) return undefined;
  return {
    ...(required ? { required } : {}),
    ...(inner.length > 0 ? { properties: Object.fromEntries(inner) } : {}),
    ...(items ? { additionalProperties: items } : {}),
  };
}

/** Returns what tells a form of a value from the others, with what it requires. */
function formOf(form: JsonSchema): JsonSchema {
  const own = requirementsOf(form) ?? {};
  const type = form.type === undefined || "required" in own ? {} : { type: form.type };
  return { ...type, ...own };
}

/**
 * Returns the requirements of a template without a parent. `name` and `base` are missing in
 * templates that are only extended.
 */
export function completeSchema(properties: Properties): JsonSchema {
  const { properties: inner = {} } = requirementsOf({ type: "object", properties }) ?? {};
  return {
    description: "template that extends no other one",
    type: "object",
    properties: inner,
  };
}
