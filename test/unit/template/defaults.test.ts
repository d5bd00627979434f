/** Documented defaults of the reference and the JSON Schema are those that a template gets. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { imageFilename } from "../../../src/artifact/names.js";
import { receiveCommand } from "../../../src/guest/upload.js";
import { planOutput } from "../../../src/requirements/plan.js";
import { ACTION_SCHEMAS, actionSchema } from "../../../src/steps/registry.js";
import { isAccepted } from "../../../src/steps/script-options.js";
import { jsonSchemaOf, plainTemplateSchema } from "../../../src/template/json-schema.js";
import type { JsonSchema } from "../../../src/template/json-schema-type.js";
import { templateSchema } from "../../../src/template/schema.js";
import { load, templateText } from "./support.js";

interface Field {
  readonly path: string;
  readonly schema: z.ZodType;
  readonly documented: unknown;
}

/** Lists every field that has a default or documents one, in objects at any depth. */
function fieldsWithDefaults(schema: z.ZodType, path: string): Field[] {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([key, field]) => {
      const { default: documented } = jsonSchemaOf(field);
      const here = `${path}.${key}`;
      const hasDefault = field.safeParse(undefined).data !== undefined;
      const own =
        documented === undefined && !hasDefault ? [] : [{ path: here, schema: field, documented }];
      return [...own, ...fieldsWithDefaults(field, here)];
    });
  }
  if (schema instanceof z.ZodUnion) {
    return (schema.options as z.ZodType[]).flatMap((option) => fieldsWithDefaults(option, path));
  }
  if (schema instanceof z.ZodArray) return fieldsWithDefaults(schema.element as z.ZodType, path);
  if (schema instanceof z.ZodRecord) return fieldsWithDefaults(schema.valueType as z.ZodType, path);
  if (schema instanceof z.ZodPipe) return fieldsWithDefaults(schema.in as z.ZodType, path);
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return fieldsWithDefaults(schema.unwrap() as z.ZodType, path);
  }
  return [];
}

const fields = [
  ...fieldsWithDefaults(templateSchema, "template"),
  ...ACTION_SCHEMAS.flatMap(({ name, schema }) => fieldsWithDefaults(schema, name)),
];
const [late, early] = [
  fields.filter(({ schema }) => schema.parse(undefined) === undefined),
  fields.filter(({ schema }) => schema.parse(undefined) !== undefined),
];

const documented = (path: string): unknown => late.find((field) => field.path === path)?.documented;

describe("documented defaults", () => {
  it.each(early)("$path is $documented", ({ schema, documented: value }) => {
    expect(value).toBeDefined();
    expect(schema.parse(undefined)).toEqual(schema.parse(value));
  });

  it("cover sizes and durations in the form that templates use", () => {
    const { machine, ssh, shutdown } = plainTemplateSchema().properties ?? {};
    expect(machine?.properties?.["memory"]?.default).toBe("16G");
    expect(machine?.properties?.["disk"]?.default).toBe("50G");
    expect(ssh?.properties?.["timeout"]?.default).toBe("30m");
    expect(shutdown?.properties?.["timeout"]?.default).toBe("2m");
  });

  it("make the same template when they are written out", async () => {
    const base = { path: "base.img" };
    const defaults = defaultsOf(plainTemplateSchema());
    const [omitted, written] = [
      await load(templateText({ version: "1", base })),
      await load(templateText({ version: "1", base, ...defaults })),
    ];
    expect(written).toEqual({
      ...omitted,
      folder: written.folder,
      path: written.path,
      digest: written.digest,
      files: written.files,
      source: written.source,
      originOf: written.originOf,
      describeProblem: written.describeProblem,
      output: { ...omitted.output, filename: "demo-1.qcow2", compression: "zstd" },
    });
    expect(planOutput(written)).toEqual(planOutput(omitted));
    expect(imageFilename(written)).toBe(imageFilename(omitted));
  });
});

describe("defaults that are applied after parsing", () => {
  it("are these", () => {
    expect(late.map(({ path }) => path).toSorted()).toEqual([
      "local.cache",
      ...["run.exitCodes", "run.expectReboot", "run.shell", "run.user"],
      ...["script.exitCodes", "script.expectReboot", "script.user"],
      ...["template.machine.binary", "template.machine.firmware", "template.machine.type"],
      "template.output.compression",
      "template.output.filename",
      ...["template.output.patches.filename", "template.output.patches.folder"],
      "upload.owner",
      "write.mode",
      "write.owner",
    ]);
  });

  it("include a written file's mode and owner", () => {
    const mode = Number.parseInt(String(documented("write.mode")), 8);
    expect(receiveCommand("/x", "cat", { mode })).toBe(receiveCommand("/x", "cat", {}));
    // Root creates the file, so that no chown is needed.
    expect(receiveCommand("/x", "cat", {})).not.toContain("chown");
    expect([documented("write.owner"), documented("upload.owner")]).toEqual(["root", "root"]);
  });
});

it("include the shell of commands, and the exit code of a success", () => {
  expect(documented("run.shell")).toBe("sh");
  expect(actionSchema.parse({ run: "true" }).value).toMatchObject({ shell: "sh" });
  expect(documented("run.exitCodes")).toEqual([0]);
  expect([isAccepted(0, {}), isAccepted(1, {}), isAccepted(null, {})]).toEqual([
    true,
    false,
    false,
  ]);
});

/** Collects the defaults of an object's keys; those of nested objects where they are objects. */
function defaultsOf(schema: JsonSchema): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
      if (key === "version" || property.default === undefined) return [];
      return [[key, property.properties ? defaultsOf(property) : property.default]];
    }),
  );
}
