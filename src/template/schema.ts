/** Defines the template's schema, from which the JSON Schema and the reference are generated. */
import { z } from "zod";
import { ALGORITHMS } from "../artifact/digest.js";
import { COMPRESSIONS, IMAGE_FORMATS, formatNamed } from "../artifact/registry.js";
import { baseSchema } from "../base/registry.js";
import { DEFAULT_LIMITS } from "../checkpoints/retention.js";
import { diskSize, duration, identifier, limitSize, memorySize } from "../fields.js";
import { inputSchema } from "../inputs/registry.js";
import { ACCELERATOR_CHOICES } from "../machine/accelerator.js";
import { stepSchema } from "../steps/schema.js";
import { acceptanceSchema } from "./acceptance-schema.js";
import { collidingDownloads } from "./downloads.js";
import { outputNameProblems } from "./output-names.js";

const GIB = 2 ** 30;
const MINUTE_MS = 60_000;

/** Default values of a template. Sizes are bytes. */
export const DEFAULTS = {
  cpus: 4,
  memory: 16 * GIB,
  disk: 50 * GIB,
  machineType: "q35",
  sshTimeoutMs: 30 * MINUTE_MS,
  shutdownTimeoutMs: 2 * MINUTE_MS,
} as const;

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** Schema of a variable's declaration. */
export const variableSchema = z
  .strictObject({
    type: z
      .enum(["string", "number", "boolean"])
      .optional()
      .describe("the default's type unless given, else string"),
    default: scalar.optional().describe("its value where nobody gives one; without it, one must"),
    description: z.string().optional().describe("what it is for"),
    sensitive: z
      .boolean()
      .default(false)
      .describe("a secret: masked in every log, never in an argument list"),
    allowed: z.array(scalar).min(1).optional().describe("the values that it may have"),
    pattern: z
      .string()
      .optional()
      .describe("a regular expression (JavaScript's) that the whole value must fit"),
  })
  .describe("a value that a user may give");

const machineSchema = z
  .strictObject({
    cpus: z.int().min(1).max(255).default(DEFAULTS.cpus).describe("virtual CPUs; 4 by default"),
    memory: memorySize.default(DEFAULTS.memory).describe('"16G" by default'),
    disk: diskSize.default(DEFAULTS.disk).describe('"50G" by default; at least the base\'s size'),
    accelerator: z
      .enum(ACCELERATOR_CHOICES)
      .default("kvm")
      .describe("kvm (the default), tcg (emulation, slow), or auto: kvm, else tcg with a warning"),
    cpu: z
      .string()
      .optional()
      .describe("QEMU's CPU model; unless given, host with KVM and x86-64-v2 under emulation"),
    type: z
      .string()
      .default(DEFAULTS.machineType)
      .describe('QEMU\'s machine type; "q35" by default'),
    firmware: z.enum(["bios", "uefi"]).default("bios").describe("bios by default"),
    network: z
      .enum(["user", "isolated"])
      .default("user")
      .describe("isolated: no way out for the guest, while the build still reaches it"),
    arguments: z
      .array(z.string())
      .default([])
      .describe("appended to QEMU's argument list; nothing is dropped for it"),
    binary: z
      .string()
      .default("qemu-system-x86_64")
      .describe("the QEMU program: a name on PATH, or a path"),
  })
  .describe("the machine that the build runs in");

const sshSchema = z
  .strictObject({
    user: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "not a user's name")
      .default("root")
      .describe("who logs in; root by default. Another user needs sudo without a password"),
    timeout: duration
      .default(DEFAULTS.sshTimeoutMs)
      .describe('how long the guest may take to answer; "30m" by default'),
  })
  .describe("how the guest is reached");

const seedSchema = z
  .strictObject({
    userData: z
      .string()
      .optional()
      .describe(
        "user-data of your own, of any kind that cloud-init takes; it reaches cloud-init byte for " +
          "byte. All of cloud-init's modules run, and the build waits for them",
      ),
    networkConfig: z.string().optional().describe("a network-config file of your own"),
  })
  .describe("what cloud-init is told beside what the build needs");

const fileName = z
  .string()
  .regex(/^[^/\0]+$/, "a file name without folders")
  .refine((name) => name !== "." && name !== "..", "a file name");

