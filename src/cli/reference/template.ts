/** Renders docs/template.md from the template's schema and the actions. */
import { ACTIONS } from "../../steps/registry.js";
import { actionJsonSchema, plainTemplateSchema } from "../../template/json-schema.js";
import type { JsonSchema } from "../../template/json-schema.js";
import { SHELL_KEYS } from "../../template/interpolate.js";
import { cell, code, GENERATED, table } from "./markdown.js";

/** Describes a type: `text`, `list of text`, `one of a, b`. */
function typeOf(schema: JsonSchema): string {
  if ("const" in schema) return code(JSON.stringify(schema["const"]));
  if (schema.enum) return `one of ${schema.enum.map((value) => code(String(value))).join(", ")}`;
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (Array.isArray(schema.type)) return schema.type.map(nameOf).join(" or ");
  if (schema.type === "array") return `list of ${schema.items ? typeOf(schema.items) : "anything"}`;
  if (schema.type === "object") return "object";
  return "$ref" in schema ? "[action](#actions)" : nameOf(String(schema.type));
}

function nameOf(type: string): string {
  const names: Record<string, string> = { string: "text", integer: "whole number" };
  return names[type] ?? type;
}

/** Formats a default value; empty ones are omitted. */
function defaultOf(schema: JsonSchema): string {
  const { default: value } = schema;
  if (value === undefined) {
    // Sizes and durations are converted to numbers, so their defaults appear only in the
    // description.
    const told = /(?:^|[;\s])("[^"]*"|false|zstd) (?:by default|otherwise)/;
    const text = told.exec(schema.description ?? "")?.[1];
    return text === undefined ? "" : code(text);
  }
  if (JSON.stringify(value) === "{}" || JSON.stringify(value) === "[]") {
    return "";
  }
  return code(JSON.stringify(value));
}

function rowsOf(schema: JsonSchema): string[][] {
  return Object.entries(schema.properties ?? {}).map(([key, property]) => {
    const required = schema.required?.includes(key) === true;
    const unset = required ? "required" : defaultOf(property);
    return [code(key), typeOf(property), unset, cell(property.description ?? "")];
  });
}

function keyTable(schema: JsonSchema): string {
  return table(["Key", "Type", "Default", "Meaning"], rowsOf(schema));
}

/** Deepest heading level of Markdown. */
const DEEPEST = 6;

/** Renders a section for an object's keys, for each of its forms, and for its nested objects. */
function section(
  path: string,
  schema: JsonSchema,
  level: number,
  described: Map<string, string>,
): string[] {
  const inner =
    schema.items ??
    (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined);
  const name = schema.items ? `${path}[]` : inner ? `${path}.NAME` : path;
  const shape = inner ?? schema;
  if (!shape.properties && !shape.anyOf?.some((form) => form.properties)) return [];
  const about = [schema.description, inner?.description].filter((text) => text !== undefined);
  const forms = (shape.anyOf ?? [shape]).filter((form) => form.properties);
  const text = JSON.stringify(forms);
  const earlier = described.get(text);
  const title = [
    `${"#".repeat(Math.min(level, DEEPEST))} ${code(name)}`,
    cell(sentence(about.join("; "))),
  ];
  // An object that occurs in several places is described once.
  if ((forms.length > 1 || level > DEEPEST) && earlier !== undefined)
    return [...title, `See ${code(earlier)}.`];
  described.set(text, name);
  return [
    ...title,
    ...forms.flatMap((form) => [
      ...(forms.length > 1 ? [`**${sentence(form.description ?? "")}**`] : []),
      keyTable(form),
      ...Object.entries(form.properties ?? {}).flatMap(([key, property]) =>
        "$ref" in (property.items ?? {})
          ? []
          : section(`${name}.${key}`, property, level + 1, described),
      ),
    ]),
  ];
}

function sentence(text: string): string {
  return text === "" ? "" : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function actionSection(name: string, summary: string, example: string): string[] {
  return [
    `### ${code(name)}`,
    summary,
    `\`\`\`json\n${example}\n\`\`\``,
    keyTable(actionJsonSchema(name)),
  ];
}

const INTRODUCTION = `A template is a JSON file; comments and trailing commas are fine. Unknown keys are errors, and
all errors are listed at once with file, line and column. Paths are relative to the template,
except \`output.directory\`, which is relative to the current folder.

**Sizes** are text such as \`"512M"\`, \`"16G"\` or \`"1.5T"\` (powers of 1024), or a number of bytes.
**Durations** are text such as \`"90s"\`, \`"30m"\` or \`"1h30m"\`.

**References** stand in any text: \`\${var.NAME}\`, \`\${input.NAME}\` (the path of an input on the
host), \`\${name}\` and \`\${version}\`. A reference that is all of a text keeps its value's type. In
shell texts (${[...SHELL_KEYS].map(code).join(", ")}) any other \`\${…}\` is the shell's own and
stays; elsewhere it is an error. \`$\${\` stands for a plain \`\${\`.

**Variables** get their values, in rising precedence, from the default, the environment
(\`VMBUILD_VAR_<name>\`), \`--var-file\` and \`--var\`. Any value of the template can be replaced for
one run: \`--set machine.memory=8G\`.`;

/** Renders docs/template.md. */
export function templatePage(): string {
  const schema = plainTemplateSchema();
  const described = new Map<string, string>();
  const sections = Object.entries(schema.properties ?? {}).flatMap(([key, property]) =>
    section(key, property, 3, described),
  );
  return `${[
    "# Templates",
    GENERATED,
    INTRODUCTION,
    "## Keys",
    keyTable(schema),
    ...sections,
    "## Actions",
    `Each action of a step is an object with exactly one of these keys, and the fields below it.`,
    ...ACTIONS.flatMap(({ name, summary, example }) => actionSection(name, summary, example)),
  ]
    .filter((part) => part !== "")
    .join("\n\n")}\n`;
}
