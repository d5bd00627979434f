/**
 * Defines the schema of an entry of OpenNebula's community marketplace, one YAML file for each
 * appliance (github.com/OpenNebula/marketplace-community).
 */
import { z } from "zod";

const text = z.string().trim().min(1, "is empty");

/** Without quotes, YAML reads 24.04 and 7.0 as numbers and loses digits. */
const quoted = z
  .string({
    error: ({ input }) =>
      input === undefined
        ? "is missing; a string is required"
        : "must be a string: put it in quotes",
  })
  .trim()
  .min(1, "is empty");

const hex = (digits: number, name: string) =>
  z
    .string()
    .regex(
      new RegExp(`^[0-9a-f]{${digits}}$`),
      `is not a valid ${name}, which has ${digits} lower-case hexadecimal digits`,
    );

const epoch = z.int("is not a time in whole seconds since 1970").positive();

/** Types of OpenNebula's user inputs (its manual, "User Inputs"). */
const INPUT_TYPES = [
  ...["text", "text64", "password", "boolean", "fixed", "list", "list-multiple"],
  ...["number", "number-float", "range", "range-float"],
] as const;

const userInput = z.string().superRefine((value, context) => {
  const parts = value.split("|");
  const [mandatory = "", type = "", description = ""] = parts;
  const problems = [
    ["M", "O"].includes(mandatory) ? "" : `begins with ${mandatory || "nothing"}, not with M or O`,
    (INPUT_TYPES as readonly string[]).includes(type)
      ? ""
      : `has the type ${type || "(none)"}, not one of ${INPUT_TYPES.join(", ")}`,
    description.trim() === "" ? "has no description" : "",
    parts.length > 5 ? `has ${parts.length} parts, not M|type|description|options|default` : "",
  ];
  for (const message of problems.filter((problem) => problem !== "")) {
    context.addIssue({ code: "custom", message });
  }
});

const lowerCase = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, "a key consists of lower-case letters, digits and underscores");

type Attribute = string | { readonly [key: string]: Attribute } | readonly Attribute[];

/** Attribute of an OpenNebula template: a text, a vector of texts, or several of one name. */
const attribute: z.ZodType<Attribute> = z.lazy(() =>
  z.union([quoted, z.record(lowerCase, attribute), z.array(attribute)]),
);

const template = z
  .object({
    cpu: quoted,
    vcpu: quoted.optional(),
    memory: quoted,
    context: z.record(lowerCase, quoted),
    graphics: z.record(lowerCase, quoted).optional(),
    inputs_order: z.string().optional(),
    user_inputs: z.record(lowerCase, userInput).optional(),
  })
  .catchall(attribute)
  .superRefine((value, context) => {
    for (const key of Object.keys(value)) {
      const parsed = lowerCase.safeParse(key);
      const message = parsed.error?.issues[0]?.message;
      if (message) context.addIssue({ code: "custom", path: [key], message });
    }
    const { inputs_order: order, user_inputs: inputs = {} } = value;
    const names = Object.keys(inputs).map((name) => name.toUpperCase());
    const listed = order === undefined || order === "" ? [] : order.split(",");
    const report = (message: string): void => {
      context.addIssue({ code: "custom", path: ["inputs_order"], message });
    };
    for (const name of listed) {
      if (name !== name.trim()) report(`has spaces around ${name.trim()}`);
      else if (!/^[A-Z][A-Z0-9_]*$/.test(name)) report(`${name} is not in upper case`);
      else if (!names.includes(name)) report(`${name} is not among the user_inputs`);
    }
    for (const name of names) {
      const count = listed.filter((other) => other === name).length;
      if (count !== 1) report(`${name} occurs in it ${count === 0 ? "not at all" : "twice"}`);
    }
  });

const image = z.strictObject({
  name: text,
  url: z.url({ protocol: /^https?$/, error: "is not an http(s) URL" }),
  type: z.enum(["OS", "DATABLOCK", "CDROM"]),
  dev_prefix: z.enum(["vd", "sd", "hd"]),
  driver: z.enum(["qcow2", "raw"]),
  size: z.int("is not a whole number of bytes").positive(),
  checksum: z.strictObject({ md5: hex(32, "md5"), sha256: hex(64, "sha256") }),
});

/** Schema of the whole entry. */
export const entrySchema = z
  .strictObject({
    name: text,
    version: quoted,
    "one-apps_version": quoted.optional(),
    publisher: text,
    publisher_email: text.optional(),
    description: text,
    short_description: text,
    tags: z.array(text).min(1, "has no tag"),
    format: z.enum(["qcow2", "raw"]),
    creation_time: epoch,
    modification_time: epoch.optional(),
    "os-id": text,
    "os-release": quoted,
    "os-arch": z.enum(["x86_64", "aarch64"]),
    hypervisor: z.enum(["KVM", "LXC"]),
    opennebula_version: quoted,
    opennebula_template: template,
    logo: text,
    images: z.array(image).min(1, "has no image"),
  })
  .superRefine((entry, context) => {
    const [first] = entry.images;
    if (first && first.driver !== entry.format) {
      const message = `is ${first.driver}, while format is ${entry.format}`;
      context.addIssue({ code: "custom", path: ["images", 0, "driver"], message });
    }
    const names = entry.images.map(({ name }) => name);
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) === index) continue;
      const message = `the name ${name} is used by another image`;
      context.addIssue({ code: "custom", path: ["images", index, "name"], message });
    }
  });