const outputSchema = z
  .strictObject({
    directory: z
      .string()
      .refine((path) => /^[^\0]+$/.test(path), "the path of a folder; it cannot be empty")
      .default("output/${name}")
      .describe('relative to the current folder; "output/${name}" by default'),
    filename: fileName
      .optional()
      .describe('"${name}-${version}.qcow2" by default, with the format\'s ending'),
    format: z.enum(IMAGE_FORMATS).default("qcow2").describe("qcow2 by default"),
    compression: z
      .enum(COMPRESSIONS)
      .optional()
      .describe("zstd by default (QEMU 5.1 and later read it); zlib for older readers; none"),
    reproducible: z
      .boolean()
      .default(false)
      .describe("the same disk always becomes the same bytes; conversion takes longer"),
    checksums: z
      .array(z.enum(ALGORITHMS))
      .default(["sha256", "md5"])
      .describe('["sha256", "md5"] by default; each becomes a file beside the image'),
  })
  .superRefine(({ format, compression }, context) => {
    const { compressions } = formatNamed(format);
    if (compression === undefined || compressions.includes(compression)) return;
    const message =
      compressions.length === 1 && compressions[0] === "none"
        ? `a ${format} image cannot be compressed`
        : `the compressions of the format ${format} are ${compressions.join(", ")}`;
    context.addIssue({ code: "custom", path: ["compression"], message });
  })
  .describe("the artifact");

const checkpointsSchema = z
  .union([
    z.boolean(),
    z.strictObject({
      keep: z
        .int()
        .min(1)
        .default(DEFAULT_LIMITS.count)
        .describe(`how many are kept; ${DEFAULT_LIMITS.count} by default`),
      size: limitSize
        .default(DEFAULT_LIMITS.size)
        .describe('how much room they may take; "20G" by default'),
    }),
  ])
  .default(true)
  .describe(
    "states of the machine, memory too, from which a later run goes on; false: none are kept",
  );

/** Schema of the whole template. */
export const templateSchema = z
  .strictObject({
    $schema: z.string().optional().describe("for editors; ignored"),
    name: identifier.describe("the build's name: of its folder, its artifact, its state"),
    version: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9.+~_-]*$/, "a version has letters, digits and . + ~ _ -")
      .default("0.0.0")
      .describe("the image's version; part of the artifact's name"),
    description: z.string().optional().describe("what the image is for"),
    variables: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a name for a variable"),
        variableSchema,
      )
      .default({})
      .describe("values that a user may give: --var, --var-file, VMBUILD_VAR_<name>"),
    inputs: z
      .record(identifier, inputSchema)
      .default({})
      .describe("files and trees that steps use"),
    base: baseSchema,
    machine: machineSchema.prefault({}),
    ssh: sshSchema.prefault({}),
    seed: seedSchema.prefault({}),
    steps: z.array(stepSchema).default([]).describe("what is done in the guest, in order"),
    checkpoints: checkpointsSchema,
    seal: z
      .boolean()
      .default(true)
      .describe("remove what the build put into the guest, and prove that it is gone"),
    shutdown: z
      .strictObject({
        timeout: duration
          .default(DEFAULTS.shutdownTimeoutMs)
          .describe('how long the guest may take to switch off; "2m" by default'),
      })
      .prefault({})
      .describe("how the machine is stopped"),
    output: outputSchema.prefault({}),
    acceptance: acceptanceSchema.optional(),
  })
  .superRefine((template, context) => {
    const seen = new Set<string>();
    for (const [index, step] of template.steps.entries()) {
      if (seen.has(step.name)) {
        const message = `another step is already called "${step.name}"`;
        context.addIssue({ code: "custom", path: ["steps", index, "name"], message });
      }
      seen.add(step.name);
    }
    const outputProblems = [...outputNameProblems(template), ...collidingDownloads(template.steps)];
    for (const { path, message } of outputProblems) {
      context.addIssue({ code: "custom", path: [...path], message });
    }
  });

/** Template after variables, defaults and units. Sizes are bytes, durations milliseconds. */
export type TemplateValues = z.infer<typeof templateSchema>;
/** Declaration of a variable. */
export type VariableDeclaration = z.infer<typeof variableSchema>;
