/** Renders docs/template.md from the template's schema and the actions. */
import { ACTIONS } from "../../steps/registry.js";
import { actionJsonSchema, plainTemplateSchema } from "../../template/json-schema.js";
import type { JsonSchema } from "../../template/json-schema-type.js";
import { SHELL_KEYS } from "../../template/interpolate.js";
import { cell, code, GENERATED, table } from "./markdown.js";

/** Formats a type: `string`, `list of string`, `one of a, b`. */
function typeOf(schema: JsonSchema): string {
  if ("const" in schema) return code(JSON.stringify(schema["const"]));
  if (schema.enum) return `one of ${schema.enum.map((value) => code(String(value))).join(", ")}`;
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  if (schema.type === "array") return `list of ${schema.items ? typeOf(schema.items) : "anything"}`;
  if (schema.type === "object") return "object";
  return "$ref" in schema ? "[action](#actions)" : String(schema.type);
}

/** Formats a key's default; empty objects, lists and strings are left out. */
function defaultOf({ default: value }: JsonSchema): string {
  const text = JSON.stringify(value);
  return value === undefined || ["{}", "[]", '""'].includes(text) ? "" : code(text);
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

/** Deepest level of headings in Markdown. */
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
  const forms = (shape.anyOf ?? [shape]).filter((form) => form.properties);
  const text = JSON.stringify(forms);
  const earlier = described.get(text);
  const title = [
    `${"#".repeat(Math.min(level, DEEPEST))} ${code(name)}`,
    cell(sentence(inner?.description ?? schema.description ?? "")),
  ];
  // A section that is equal to an earlier one refers to it.
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

const INTRODUCTION = `A template is a JSON file; comments and trailing commas are allowed. Unknown keys are errors. All
errors are listed at once with file, line and column. Paths are relative to the file in which they
stand, except \`output.directory\`, which is relative to the current folder. A template can extend
another one ([composition](composition.md)).

**Sizes** are strings such as \`"512M"\`, \`"16G"\` or \`"1.5T"\` (powers of 1024), or a number of bytes.
**Durations** are strings such as \`"90s"\`, \`"30m"\` or \`"1h30m"\`.

**References** can be used in any string: \`\${var.NAME}\`, \`\${input.NAME}\` (the path of an input on
the host), \`\${git.branch}\`, \`\${git.commit}\` and \`\${git.dirty}\` ([commits](commits.md)),
\`\${name}\` and \`\${version}\`. If a string consists of one reference only, the value keeps
its type. In shell code (${[...SHELL_KEYS].map(code).join(", ")}) any other \`\${…}\` is left to the
shell; elsewhere it is an error. \`$\${\` produces a literal \`\${\`. \`base.install\` has two more
([installers](installers.md)).

**Variables** get their values, in increasing order of precedence, from the default, the environment
(\`VMBUILD_VAR_<name>\`), \`--var-file\` and \`--var\`. \`--set machine.memory=8G\` replaces any value of
the template for one run.`;

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
