import { describe, expect, it } from "vitest";
import { ACTIONS } from "../../../src/steps/registry.js";
import { templateJsonSchema } from "../../../src/template/json-schema.js";

type Json = Record<string, unknown>;

/** Yields every object inside a value. */
function* objectsIn(value: unknown): Generator<Json> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value as Json;
  for (const item of Object.values(value)) yield* objectsIn(item);
}

describe("the JSON Schema", () => {
  const schema = templateJsonSchema();
  const definitions = schema["$defs"] as Json;

  it("has each action, told apart by its required key", () => {
    for (const { name } of ACTIONS) {
      const action = definitions[`action-${name}`] as Json;
      expect(action["required"]).toContain(name);
      expect(action["additionalProperties"]).toBe(false);
      expect(action["properties"]).toHaveProperty("timeout");
    }
  });

  it("refers only to what it defines", () => {
    const refs = [...objectsIn(schema)].flatMap(({ $ref }) =>
      typeof $ref === "string" ? [$ref] : [],
    );
    expect(refs.length).toBeGreaterThan(ACTIONS.length);
    for (const ref of refs) expect(definitions).toHaveProperty(ref.replace("#/$defs/", ""));
  });

  it("accepts a reference where a number or a keyword is expected", () => {
    const [machine] = schema.properties?.["machine"]?.anyOf ?? [];
    const { cpus } = machine?.properties ?? {};
    const number = [{ type: "integer", minimum: 1 }, { $ref: "#/$defs/reference" }];
    expect(cpus).toMatchObject({ anyOf: [...number, { type: "null" }] });
    const { pattern } = definitions["reference"] as { pattern: string };
    const reference = new RegExp(pattern, "u");
    expect(reference.test("${var.cpus}")).toBe(true);
    expect(reference.test("x-${name}")).toBe(true);
    expect(reference.test("${HOME}")).toBe(false);
  });

  it("lets a template that extends another leave out, place and remove", () => {
    const { complete, steps } = definitions as Record<string, Json>;
    expect(schema.anyOf).toMatchObject([{ required: ["extends"] }, { $ref: "#/$defs/complete" }]);
    expect(schema.required).toBeUndefined();
    const base = schema.properties?.["base"]?.anyOf ?? [];
    expect(base.map(({ required }) => required)).toEqual(base.map(() => undefined));
    expect(complete).toMatchObject({
      properties: { base: { anyOf: expect.any(Array) as unknown } },
    });
    expect(steps?.["properties"]).toMatchObject({ before: {}, after: {} });
    expect(schema.properties?.["steps"]).toMatchObject({
      anyOf: [
        { type: "array" },
        { additionalProperties: { anyOf: [{ $ref: "#/$defs/steps" }, { type: "null" }] } },
        { type: "null" },
      ],
    });
  });

  it("describes every key, since that is what editors show", () => {
    const bare = [...objectsIn(schema)].flatMap((object) =>
      Object.entries((object["properties"] ?? {}) as Record<string, Json>)
        .filter(([, property]) => typeof property !== "object" || !property["description"])
        .map(([key]) => key),
    );
    expect(bare).toEqual([]);
  });
});
